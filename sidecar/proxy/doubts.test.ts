import { describe, expect, it } from 'vitest';
import { Doubts } from './doubts.ts';
import type { ObservedServer, ServerStatistics } from './observed.ts';

function observed(name: string, failing = false): ObservedServer {
  return { section: 'api', name, address: name, port: 6443, up: true, failing, recovering: false, admin: 'ready' };
}

function statistics(name: string, begun: number, bytes: number): ServerStatistics {
  return { section: 'api', name, sessions: 0, begun, bytes, weight: 100, check: '', fullHealth: 4 };
}

describe('doubts about a server', () => {
  it('are there when its last check failed, and gone when the next one did not', () => {
    const doubts = new Doubts();
    doubts.listen([observed('a', true), observed('b')], [], 0);
    expect([doubts.of('a'), doubts.of('b')]).toEqual(['its last check failed', null]);
    doubts.listen([observed('a'), observed('b')], [], 50);
    expect(doubts.of('a')).toBeNull();
  });

  it('are there when its node may be lost, until it is found or a second is over', () => {
    const doubts = new Doubts();
    doubts.lost('a', 0);
    doubts.lost('b', 0);
    doubts.listen([], [], 999);
    const why = 'its node had the virtual address until now, and may be lost';
    expect([doubts.of('a'), doubts.of('b'), doubts.of('c')]).toEqual([why, why, null]);
    doubts.found('a');
    expect([doubts.of('a'), doubts.of('b')]).toEqual([null, why]);
    doubts.listen([], [], 1000);
    expect(doubts.of('b')).toBeNull();
  });

  it('need its connections once it is given some and ends none, and no others', () => {
    const doubts = new Doubts();
    doubts.listen([observed('a')], [statistics('a', 10, 900)], 0);
    expect(doubts.isUnsure).toBe(false);
    doubts.listen([observed('a')], [statistics('a', 14, 1200)], 100);
    expect(doubts.isUnsure).toBe(false);
    doubts.listen([observed('a')], [statistics('a', 16, 1200)], 200);
    expect(doubts.isUnsure).toBe(true);
  });

  it('are more urgent while fifty connections come in a second', () => {
    const doubts = new Doubts();
    doubts.listen([], [statistics('a', 1000, 900)], 0);
    expect(doubts.isCrowded).toBe(false);
    doubts.listen([], [statistics('a', 1003, 1000), statistics('b', 1, 10)], 100);
    expect(doubts.isCrowded).toBe(false);
    doubts.listen([], [statistics('a', 1005, 1100), statistics('b', 4, 20)], 200);
    expect(doubts.isCrowded).toBe(true);
  });
});
