import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BAND_NAMES } from '../../api/bands.ts';
import { nodePlanStatusSchema, REPORT_LIMITS } from '../../api/node-plan.ts';
import type { HeldAddress } from '../keepalived/holder.ts';
import { type PlanReport, planStatusOf } from './plan-status.ts';

const REPORT: PlanReport = {
  version: '1.0.0',
  observedPlan: 'p1',
  instances: [],
  foreignRouterIds: [],
  bgpFamilies: null,
  problems: [],
  ownAddresses: [],
};

function heldAddress(index: number): HeldAddress {
  const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
  return { address, family: 4, prefixLength: 32, interface: 'eth0', present: true, sinceMs: 0 };
}

describe('what a sidecar reports', () => {
  it('is what the API server takes, whatever there is to say', () => {
    const text = fc.string({ unit: 'binary', maxLength: 3000 });
    const report = fc.record({
      version: text,
      observedPlan: fc.option(text),
      problems: fc.array(text, { maxLength: 60 }),
      foreignRouterIds: fc.uniqueArray(fc.integer({ min: 1, max: 255 })),
    });
    fc.assert(
      fc.property(report, (said) => {
        const status = planStatusOf({ ...REPORT, ...said });
        expect(nodePlanStatusSchema.safeParse(status).error).toBeUndefined();
        expect(JSON.stringify(status).length).toBeLessThan(262_144);
      }),
      { numRuns: 50 },
    );
  });

  it('has the first problems, and says how many more there are', () => {
    const problems = Array.from({ length: 40 }, (_, index) => `problem ${index}`);
    const { problems: reported = [] } = planStatusOf({ ...REPORT, problems: [...problems, ...problems] });
    expect(reported).toHaveLength(REPORT_LIMITS.problems);
    expect(reported.slice(-2)).toEqual(['problem 30', 'and 9 more; GET /status on the node has all']);
  });

  it('has the addresses that are here, and since when', () => {
    const addresses = [heldAddress(1), { ...heldAddress(2), present: false }];
    const { held, heldCount } = planStatusOf({
      ...REPORT,
      instances: [{ pool: 'web', fitness: { band: 0, reason: 'healthy' }, addresses }],
    });
    expect({ held, heldCount }).toEqual({
      held: [{ address: '10.0.0.1', since: '1970-01-01T00:00:00.000Z' }],
      heldCount: 1,
    });
  });

  it('has an address once, since when it has been here, while its instance changes its name', () => {
    const under = (pool: string, sinceMs: number) => {
      return { pool, fitness: undefined, addresses: [{ ...heldAddress(1), sinceMs }] };
    };
    expect(planStatusOf({ ...REPORT, instances: [under('new', 5000), under('old', 0)] })).toMatchObject({
      held: [{ address: '10.0.0.1', since: '1970-01-01T00:00:00.000Z' }],
      heldCount: 1,
    });
  });

  it('counts a pool as fit as the least fit of its instances, whatever their order, and not while nothing is known', () => {
    const instance = (pool: string, band: 0 | 1 | 4 | undefined) => ({
      pool,
      fitness: band === undefined ? undefined : { band, reason: BAND_NAMES[band] },
      addresses: [],
    });
    const bands = [
      instance('web', 1),
      instance('web', 4),
      instance('web', 0),
      instance('db', undefined),
      instance('db', 0),
      instance('new', undefined),
    ];
    expect(planStatusOf({ ...REPORT, instances: bands }).health).toEqual([
      { pool: 'web', band: 4, reason: 'cannot carry all addresses' },
      { pool: 'db', band: 0, reason: 'healthy' },
    ]);
  });

  it('names as many addresses as the definition allows, and counts all', () => {
    const addresses = Array.from({ length: REPORT_LIMITS.held + 5 }, (_, index) => heldAddress(index));
    const status = planStatusOf({
      ...REPORT,
      instances: [{ pool: 'web', fitness: { band: 0, reason: 'healthy' }, addresses }],
    });
    expect(nodePlanStatusSchema.safeParse(status).error).toBeUndefined();
    expect(status.held).toHaveLength(REPORT_LIMITS.held);
    expect(status.heldCount).toBe(REPORT_LIMITS.held + 5);
  });

  it('has the families that it can announce: none of them is something to say, too, and not that nothing is announced', () => {
    expect(planStatusOf({ ...REPORT, bgpFamilies: ['IPv6'] })).toHaveProperty('bgpFamilies', ['IPv6']);
    expect(planStatusOf({ ...REPORT, bgpFamilies: [] })).toHaveProperty('bgpFamilies', []);
    expect(planStatusOf(REPORT)).not.toHaveProperty('bgpFamilies');
  });
});
