import { describe, expect, it } from 'vitest';
import { NewcomerVerdicts } from './verdicts.ts';

type Attempt = Parameters<NewcomerVerdicts['ended']>[0];

const attempt = (startMs: number, ok: boolean, who = ok ? 'node1' : 'EHOSTUNREACH'): Attempt => [
  '10.0.0.1',
  startMs,
  startMs + 25,
  ok,
  who,
];

function began(...startsMs: number[]): NewcomerVerdicts {
  const verdicts = new NewcomerVerdicts();
  for (const startMs of startsMs) verdicts.began(startMs);
  return verdicts;
}

describe('a client that forgets its neighbour before each attempt', () => {
  it('counts an attempt as not made that the next one broke off, when that succeeds', () => {
    const verdicts = began(0, 20);
    expect(verdicts.ended(attempt(0, false))).toEqual({ judged: [], notMade: 0 });
    expect(verdicts.ended(attempt(20, true))).toEqual({ judged: [attempt(20, true)], notMade: 1 });
  });

  it('does so also when the next one has ended before', () => {
    const verdicts = began(0, 20);
    verdicts.ended(attempt(20, true));
    expect(verdicts.ended(attempt(0, false))).toEqual({ judged: [], notMade: 1 });
  });

  it('counts all of them as failed while the next one fails as well', () => {
    const verdicts = began(0, 20, 40, 60);
    expect(verdicts.ended(attempt(0, false)).judged).toEqual([]);
    expect(verdicts.ended(attempt(20, false)).judged).toEqual([attempt(0, false)]);
    expect(verdicts.ended(attempt(40, false)).judged).toEqual([attempt(20, false)]);
    expect(verdicts.ended(attempt(60, true))).toEqual({ judged: [attempt(60, true)], notMade: 1 });
  });

  it.each(['ECONNREFUSED', 'timeout'])('counts a failure of another kind at once: %s', (who) => {
    const verdicts = began(0, 20);
    expect(verdicts.ended(attempt(0, false, who)).judged).toEqual([attempt(0, false, who)]);
  });

  it('counts a failure that nothing broke off', () => {
    expect(began(0).ended(attempt(0, false)).judged).toEqual([attempt(0, false)]);
  });

  it('counts what is in doubt at the end as failed', () => {
    const verdicts = began(0, 20);
    verdicts.ended(attempt(0, false));
    expect(verdicts.rest()).toEqual([attempt(0, false)]);
    expect(verdicts.rest()).toEqual([]);
  });
});
