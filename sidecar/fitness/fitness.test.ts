import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CheckView } from '../checks/types.ts';
import { decideFitness, type Fitness, type FitnessInput, type FitnessPolicy, type JudgedCheck } from './fitness.ts';

const healthy = { healthy: true, sinceMs: 0, everFailed: false };
const failed = { healthy: false, sinceMs: 0, everFailed: true };
const unknown = { healthy: undefined, sinceMs: undefined, everFailed: false };
const policy: FitnessPolicy = {
  noPreempt: false,
  failbackDelaySeconds: null,
  lastResort: { enabled: true, afterSeconds: 1 },
  kubeApiSettleSeconds: 8,
};

/** What the checks of a node say; one that is switched off is absent. */
interface Views {
  readonly service: CheckView;
  readonly kubelet?: CheckView;
  readonly kubeApi?: CheckView;
  readonly endpoint?: CheckView;
}

const wellChecks: Views = { service: healthy, kubelet: healthy, kubeApi: healthy };

/** A decision's input, with the checks by name for short. */
type Changes = Partial<Omit<FitnessInput, 'checks'>> & { readonly checks?: Views | readonly JudgedCheck[] };

function isList(checks: Views | readonly JudgedCheck[]): checks is readonly JudgedCheck[] {
  return Array.isArray(checks);
}

function listOf({ service, kubelet, kubeApi, endpoint }: Views): JudgedCheck[] {
  return [
    { effect: 'serviceFailed', view: service },
    ...(kubelet === undefined ? [] : [{ effect: 'kubeletFailed', view: kubelet } as const]),
    ...(kubeApi === undefined ? [] : [{ effect: 'noKubeApi', view: kubeApi } as const]),
    ...(endpoint === undefined ? [] : [{ effect: 'noLocalEndpoint', view: endpoint } as const]),
  ];
}

function input({ checks = wellChecks, ...changes }: Changes = {}): FitnessInput {
  return {
    nowMs: 1000,
    checks: isList(checks) ? checks : listOf(checks),
    draining: false,
    cordoned: false,
    holder: false,
    rank: 0,
    policy,
    ...changes,
  };
}

function decide(changes: Changes, previous?: Fitness): Fitness {
  const fitness = decideFitness(input(changes), previous);
  if (fitness === undefined) throw new Error('undecided');
  return fitness;
}

const anyRank = fc.nat(9);
/** What puts a node where it is once every settling time is over, from the fittest to the least fit. */
const STATES: readonly (Changes & { readonly band: number })[] = [
  { band: 0 },
  { band: 1, checks: { ...wellChecks, kubeApi: failed } },
  { band: 2, checks: { ...wellChecks, kubelet: failed } },
  { band: 3, cordoned: true },
  { band: 3, cordoned: true, checks: { ...wellChecks, kubelet: failed } },
  { band: 3, draining: true },
  { band: 3, checks: { ...wellChecks, endpoint: failed } },
  { band: 4, carries: 'some' },
  { band: 4, carries: 'none' },
  { band: 5, checks: { ...wellChecks, service: failed } },
];
/** The states that differ in the gate or in words, not in priority. */
const ALIKE = new Set(['6,7', '6,8', '7,8']);
const anyState = fc.nat(STATES.length - 1);
/** Besides what decides the state: what a node of it may have as well, such as a cordon on a node that also drains. */
const anyMore = fc.record({ cordoned: fc.boolean(), draining: fc.boolean() });
const anyPolicy = fc.constantFrom(policy, { ...policy, failbackDelaySeconds: 30 });

/** A node of a state: `more` holds only where the state is worse than it. */
function nodeOf(state: number, changes: Changes, { cordoned = false, draining = false }: Changes = {}): Fitness {
  const { band: _band, ...input } = STATES[state] ?? { band: 0 };
  const more = { ...(state > 4 ? { cordoned } : {}), ...(state > 5 ? { draining } : {}) };
  return decide({ nowMs: 60_000, ...more, ...input, ...changes });
}

