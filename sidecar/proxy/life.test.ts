import { describe, expect, it } from 'vitest';
import { aliveOf, type LifeMemory, listenForLife } from './life.ts';
import type { ObservedServer, ServerStatistics } from './observed.ts';

const WELL: ObservedServer = {
  ...{ section: 'api', name: 'a', address: 'a', port: 6443 },
  ...{ up: true, failing: false, recovering: false, admin: 'ready' },
};
const failing: ObservedServer = { ...WELL, failing: true };
const down: ObservedServer = { ...WELL, up: false };

function said(bytes: number): readonly ServerStatistics[] {
  return [{ section: 'api', name: 'a', sessions: 1, begun: 1, bytes, weight: 100, check: '', fullHealth: 4 }];
}

/** Looks one after the other, 50 ms apart: each a server's state and what it has said by then. Gives whether it is alive after the last. */
function looks(...all: readonly (readonly [ObservedServer, number])[]): boolean {
  let memory: LifeMemory = new Map();
  for (const [index, [server, bytes]] of all.entries()) {
    memory = listenForLife(memory, [server], said(bytes), 50 * index);
  }
  const [last = WELL] = all.at(-1) ?? [];
  return aliveOf(memory, [last], 50 * (all.length - 1)).has('api/a');
}

describe('a server that is down', () => {
  it('is dead when it has said nothing since its check failed, however much it said before', () => {
    expect(looks([WELL, 100], [WELL, 900], [failing, 1000], [failing, 1000], [down, 1000])).toBe(false);
    expect(looks([WELL, 100], [down, 1000])).toBe(false);
  });

  it('is alive when clients had answers of it after its check failed', () => {
    expect(looks([failing, 1000], [failing, 1001], [down, 1001])).toBe(true);
    expect(looks([down, 1000], [down, 1001])).toBe(true);
  });

  it('is dead when it has said nothing more for as long as checks take to be sure', () => {
    const silence = (count: number) => Array.from({ length: count }, () => [down, 1001] as const);
    expect(looks([failing, 1000], [failing, 1001], ...silence(9))).toBe(true);
    expect(looks([failing, 1000], [failing, 1001], ...silence(10))).toBe(false);
  });

  it('is not known by what it said before it was well in between', () => {
    expect(looks([failing, 1000], [failing, 1001], [WELL, 1001], [down, 1001])).toBe(false);
  });

  it('is alive when it has passed a check since', () => {
    expect(looks([{ ...down, recovering: true }, 0])).toBe(true);
  });

  it('alone is spoken of', () => {
    const memory = listenForLife(listenForLife(new Map(), [failing], said(1), 0), [failing], said(2), 50);
    expect(aliveOf(memory, [failing], 50)).toEqual(new Set());
  });
});
