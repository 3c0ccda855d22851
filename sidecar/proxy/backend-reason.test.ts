import { expect, it } from 'vitest';
import { reasonOf } from './backend-reason.ts';

it('is what HAProxy found of a server that is up or down, and what the server says of itself when that is why it drains', () => {
  const check = 'Layer6 timeout';
  expect(reasonOf({ state: 'down', check }, 'GET /readyz answered 200')).toBe(check);
  expect(reasonOf({ state: 'up', check: '' }, null)).toBe('not checked yet');
  expect(reasonOf({ state: 'draining', check }, 'GET /readyz answered 500')).toBe('GET /readyz answered 500');
  expect(reasonOf({ state: 'leaving', check }, null)).toBe('it is no longer among the API servers');
});