describe('priority', () => {
  it('is 244, 234, 224, 214 for healthy backups and stays there from the fourth on', () => {
    expect([0, 1, 2, 3, 4, 9].map((rank) => decide({ rank }).priority)).toEqual([244, 234, 224, 214, 214, 214]);
  });

  it('is lifted to 253 and just below for a holder, so that the address stays where it is', () => {
    expect([0, 1, 2, 3, 7].map((rank) => decide({ rank, holder: true }).priority)).toEqual([253, 252, 251, 250, 250]);
  });

  it('lets a healthier node win whatever the ranks and whoever holds', () => {
    fc.assert(
      fc.property(
        ...[anyState, anyState, anyRank, anyRank, fc.boolean(), anyPolicy, anyMore],
        (first, second, rank, otherRank, holder, chosen, more) => {
          fc.pre(first < second && !ALIKE.has(`${first},${second}`));
          expect(nodeOf(first, { holder: !holder, rank, policy: chosen }).priority).toBeGreaterThan(
            nodeOf(second, { holder, rank: otherRank, policy: chosen }, more).priority,
          );
        },
      ),
    );
  });

  it('lets a cordoned node win against one whose pod is about to go, be that cordoned or not', () => {
    const cordoned = decide({ cordoned: true, rank: 3 });
    const leaving = decide({ draining: true, holder: true });
    expect([cordoned.band, leaving.band]).toEqual([3, 3]);
    expect(cordoned.priority).toBeGreaterThan(leaving.priority);
    expect(decide({ draining: true, cordoned: true, holder: true }).priority).toBe(leaving.priority);
  });

  it('stays in the range that VRRP allows a backup, and above what a silent sidecar leaves of it', () => {
    fc.assert(
      fc.property(anyState, anyRank, fc.boolean(), anyPolicy, anyMore, (state, rank, holder, chosen, more) => {
        const { band, priority, offset } = nodeOf(state, { holder, rank, policy: chosen }, more);
        expect(band).toBe(STATES[state]?.band);
        expect(priority).toBeGreaterThan(253 - 240);
        expect(priority).toBeLessThanOrEqual(254);
        expect(offset).toBe(priority - 244);
      }),
    );
  });

  it('keeps the holder ahead of every backup in the same state, so that nothing moves when all nodes are cordoned', () => {
    fc.assert(
      fc.property(anyState, anyRank, anyRank, anyPolicy, (state, rank, otherRank, chosen) => {
        // With failback the address goes to the better rank, but only among nodes that are well or have only lost the API.
        fc.pre(chosen.failbackDelaySeconds === null || state > 1);
        expect(nodeOf(state, { holder: true, rank, policy: chosen }).priority).toBeGreaterThan(
          nodeOf(state, { rank: otherRank, policy: chosen }).priority,
        );
      }),
    );
  });

  it('keeps the ranks of backups in the same state apart', () => {
    fc.assert(
      fc.property(anyState, fc.nat(2), (state, rank) => {
        const apart = nodeOf(state, { rank }).priority - nodeOf(state, { rank: rank + 1 }).priority;
        expect(apart).toBeGreaterThanOrEqual(3);
      }),
    );
  });
});

