import { beforeEach, describe, expect, it } from 'vitest';
import { RunningConfiguration } from './running-configuration.ts';

const A = { sha256: 'aa', plan: 'p1' };
const B = { sha256: 'bb', plan: 'p2' };
/** The same text for another plan, as when a plan changes nothing on this node. */
const A_LATER = { sha256: 'aa', plan: 'p3' };

let running: RunningConfiguration<typeof A>;

beforeEach(() => {
  running = new RunningConfiguration();
});

describe('the configuration that runs', () => {
  it('is not known before the supervisor reports one that was offered', () => {
    expect([running.offer(A), running.current]).toEqual([false, undefined]);
    expect([running.report(undefined), running.current]).toEqual([false, undefined]);
    expect([running.report('of an earlier process'), running.current]).toEqual([false, undefined]);
    expect([running.report('aa'), running.current]).toEqual([true, A]);
  });

  it('is one that was reported before it was made, as after a restart of this process', () => {
    running.report('aa');
    expect([running.offer(A), running.current]).toEqual([true, A]);
  });

  it('is told once', () => {
    running.offer(A);
    running.report('aa');
    expect([running.report('aa'), running.offer(A)]).toEqual([false, false]);
  });

  it('stays while the next is offered, refused, or nothing is reported', () => {
    running.offer(A);
    running.report('aa');
    expect([running.offer(B), running.report('aa'), running.report(undefined)]).toEqual([false, false, false]);
    expect(running.current).toBe(A);
    expect([running.report('bb'), running.current]).toEqual([true, B]);
  });

  it('is the newest of those with the same text', () => {
    running.offer(A);
    running.report('aa');
    expect([running.offer(A_LATER), running.current]).toEqual([true, A_LATER]);
  });
});
