import { describe, expect, it } from 'vitest';
import { Attempt } from './attempt.ts';

describe('an error before there was an answer', () => {
  it.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])(
    'is not the target’s when this machine had nothing to ask with: %s',
    (code) => {
      const result = new Attempt().connectionError(`connect ${code}`, code);
      expect(result).toMatchObject({ outcome: 'inconclusive', code });
      expect(result.reason).toContain('not counted');
    },
  );

  it.each([
    ['ECONNREFUSED', 'refused'],
    ['EPIPE', 'refused'],
    ['EHOSTUNREACH', 'failure'],
    [undefined, 'failure'],
  ])('is otherwise: %s', (code, outcome) => {
    expect(new Attempt().connectionError('said', code)).toMatchObject({ outcome, reason: 'said' });
  });
});