describe('gate', () => {
  it('is undecided until the service check has reached a threshold', () => {
    expect(decideFitness(input({ checks: { service: unknown } }), undefined)).toBeUndefined();
  });

  it('closes at once when the service fails, and reopens in the last band after the time of the last resort', () => {
    const broken = { service: failed };
    const first = decide({ nowMs: 5000, checks: broken, holder: true });
    expect(first).toMatchObject({ gate: 0, band: 5, reviewAtMs: 6000 });
    const before = decide({ nowMs: 5999, checks: broken }, first);
    expect(before.gate).toBe(0);
    expect(decide({ nowMs: 6000, checks: broken }, before)).toMatchObject({
      gate: 1,
      priority: 44,
      reviewAtMs: undefined,
    });
  });

  it('stays closed while the service fails when the last resort is switched off', () => {
    const strict = { ...policy, lastResort: { enabled: false, afterSeconds: 1 } };
    const first = decide({ nowMs: 0, checks: { service: failed }, policy: strict });
    expect(decide({ nowMs: 1e9, checks: { service: failed }, policy: strict }, first)).toMatchObject({
      gate: 0,
      reviewAtMs: undefined,
    });
  });

  it('stays open for a failed kubelet, so that the address leaves while the node still serves', () => {
    const first = decide({ nowMs: 0, checks: { service: healthy, kubelet: failed }, holder: true });
    expect(first).toMatchObject({ gate: 1, band: 2, priority: 173, reviewAtMs: undefined });
  });

  it('closes for a failed kubelet when the last resort is switched off: nobody sick may hold the address', () => {
    const strict = { ...policy, lastResort: { enabled: false, afterSeconds: 1 } };
    expect(decide({ checks: { service: healthy, kubelet: failed }, policy: strict })).toMatchObject({
      gate: 0,
      band: 2,
    });
  });

  it('closes at once when the service fails on a node that has lost its kubelet', () => {
    const first = decide({ nowMs: 0, checks: { service: healthy, kubelet: failed }, holder: true });
    const second = decide({ nowMs: 9000, checks: { service: failed, kubelet: failed }, holder: true }, first);
    expect(second).toMatchObject({ gate: 0, band: 5, reviewAtMs: 10_000 });
  });

  it('does not close a second time when the kubelet fails after the gate reopened', () => {
    const first = decide({ nowMs: 0, checks: { service: failed, kubelet: healthy } });
    const reopened = decide({ nowMs: 2000, checks: { service: failed, kubelet: healthy } }, first);
    expect(decide({ nowMs: 3000, checks: { service: failed, kubelet: failed } }, reopened)).toMatchObject({
      gate: 1,
      band: 5,
    });
  });

  it('stays open while a node drains, is cordoned or has lost the API', () => {
    expect(decide({ draining: true })).toMatchObject({ gate: 1, band: 3, priority: 84 });
    expect(decide({ cordoned: true })).toMatchObject({ gate: 1, band: 3, priority: 124 });
    expect(decide({ checks: { service: healthy, kubeApi: failed } })).toMatchObject({
      gate: 1,
      band: 1,
      priority: 204,
    });
  });
});

describe('several checks with the same effect', () => {
  const service = (view: CheckView): JudgedCheck => ({ effect: 'serviceFailed', view });
  const kubelet = (view: CheckView): JudgedCheck => ({ effect: 'kubeletFailed', view });
  const kubeApi = (view: CheckView): JudgedCheck => ({ effect: 'noKubeApi', view });

  it('of services: either one that fails closes the gate', () => {
    const closed = { gate: 0, band: 5, failed: true, reason: 'service check failed' };
    expect(decide({ checks: [service(healthy), service(failed)] })).toMatchObject(closed);
    expect(decide({ checks: [service(failed), service(healthy)] })).toMatchObject(closed);
    expect(decide({ checks: [service(failed), service(failed)] })).toMatchObject(closed);
    expect(decide({ checks: [service(healthy), service(healthy)] })).toMatchObject({ gate: 1, band: 0 });
  });

  it('of services: nothing is decided until each has reached a threshold, except when one is known to fail', () => {
    expect(decideFitness(input({ checks: [service(healthy), service(unknown)] }), undefined)).toBeUndefined();
    expect(decideFitness(input({ checks: [service(unknown), service(healthy)] }), undefined)).toBeUndefined();
    expect(decideFitness(input({ checks: [service(unknown), service(unknown)] }), undefined)).toBeUndefined();
    expect(decide({ checks: [service(unknown), service(failed)] })).toMatchObject({ gate: 0, band: 5 });
  });

  it('of services: the gate that the first failure closed is not closed again by the second', () => {
    const first = decide({ nowMs: 0, checks: [service(failed), service(healthy)] });
    const reopened = decide({ nowMs: 1000, checks: [service(failed), service(healthy)] }, first);
    expect(reopened.gate).toBe(1);
    expect(decide({ nowMs: 1500, checks: [service(failed), service(failed)] }, reopened).gate).toBe(1);
  });

  it('of kubelets: one that fails is enough', () => {
    const checks = [service(healthy), kubelet(healthy), kubelet(failed)];
    expect(decide({ checks })).toMatchObject({ gate: 1, band: 2, failed: true });
  });

  it('of the API: the node is without it while one of them counts, and decides anew when the first may count differently', () => {
    const lost = (sinceMs: number): CheckView => ({ healthy: false, sinceMs, everFailed: true });
    const checks = [service(healthy), kubeApi(lost(12_000)), kubeApi(healthy), kubeApi(lost(10_000))];
    expect(decide({ nowMs: 13_000, checks })).toMatchObject({ band: 1, reviewAtMs: 18_000 });
    const holder = decide({ nowMs: 13_000, checks, holder: true });
    expect(holder).toMatchObject({ band: 0, reviewAtMs: 18_000 });
    expect(decide({ nowMs: 18_000, checks, holder: true }, holder)).toMatchObject({ band: 1, reviewAtMs: 20_000 });
  });

  it('are judged alike in whatever order they are listed', () => {
    const sinceMs = fc.option(fc.nat(20_000), { nil: undefined });
    const view = fc.record({ healthy: fc.option(fc.boolean(), { nil: undefined }), sinceMs, everFailed: fc.boolean() });
    const effect = fc.constantFrom(
      'serviceFailed',
      'kubeletFailed',
      'noKubeApi',
      'noLocalEndpoint',
      'localEndpointsGone',
    );
    const checks = fc.array(fc.record<JudgedCheck>({ effect, view }), { maxLength: 6 });
    const shuffled = checks.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    const node = fc.record({ cordoned: fc.boolean(), draining: fc.boolean(), holder: fc.boolean(), policy: anyPolicy });
    fc.assert(
      fc.property(shuffled, node, fc.nat(30_000), ([list, other], state, nowMs) => {
        const decided = decideFitness(input({ ...state, nowMs, checks: list }), undefined);
        expect(decideFitness(input({ ...state, nowMs, checks: other }), undefined)).toEqual(decided);
      }),
    );
  });
});

