import { describe, expect, it } from 'vitest';
import { HeldPools } from './held-pools.ts';
import type { CheckView } from './types.ts';

const up: CheckView = { healthy: true, sinceMs: 1, everFailed: false };
const down = (sinceMs: number): CheckView => ({ healthy: false, sinceMs, everFailed: true });
const pool = { name: 'p', localEndpoints: 'asked', heldEndpoints: ['a', 'b'] };

function setUp(views: Record<string, CheckView>) {
  return new HeldPools((key) => views[key]);
}

describe('what held connections say of a pool', () => {
  it('is that it has none since the last one broke', () => {
    const views: Record<string, CheckView> = { a: up, b: up };
    const held = setUp(views);
    held.update([pool, { name: 'other' }]);
    expect(held.count('asked', { endpoints: 2 })).toBe(true);
    expect(held.view('p')).toEqual({ healthy: true, sinceMs: undefined, everFailed: false });
    views.a = down(20);
    expect(held.view('p')).toMatchObject({ healthy: true });
    views.b = down(10);
    expect(held.view('p')).toEqual({ healthy: false, sinceMs: 20, everFailed: true });
    expect(held.view('other')).toBeUndefined();
  });

  it('counts by the check of its own, and where it says a number', () => {
    const held = setUp({ a: down(1), b: down(1) });
    held.update([pool]);
    expect(held.count('another', { endpoints: 2 })).toBe(false);
    expect(held.count('asked', {})).toBe(false);
    expect(held.view('p')).toMatchObject({ healthy: true });
    expect(held.count('asked', { endpoints: 2 })).toBe(true);
    expect(held.count('asked', { endpoints: 2 })).toBe(false);
    expect(held.view('p')).toMatchObject({ healthy: false });
  });

  it('is known on as long as it is asked at the same place', () => {
    const held = setUp({ a: down(1), b: down(1) });
    held.update([pool]);
    held.count('asked', { endpoints: 2 });
    held.update([pool]);
    expect(held.view('p')).toMatchObject({ healthy: false });
    held.update([{ ...pool, localEndpoints: 'elsewhere' }]);
    expect(held.view('p')).toMatchObject({ healthy: true });
    held.update([]);
    expect(held.view('p')).toBeUndefined();
  });
});
