import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Drain } from './drain.ts';

let holder: boolean;
const onChange = vi.fn();
let drain: Drain;

beforeEach(() => {
  holder = true;
  onChange.mockReset();
  drain = new Drain({ holder: () => holder, onChange });
});

describe('a drain', () => {
  it('lasts until the last reason is gone', () => {
    drain.begin('requested');
    drain.begin('SIGTERM');
    drain.begin('SIGTERM');
    expect(drain.reasons).toEqual(['requested', 'SIGTERM']);
    drain.end('requested');
    expect(drain.draining).toBe(true);
    drain.end('SIGTERM');
    drain.end('SIGTERM');
    expect(onChange.mock.calls).toEqual([[true], [false]]);
  });

  it('has nothing to wait for on a node that holds nothing', async () => {
    holder = false;
    expect(await drain.waitUntilMoved(5)).toBe('not holding');
  });

  it('waits until the address has moved', async () => {
    const moved = drain.waitUntilMoved(5);
    holder = false;
    expect(await moved).toBe('moved');
  });

  it('gives up after its limit when no other node takes over', async () => {
    expect(await drain.waitUntilMoved(0.05)).toBe('timed out');
  });
});