describe('a node that cannot carry every address', () => {
  it('is worse than one that drains, and serves when there is no other', () => {
    const some = decide({ carries: 'some', holder: true });
    expect(some).toMatchObject({ band: 4, gate: 1, priority: 73, reason: 'cannot carry all addresses' });
    expect(decide({ draining: true, rank: 3 }).priority).toBeGreaterThan(some.priority);
  });

  it('never holds one when it cannot even speak VRRP, also not as the last resort', () => {
    expect(decide({ carries: 'none', holder: true })).toMatchObject({ band: 4, gate: 0, reviewAtMs: undefined });
    const first = decide({ nowMs: 0, carries: 'none', checks: { service: failed } });
    expect(decide({ nowMs: 60_000, carries: 'none', checks: { service: failed } }, first).gate).toBe(0);
    expect(decide({ nowMs: 61_000 }, first).gate).toBe(1);
  });
});

describe('a node with several endpoints', () => {
  const failback = { ...policy, failbackDelaySeconds: 30 };
  const counted = (several: boolean, sinceMs: number) => ({ endpoints: { several, sinceMs }, policy: failback });

  it('comes before every one with a single one, once that has lasted as long as failback waits', () => {
    const before = decide({ nowMs: 0, upSinceMs: -60_000, ...counted(false, 0) });
    const grown = decide({ nowMs: 5000, rank: 3, ...counted(true, 5000) }, before);
    expect(grown).toMatchObject({ priority: 214, reviewAtMs: 35_000 });
    const lasting = decide({ nowMs: 35_000, rank: 3, ...counted(true, 5000) }, grown);
    expect(lasting).toMatchObject({ priority: 245, reviewAtMs: undefined });
    expect(decide({ nowMs: 35_000, rank: 0, ...counted(false, 0) }, before).priority).toBe(244);
    const fewer = decide({ nowMs: 40_000, rank: 3, ...counted(false, 40_000) }, lasting);
    expect(fewer).toMatchObject({ priority: 245, reviewAtMs: 70_000 });
    expect(decide({ nowMs: 70_000, rank: 3, ...counted(false, 40_000) }, fewer).priority).toBe(214);
  });

  it('is no further by what does not last', () => {
    const before = decide({ nowMs: 0, upSinceMs: -60_000, ...counted(false, 0) });
    const grown = decide({ nowMs: 5000, ...counted(true, 5000) }, before);
    expect(decide({ nowMs: 34_999, ...counted(false, 34_000) }, grown)).toMatchObject({
      ...{ priority: 244, reviewAtMs: undefined },
    });
  });

  it('is one from its first decision on, since it may hold the address', () => {
    const first = decide({ nowMs: 0, holder: true, rank: 1, ...counted(true, 0) });
    expect(first.priority).toBe(250);
    expect(decide({ nowMs: 0, rank: 1, ...counted(true, 0) }).priority).toBe(212);
  });

  it('is none where an address stays where it is', () => {
    const first = decide({ nowMs: 0, holder: true, rank: 1, endpoints: { several: true, sinceMs: 0 } });
    expect([first.priority, decide({ endpoints: { several: true, sinceMs: 0 } }).priority]).toEqual([252, 244]);
  });

  it('is one among its equals by rank', () => {
    const priorities = [0, 1, 2, 3, 9].map(
      (rank) => decide({ nowMs: 0, holder: true, rank, ...counted(true, 0) }).priority,
    );
    expect(priorities).toEqual([253, 250, 247, 245, 245]);
  });
});

