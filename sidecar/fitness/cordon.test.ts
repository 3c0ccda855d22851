import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Cordon } from './cordon.ts';

const onChange = vi.fn();
const onProblem = vi.fn();
let nowMs: number;
let cordon: Cordon;

beforeEach(() => {
  onChange.mockReset();
  onProblem.mockReset();
  nowMs = 1000;
  cordon = new Cordon({ onChange, onProblem, now: () => nowMs });
});

describe('a cordon', () => {
  it('is not known before the API has told, and counts as none', () => {
    cordon.begin(undefined);
    expect(cordon.state).toEqual({
      watched: true,
      synced: false,
      cordon: undefined,
      sinceMs: undefined,
      problem: null,
    });
    expect(cordon.cordoned).toBe(false);
    expect(onChange).not.toHaveBeenCalled();
  });

  it('is what the API tells, and is told of when it changes', () => {
    cordon.begin(undefined);
    cordon.observe(null);
    expect(onChange).not.toHaveBeenCalled();
    nowMs = 2000;
    cordon.observe('cordoned');
    cordon.observe('cordoned');
    expect(cordon.state).toMatchObject({ synced: true, cordon: 'cordoned', sinceMs: 2000 });
    nowMs = 3000;
    cordon.observe('out of service');
    expect(onChange).toHaveBeenCalledOnce();
    cordon.observe(null);
    expect(onChange).toHaveBeenCalledTimes(2);
    expect(cordon.cordoned).toBe(false);
  });

  it('stays what it was while the API does not tell', () => {
    cordon.begin(undefined);
    cordon.observe('cordoned');
    cordon.report('connect ECONNREFUSED');
    expect(cordon.cordoned).toBe(true);
    expect(cordon.state).toMatchObject({ synced: false, cordon: 'cordoned', problem: 'connect ECONNREFUSED' });
    cordon.report('connect ECONNREFUSED');
    cordon.report(null);
    cordon.observe('cordoned');
    expect(onProblem.mock.calls).toEqual([['connect ECONNREFUSED'], [null]]);
    expect(onChange).toHaveBeenCalledOnce();
    expect(cordon.state).toMatchObject({ synced: true, problem: null });
  });

  it('is what was known before, until the API tells', () => {
    cordon.begin('cordoned');
    cordon.begin(null);
    expect(cordon.state).toMatchObject({ synced: false, cordon: 'cordoned' });
    expect(onChange).toHaveBeenCalledOnce();
  });

  it('ends when nobody asks for it any more, whatever is told late', () => {
    cordon.begin(undefined);
    cordon.observe('cordoned');
    cordon.end();
    expect(cordon.cordoned).toBe(false);
    expect(onChange).toHaveBeenCalledTimes(2);
    cordon.observe('cordoned');
    cordon.report('late');
    cordon.end();
    expect(cordon.state.watched).toBe(false);
    expect(onChange).toHaveBeenCalledTimes(2);
    expect(onProblem).not.toHaveBeenCalled();
  });
});
