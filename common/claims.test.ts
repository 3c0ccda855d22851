import { expect, it } from 'vitest';
import { Claims } from './claims.ts';

it('leaves a thing to the first that claimed it, and nothing to one that does not get all', () => {
  const claims = new Claims();
  expect(claims.claim(['port 80', 'port 81'], 'a')).toBeUndefined();
  expect(claims.claim(['port 82', 'port 81'], 'b')).toEqual({ key: 'port 81', owner: 'a' });
  expect(claims.claim(['port 82', 'port 82'], 'c')).toBeUndefined();
});