describe('a node whose last endpoint broke, while others have some', () => {
  const gone = (sinceMs: number) => [
    ...listOf(wellChecks),
    { effect: 'noLocalEndpoint', view: healthy } as const,
    { effect: 'localEndpointsGone', view: { healthy: false, sinceMs, everFailed: true } } as const,
  ];

  it('gives the address away at once, and may hold it again a moment later', () => {
    const before = decide({ nowMs: 5000, holder: true });
    const first = decide({ nowMs: 5003, checks: gone(5003), holder: true }, before);
    expect(first).toMatchObject({ band: 3, gate: 0, failed: false, priority: 73, reviewAtMs: 6003 });
    const left = decide({ nowMs: 5010, checks: gone(5003), holder: false }, first);
    expect(left).toMatchObject({ gate: 0, reviewAtMs: 6003 });
    const over = decide({ nowMs: 6003, checks: gone(5003) }, left);
    expect(over).toMatchObject({ gate: 1, reviewAtMs: undefined });
    expect(decide({ nowMs: 6400, checks: gone(5003), holder: true }, over).gate).toBe(1);
  });

  it('has nothing to give away where it is no holder', () => {
    expect(decide({ nowMs: 5003, checks: gone(5003) })).toMatchObject({ band: 3, gate: 1, priority: 64 });
  });

  it('holds it again at once when its endpoint is there again', () => {
    const first = decide({ nowMs: 5003, checks: gone(5003), holder: true });
    expect(decide({ nowMs: 5100 }, first)).toMatchObject({ band: 0, gate: 1 });
  });

  it('keeps its gate closed for whatever else closes it', () => {
    const failing = gone(0).map((check) => (check.effect === 'serviceFailed' ? { ...check, view: failed } : check));
    expect(decide({ nowMs: 5000, checks: failing, holder: true })).toMatchObject({ band: 5, gate: 0 });
  });
});

describe('a node without a ready endpoint of the Service', () => {
  const without = { ...wellChecks, endpoint: failed };

  it('gives the address to one that has an endpoint, even to one that drains, and forwards until then', () => {
    const holder = decide({ checks: without, holder: true });
    expect(holder).toMatchObject({ band: 3, gate: 1, priority: 73, reviewAtMs: undefined });
    expect(holder.reason).toBe('no ready endpoint of the Service on this node');
    const draining = decide({ checks: { ...wellChecks, endpoint: healthy }, draining: true, cordoned: true, rank: 3 });
    expect(draining.priority).toBeGreaterThan(holder.priority);
  });

  it('keeps the address where no node has one, also where another lacks an address or nobody may be the last resort', () => {
    const strict = { ...policy, lastResort: { enabled: false, afterSeconds: 1 } };
    fc.assert(
      fc.property(anyRank, anyRank, anyMore, fc.constantFrom(policy, strict), (rank, otherRank, more, chosen) => {
        const holder = decide({ ...more, checks: without, holder: true, rank, policy: chosen });
        expect(holder.gate).toBe(1);
        for (const carries of ['all', 'some'] as const) {
          const other = decide({ checks: without, rank: otherRank, carries, policy: chosen });
          expect(holder.priority).toBeGreaterThan(other.priority);
        }
      }),
    );
  });

  it('takes it from no node that lacks an address but holds it: both serve badly', () => {
    expect(decide({ carries: 'some', holder: true, rank: 3 }).priority).toBeGreaterThan(
      decide({ checks: without }).priority,
    );
  });

  it('has not failed, and keeps the delay of failback when it has an endpoint again', () => {
    const delayed = { ...policy, failbackDelaySeconds: 30 };
    const lost = decide({ checks: without, policy: delayed });
    expect(lost.failed).toBe(false);
    const back = decide({ nowMs: 2000, checks: { ...wellChecks, endpoint: healthy }, policy: delayed }, lost);
    expect(back).toMatchObject({ priority: 213, reviewAtMs: 32_000 });
    expect(decide({ checks: { ...without, kubelet: failed } }).failed).toBe(true);
  });

  it('is not told from one with an endpoint until something is known, unless its service fails', () => {
    const checks = { ...wellChecks, endpoint: unknown };
    expect(decideFitness(input({ checks }), undefined)).toBeUndefined();
    expect(decide({ checks: { ...checks, service: failed } })).toMatchObject({ band: 5, gate: 0 });
  });

  it('closes the gate at once when its service fails', () => {
    const lost = decide({ nowMs: 0, checks: without, holder: true });
    expect(decide({ nowMs: 1, checks: { ...without, service: failed }, holder: true }, lost)).toMatchObject({
      ...{ gate: 0, band: 5, reviewAtMs: 1001 },
    });
  });
});

