import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocateRouterIds, type RouterIdRequest } from './router-ids.ts';

const none = { reserved: [], foreign: new Set<number>() };
const common = { first: 1, last: 255 };

function request(changes: Partial<RouterIdRequest>): RouterIdRequest {
  return { range: common, ownRange: false, multicast: true, kept: new Map(), desired: 0, ...changes };
}

function idsOf(grants: ReturnType<typeof allocateRouterIds>): number[] {
  return grants.flatMap(({ kept, fresh }) => [...kept.values(), ...fresh]);
}

describe('allocateRouterIds', () => {
  it('gives the lowest that are free, passing over reserved and foreign ones', () => {
    const [grant] = allocateRouterIds([request({ kept: new Map([[0, 3]]), desired: 3 })], {
      reserved: [1],
      foreign: new Set([4]),
    });
    expect(grant).toMatchObject({ kept: new Map([[0, 3]]), fresh: [2, 5, 6] });
  });

  it('leaves the id with the older of two pools that have the same one', () => {
    const [older, younger] = allocateRouterIds(
      [request({ kept: new Map([[0, 7]]) }), request({ kept: new Map([[0, 7]]) })],
      none,
    );
    expect([older?.kept.get(0), younger?.kept.get(0)]).toEqual([7, 1]);
  });

  it('changes an id that left the range or became reserved', () => {
    const kept = new Map([
      [0, 5],
      [1, 21],
      [2, 22],
    ]);
    const range = { first: 20, last: 29 };
    const [grant] = allocateRouterIds([request({ range, ownRange: true, kept })], { ...none, reserved: [21] });
    expect([...(grant?.kept ?? [])]).toEqual([
      [2, 22],
      [0, 20],
      [1, 23],
    ]);
  });

  it('avoids the id of a foreign router by multicast, and says so', () => {
    const kept = new Map([[4, 12]]);
    const foreign = { ...none, foreign: new Set([12]) };
    expect(allocateRouterIds([request({ kept })], foreign)[0]).toMatchObject({
      kept: new Map([[4, 1]]),
      foreign: [{ slot: 4, from: 12, to: 1 }],
    });
    const [unicast] = allocateRouterIds([request({ kept, multicast: false })], foreign);
    expect(unicast).toMatchObject({ kept, foreign: [] });
  });

  it('keeps the id of a foreign router where there is no other', () => {
    const range = { first: 12, last: 12 };
    const [grant] = allocateRouterIds([request({ range, ownRange: true, kept: new Map([[0, 12]]) })], {
      ...none,
      foreign: new Set([12]),
    });
    expect(grant).toMatchObject({ kept: new Map([[0, 12]]), foreign: [{ slot: 0, from: 12, to: 12 }] });
  });

  it('divides what there is, and leaves some for pools to come', () => {
    const grants = allocateRouterIds(
      Array.from({ length: 10 }, () => request({ desired: 60 })),
      none,
    );
    expect(grants.map(({ fresh }) => fresh.length)).toEqual([24, 24, 24, 24, 24, 24, 24, 24, 24, 24]);
    const late = [...grants.map(({ fresh }) => request({ kept: new Map(fresh.entries()) })), request({ desired: 60 })];
    expect(allocateRouterIds(late, none).at(-1)?.fresh).toHaveLength(1);
  });

  it('uses up a range that is the pool’s own', () => {
    const range = { first: 1, last: 32 };
    expect(allocateRouterIds([request({ range, ownRange: true, desired: 60 })], none)[0]?.fresh).toHaveLength(32);
    expect(allocateRouterIds([request({ range, desired: 60 })], none)[0]?.fresh).toHaveLength(30);
  });

  it('gives a group in a multicast group of its own rather an id that no other could have, and is not in the way of foreign routers', () => {
    const range = { first: 40, last: 60 };
    const apart = { range: common, apart: { slots: new Set([0]) } };
    const requests = [
      request({ ...apart, kept: new Map([[0, 50]]), desired: 1 }),
      request({ range, ownRange: true, desired: 1 }),
    ];
    const foreign = { ...none, foreign: new Set([50]) };
    expect(allocateRouterIds(requests, foreign)).toMatchObject([
      { kept: new Map([[0, 50]]), fresh: [1], foreign: [] },
      { fresh: [40] },
    ]);
    const narrow = [
      request({ range: { first: 40, last: 41 }, apart: { slots: new Set() }, desired: 3 }),
      request({ range }),
    ];
    expect(allocateRouterIds(narrow, { reserved: [40], foreign: new Set() })[0]?.fresh).toEqual([41]);
  });

  it('gives another id to a group that cannot go on where it speaks', () => {
    const kept = new Map([[0, 7]]);
    const stranded = { kept, stranded: new Set([0]), apart: { slots: new Set<number>() } };
    expect(allocateRouterIds([request(stranded), request({ kept })], none)).toMatchObject([
      { kept: new Map([[0, 1]]) },
      { kept },
    ]);
  });

  it('never gives an id twice, nor a reserved one, and changes none that can stay', () => {
    const ids = fc.integer({ min: 1, max: 40 });
    const pools = fc
      .array(
        fc.record({
          range: fc.tuple(ids, ids).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
          kept: fc.uniqueArray(ids, { maxLength: 10 }).map((list) => new Map(list.entries())),
          desired: fc.nat(12),
          multicast: fc.boolean(),
          ownRange: fc.boolean(),
          isApart: fc.boolean(),
        }),
        { maxLength: 5 },
      )
      .map((list) =>
        list.map(({ isApart, ...each }) => (isApart ? { ...each, apart: { slots: new Set([0, 1]) } } : each)),
      );
    const check = (requests: RouterIdRequest[], reserved: number[], foreign: number[]) => {
      const unavailable = { reserved, foreign: new Set(foreign) };
      const grants = allocateRouterIds(requests, unavailable);
      const given = idsOf(grants);
      expect(new Set(given).size).toBe(given.length);
      expect(given.filter((id) => reserved.includes(id))).toEqual([]);
      const again = allocateRouterIds(
        requests.map((each, index) => ({ ...each, kept: grants[index]?.kept ?? new Map(), desired: 0 })),
        { reserved, foreign: new Set() },
      );
      expect(again.map(({ kept }) => kept)).toEqual(grants.map(({ kept }) => kept));
    };
    fc.assert(fc.property(pools, fc.array(ids, { maxLength: 3 }), fc.array(ids, { maxLength: 3 }), check), {
      numRuns: 200,
    });
  });
});
