import { beforeEach, describe, expect, it } from 'vitest';
import { ForeignRouters } from './foreign-routers.ts';
import { foreignAdvertisements } from './statistics.ts';

const POLL_MILLIS = 10_000;
const MINUTE_MILLIS = 60_000;
const HOUR_MILLIS = 60 * MINUTE_MILLIS;

/** As keepalived 2.3 writes it. */
function statistics(counts: Record<string, number>, received = 0): string {
  return Object.entries(counts)
    .map(
      ([name, addressList]) => `VRRP Instance: ${name}
  Advertisements:
    Received: ${received}
    Sent: 12
  Became master: 1
  Released master: 0
  Packet Errors:
    Length: 0
    TTL: 0
    Invalid Type: 0
    Advertisement Interval: 0
    Address List: ${addressList}
  Authentication Errors:
    Invalid Type: 0
    Type Mismatch: 0
    Failure: 0
  Priority Zero:
    Received: 0
    Sent: 0
`,
    )
    .join('');
}

describe('the statistics of keepalived', () => {
  it('tell what was counted of each instance', () => {
    expect(foreignAdvertisements(statistics({ vip: 0, 'default-0': 7 }))).toEqual(
      new Map([
        ['vip', 0],
        ['default-0', 7],
      ]),
    );
  });

  it('count what says that the sender is another router, and not what is damaged or came from afar', () => {
    const text = statistics({ vip: 0 })
      .replace('Length: 0', 'Length: 1')
      .replace('TTL: 0', 'TTL: 2')
      .replace('Type Mismatch: 0', 'Type Mismatch: 4')
      .replace('Failure: 0', 'Failure: 8');
    expect(foreignAdvertisements(text).get('vip')).toBe(12);
  });

  it('leave out an instance that is not written to the end', () => {
    const text = statistics({ vip: 3, 'default-0': 7 });
    const cut = text.lastIndexOf('    Failure: 0');
    expect([...foreignAdvertisements(text.slice(0, cut + '    Failure:'.length)).keys()]).toEqual(['vip']);
    expect(foreignAdvertisements('')).toEqual(new Map());
  });
});

describe('foreign routers', () => {
  const both = [
    { name: 'vip', virtualRouterId: 10 },
    { name: 'default-0', virtualRouterId: 21 },
  ];
  let routers: ForeignRouters;
  let nowMs: number;

  /** A look after the usual time, at statistics that are new each time. */
  function update(counts: Record<string, number>, listening = both, afterMs = POLL_MILLIS): readonly number[] {
    nowMs += afterMs;
    routers.update(statistics(counts, nowMs), listening, nowMs);
    return routers.virtualRouterIds;
  }

  beforeEach(() => {
    routers = new ForeignRouters();
    nowMs = 0;
  });

  it('are heard when the count grows twice, one after the other', () => {
    expect(update({ vip: 5, 'default-0': 0 })).toEqual([]);
    expect(update({ vip: 5, 'default-0': 10 })).toEqual([]);
    expect(update({ vip: 5, 'default-0': 20 })).toEqual([21]);
  });

  it('are not made of a neighbour that gets its plan a little later', () => {
    for (const count of [0, 10, 10, 20, 20, 20]) expect(update({ vip: count })).toEqual([]);
  });

  it('do not go unheard because statistics were not renewed between two looks', () => {
    for (const count of [0, 1]) update({ vip: count });
    routers.update(statistics({ vip: 1 }, nowMs), both, nowMs + POLL_MILLIS);
    expect(update({ vip: 2 })).toEqual([10]);
  });

  it('are not made of counters that begin anew', () => {
    for (const count of [90, 3, 2, 1]) expect(update({ vip: count })).toEqual([]);
  });

  it('do not go unheard because the file was once read half written', () => {
    update({ vip: 0, 'default-0': 0 });
    update({ vip: 0, 'default-0': 1 });
    update({ vip: 0 });
    expect(update({ vip: 0, 'default-0': 2 })).toEqual([21]);
  });

  it('are gone when they are listened for and silent for five minutes', () => {
    for (const count of [0, 2, 3]) update({ vip: count });
    expect(update({ vip: 3 }, both, 4 * MINUTE_MILLIS)).toEqual([10]);
    expect(update({ vip: 3 }, both, 2 * MINUTE_MILLIS)).toEqual([]);
  });

  it('are remembered for a day when nobody listens for the id any more', () => {
    for (const count of [0, 2, 3]) update({ 'default-0': count });
    const moved = [{ name: 'default-0', virtualRouterId: 22 }];
    for (const count of [3, 3, 3]) expect(update({ 'default-0': count }, moved)).toEqual([21]);
    expect(update({ 'default-0': 3 }, moved, 23 * HOUR_MILLIS)).toEqual([21]);
    expect(update({ 'default-0': 3 }, moved, 2 * HOUR_MILLIS)).toEqual([]);
  });

  it('in a multicast group of ours are named by the group, and use no router id of the group of all routers', () => {
    const apart = [{ name: 'svc-0123456789-0', virtualRouterId: 10, multicastGroup: 200 }];
    for (const count of [0, 1, 2]) expect(update({ 'svc-0123456789-0': count }, apart)).toEqual([]);
    expect(routers.multicastGroups).toEqual([200]);
    const moved = [{ name: 'svc-0123456789-0', virtualRouterId: 10 }];
    for (const count of [3, 4]) expect(update({ 'svc-0123456789-0': count }, moved)).toEqual([]);
    expect(update({ 'svc-0123456789-0': 5 }, moved)).toEqual([10]);
    expect(routers.multicastGroups).toEqual([200]);
  });

  it('under the old id say nothing of the new one', () => {
    for (const count of [0, 1]) update({ 'default-0': count });
    const moved = [{ name: 'default-0', virtualRouterId: 22 }];
    expect(update({ 'default-0': 2 }, moved)).toEqual([]);
    expect(update({ 'default-0': 3 }, moved)).toEqual([]);
  });
});