describe('a drained node', () => {
  it('gives the address away also where the kubelet check fails on every node', () => {
    const checks = { ...wellChecks, kubelet: failed };
    const holder = decide({ draining: true, holder: true, checks });
    expect(decide({ rank: 3, checks }).priority).toBeGreaterThan(holder.priority);
    expect(decide({ rank: 3, checks, cordoned: true }).priority).toBeGreaterThan(holder.priority);
    expect(decide({ rank: 3, checks }).priority).toBeGreaterThan(decide({ cordoned: true, holder: true }).priority);
  });

  it('has not failed: only a failed check or an address that cannot be carried is a failure', () => {
    expect(decide({ draining: true, cordoned: true }).failed).toBe(false);
    expect(decide({ checks: { ...wellChecks, kubeApi: failed }, nowMs: 60_000 }).failed).toBe(false);
    expect(decide({ draining: true, checks: { ...wellChecks, kubelet: failed } }).failed).toBe(true);
    expect(decide({ carries: 'some' }).failed).toBe(true);
    expect(decide({ checks: { ...wellChecks, service: failed } }).failed).toBe(true);
  });
});

describe('an outage of the Kubernetes API', () => {
  const checks = { service: healthy, kubeApi: { healthy: false, sinceMs: 10_000, everFailed: true } };

  it('counts against a backup at once and against the holder only when the others had time to notice it too', () => {
    expect(decide({ nowMs: 10_000, checks }).band).toBe(1);
    const holder = decide({ nowMs: 10_000, checks, holder: true });
    expect(holder).toMatchObject({ band: 0, reviewAtMs: 18_000 });
    expect(decide({ nowMs: 18_000, checks, holder: true }, holder)).toMatchObject({ band: 1, priority: 213 });
  });

  it('ends for the holder at once and for a backup only when the holder had time to notice it too', () => {
    const back = { service: healthy, kubeApi: { healthy: true, sinceMs: 10_000, everFailed: true } };
    expect(decide({ nowMs: 10_000, checks: back, holder: true }).band).toBe(0);
    expect(decide({ nowMs: 17_999, checks: back })).toMatchObject({ band: 1, reviewAtMs: 18_000 });
    expect(decide({ nowMs: 18_000, checks: back })).toMatchObject({ band: 0, reviewAtMs: undefined });
  });

  it('never moves an address when all nodes lose and regain the API within the settling time of each other', () => {
    const skewed = fc.record({ lost: fc.nat(7999), back: fc.nat(7999), rank: anyRank });
    fc.assert(
      fc.property(skewed, skewed, fc.nat(120_000), (holder, backup, nowMs) => {
        const at = (node: { lost: number; back: number; rank: number }, holds: boolean) => {
          const healed = nowMs >= 50_000 + node.back;
          const lost = nowMs >= node.lost;
          const sinceMs = healed ? 50_000 + node.back : node.lost;
          const kubeApi = lost ? { healthy: healed, sinceMs, everFailed: true } : healthy;
          return decide({ nowMs, checks: { service: healthy, kubeApi }, holder: holds, rank: node.rank }).priority;
        };
        expect(at(holder, true)).toBeGreaterThan(at(backup, false));
      }),
    );
  });

  it('never counts against the holder when vrrpNoPreempt is set', () => {
    const sticky = { ...policy, noPreempt: true };
    expect(decide({ nowMs: 60_000, checks, holder: true, policy: sticky })).toMatchObject({ band: 0, priority: 253 });
    expect(decide({ nowMs: 60_000, checks, policy: sticky })).toMatchObject({ band: 1 });
  });
});

