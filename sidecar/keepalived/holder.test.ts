import { beforeEach, describe, expect, it, vi } from 'vitest';
import { HolderTracker } from './holder.ts';

const desired = [
  { address: '192.0.2.100', prefixLength: 24, family: 4 as const, interface: 'eth0' },
  { address: '2001:db8::100', prefixLength: 64, family: 6 as const, interface: 'eth0' },
];
let onInterface: { readonly address: string }[];
let nowMs: number;
let wallMs: number;
const changed = vi.fn();
let tracker: HolderTracker;

beforeEach(() => {
  onInterface = [];
  nowMs = 1000;
  wallMs = 0;
  changed.mockReset();
  tracker = new HolderTracker({
    presentAddresses: () => new Map([['eth0', new Set(onInterface.map(({ address }) => address))]]),
    clock: { monotonicMs: () => nowMs, wallMs: () => nowMs + wallMs },
    onChange: changed,
  });
  tracker.setAddresses(desired);
});

describe('the holder', () => {
  it('is the node that has the address on its interface, whatever keepalived says', () => {
    tracker.notify({ instance: 'vip', state: 'MASTER', priority: 253 });
    expect(tracker.state.holder).toBe(false);
    onInterface = [...desired];
    nowMs = 1500;
    tracker.poll();
    expect(tracker.state).toMatchObject({ holder: true, sinceMs: 1500 });
    expect(changed).toHaveBeenLastCalledWith(expect.objectContaining({ holder: true }));
  });

  it('is told of each change once', () => {
    onInterface = [...desired];
    tracker.notify({ instance: 'vip', state: 'MASTER', priority: 253 });
    tracker.poll();
    tracker.poll();
    expect(changed).toHaveBeenCalledOnce();
  });

  it('is reported as contradicting keepalived only when that lasts longer than a transition', () => {
    tracker.notify({ instance: 'vip', state: 'MASTER', priority: 253 });
    nowMs = 2900;
    tracker.poll();
    expect(tracker.state.disagreement).toBeNull();
    nowMs = 3000;
    tracker.poll();
    expect(tracker.state.disagreement).toBe('keepalived is MASTER without 192.0.2.100 on eth0, 2001:db8::100 on eth0');
    onInterface = [...desired];
    tracker.poll();
    expect(tracker.state.disagreement).toBeNull();
  });

  it('is no holder for a reason worth telling when keepalived stays in FAULT behind an open gate', () => {
    tracker.notify({ instance: 'vip', state: 'FAULT', priority: 244 });
    nowMs = 9000;
    tracker.poll();
    expect(tracker.state.disagreement).toBeNull();
    tracker.setGate(true);
    tracker.poll();
    nowMs = 11_000;
    tracker.poll();
    expect(tracker.state.disagreement).toContain('keepalived is in FAULT although the gate is open');
    tracker.setGate(false);
    tracker.poll();
    expect(tracker.state.disagreement).toBeNull();
  });

  it('that keeps an address which keepalived gave up is named', () => {
    onInterface = desired.slice(0, 1);
    tracker.notify({ instance: 'vip', state: 'BACKUP', priority: 244 });
    nowMs = 4000;
    tracker.poll();
    expect(tracker.state.disagreement).toBe('keepalived is BACKUP but the node has 192.0.2.100 on eth0');
  });

  it('stays the holder while keepalived exchanges all its addresses, and no longer than that takes', () => {
    onInterface = [...desired];
    tracker.notify({ instance: 'vip', state: 'MASTER', priority: 253 });
    tracker.setAddresses([{ address: '192.0.2.7', prefixLength: 24, family: 4, interface: 'eth0' }]);
    expect(tracker.state.holder).toBe(true);
    nowMs += 2000;
    tracker.poll();
    expect(tracker.state.holder).toBe(false);
  });

  it('measures how long an exchange takes by a clock that nobody can set', () => {
    onInterface = [...desired];
    tracker.notify({ instance: 'vip', state: 'MASTER', priority: 253 });
    tracker.setAddresses([{ address: '192.0.2.7', prefixLength: 24, family: 4, interface: 'eth0' }]);
    wallMs = -3_600_000;
    nowMs += 2000;
    tracker.poll();
    expect(tracker.state).toMatchObject({ holder: false, sinceMs: nowMs + wallMs });
  });

  it('is reported as contradicting keepalived after the same time when the clock is set meanwhile', () => {
    tracker.notify({ instance: 'vip', state: 'MASTER', priority: 253 });
    wallMs = -3_600_000;
    nowMs += 2000;
    tracker.poll();
    expect(tracker.state.disagreement).toContain('keepalived is MASTER without');
    onInterface = [...desired];
    tracker.poll();
    onInterface = [];
    tracker.poll();
    wallMs = 3_600_000;
    tracker.poll();
    expect(tracker.state.disagreement).toBeNull();
  });
});
