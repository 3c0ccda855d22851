import { expect, it } from 'vitest';
import { renumbered } from './services.ts';

it('a Service with another address, or with none any more, is told', () => {
  const before = new Map([
    ['a', '192.0.2.1'],
    ['b', '192.0.2.2'],
    ['c', '192.0.2.3'],
  ]);
  const after = new Map([
    ['a', '192.0.2.1'],
    ['b', '192.0.2.9'],
    ['c', ''],
  ]);
  expect(renumbered(before, after)).toEqual(['b had 192.0.2.2 and has 192.0.2.9', 'c had 192.0.2.3 and has none']);
});
