import { expect, it } from 'vitest';
import { reasonOf } from './backend-reason.ts';

it('is what HAProxy found of a server that is up or down, and what the server says of itself when that is why it drains', () => {
  const [check, doubt] = ['Layer6 timeout', null];
  expect(reasonOf({ state: 'down', doubt, check }, 'GET /readyz answered 200')).toBe(check);
  expect(reasonOf({ state: 'up', doubt, check: '' }, null)).toBe('not checked yet');
  expect(reasonOf({ state: 'draining', doubt, check }, 'GET /readyz answered 500')).toBe('GET /readyz answered 500');
  expect(reasonOf({ state: 'leaving', doubt, check }, null)).toBe('it is no longer among the API servers');
});

it('is what makes one drain that says of itself that it is ready', () => {
  const doubt = 'it accepts connections and says nothing';
  expect(reasonOf({ state: 'draining', doubt, check: '' }, 'GET /readyz answered 200')).toBe(doubt);
});