describe('a cordon', () => {
  it('counts at once, and its end too', () => {
    const cordoned = decide({ nowMs: 1000, cordoned: true, holder: true });
    expect(cordoned).toMatchObject({ band: 3, priority: 133, bandSinceMs: 1000, reviewAtMs: undefined });
    expect(decide({ nowMs: 2000, rank: 1 }, cordoned)).toMatchObject({ band: 0, priority: 234, bandSinceMs: 2000 });
  });

  it('makes a node wait for its failback delay after it ended', () => {
    const delayed = { ...policy, failbackDelaySeconds: 30 };
    const cordoned = decide({ nowMs: 1000, cordoned: true, policy: delayed });
    expect(decide({ nowMs: 2000, policy: delayed }, cordoned)).toMatchObject({ priority: 213, reviewAtMs: 32_000 });
  });

  it('does not hide that the service failed', () => {
    expect(decide({ cordoned: true, checks: { service: failed } })).toMatchObject({ band: 5, gate: 0 });
  });

  it('is lowered further, in the same band, when the pod is stopped as well', () => {
    const cordoned = decide({ nowMs: 1000, cordoned: true, holder: true });
    const leaving = decide({ nowMs: 2000, cordoned: true, draining: true, holder: true }, cordoned);
    expect(leaving).toMatchObject({ band: 3, priority: 93, bandSinceMs: 1000 });
  });
});

describe('failback', () => {
  const delayed = { ...policy, failbackDelaySeconds: 30 };

  it('waits only for what is left of the delay when the node has been up for a while', () => {
    expect(decide({ rank: 0, policy: delayed, nowMs: 12_000, upSinceMs: 0 })).toMatchObject({
      priority: 213,
      reviewAtMs: 30_000,
    });
    expect(decide({ rank: 0, policy: delayed, nowMs: 31_000, upSinceMs: 0 }).priority).toBe(244);
    expect(decide({ rank: 0, policy: delayed, nowMs: 1000, upSinceMs: -30_000 }).priority).toBe(244);
  });

  it('waits for all of it after a failure, however long the node has been up', () => {
    const sick = decide({ policy: delayed, checks: { ...wellChecks, service: failed }, nowMs: 40_000, upSinceMs: 0 });
    expect(sick).toMatchObject({ gate: 0, reviewAtMs: 41_000 });
    const well = decide({ policy: delayed, nowMs: 50_000, upSinceMs: 0 }, sick);
    expect(well).toMatchObject({ priority: 213, reviewAtMs: 80_000 });
  });

  it('gives the holder no lift, so that a better-ranked node can come back', () => {
    expect(decide({ nowMs: 60_000, holder: true, rank: 1, policy: delayed }).priority).toBe(234);
  });

  it('keeps a returning node below every healthy one until the delay is over', () => {
    const back = decide({ nowMs: 1000, policy: delayed });
    expect(back).toMatchObject({ priority: 213, reviewAtMs: 31_000 });
    expect(decide({ nowMs: 31_000, policy: delayed }, back)).toMatchObject({ priority: 244, reviewAtMs: undefined });
  });

  it('starts the delay anew when the node falls sick in between', () => {
    const back = decide({ nowMs: 1000, policy: delayed });
    const sick = decide({ nowMs: 20_000, checks: { service: failed }, policy: delayed }, back);
    expect(decide({ nowMs: 25_000, policy: delayed }, sick)).toMatchObject({ priority: 213, reviewAtMs: 55_000 });
  });

  it('does not hold back a node that had to take the address meanwhile', () => {
    const back = decide({ nowMs: 1000, policy: delayed });
    expect(decide({ nowMs: 2000, holder: true, policy: delayed }, back).priority).toBe(244);
  });
});
