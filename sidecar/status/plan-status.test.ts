import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodePlanStatusSchema, REPORT_LIMITS } from '../../api/node-plan.ts';
import type { HeldAddress } from '../keepalived/holder.ts';
import { type PlanReport, planStatusOf } from './plan-status.ts';

const REPORT: PlanReport = {
  version: '1.0.0',
  observedPlan: 'p1',
  instances: [],
  foreignRouterIds: [],
  problems: [],
  ownAddresses: [],
};

function heldAddress(index: number): HeldAddress {
  const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
  return { address, family: 4, prefixLength: 32, interface: 'eth0', present: true, sinceMs: 0 };
}

describe('what an agent reports', () => {
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
    const { problems: told = [] } = planStatusOf({ ...REPORT, problems: [...problems, ...problems] });
    expect(told).toHaveLength(REPORT_LIMITS.problems);
    expect(told.slice(-2)).toEqual(['problem 30', 'and 9 more; GET /status on the node has all']);
  });

  it('names as many addresses as the definition allows, and counts all', () => {
    const addresses = Array.from({ length: REPORT_LIMITS.held + 5 }, (_, index) => heldAddress(index));
    const status = planStatusOf({ ...REPORT, instances: [{ pool: 'web', band: 0, addresses }] });
    expect(nodePlanStatusSchema.safeParse(status).error).toBeUndefined();
    expect(status.held).toHaveLength(REPORT_LIMITS.held);
    expect(status.heldCount).toBe(REPORT_LIMITS.held + 5);
  });
});
