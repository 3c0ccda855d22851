import type { PlannedInstance, PlannedPool } from '../../../api/node-plan.ts';
import { compareText } from '../../../common/compare-text.ts';
import type { CheckName } from '../../checks/types.ts';
import type { Settings } from '../../config/settings.ts';
import type { Desired, DesiredCheck, DesiredInstance, FieldNames } from '../../desired/desired.ts';
import type { FitnessPolicy } from '../../fitness/fitness.ts';
import { restingOn } from '../node-checks.ts';
import { policyOf } from '../policy.ts';
import type { AcceptedSettings } from '../settings.ts';
import { poolChecks, virtualTargetProblem } from './health-check.ts';
import type { PlanView } from './plan-state.ts';

const NOTHING: Desired = { instances: [], checks: new Map(), pools: [], problems: [], plan: null };

/** Key of the node's own check of its service. */
const NODE_SERVICE: CheckName = 'service';

/** What is known of the plan, as far as it matters here. */
type Known = Pick<PlanView, 'plan' | 'fresh'>;

function fieldsOf(pool: string): FieldNames {
  const field = (name: string) => `VirtualIPPool ${pool}, ${name}`;
  return {
    addresses: field('spec.addresses'),
    addressInterface: field('spec.interface'),
    interface: 'vrrp.interface',
    unicastPeers: field('spec.vrrp.peering'),
    authPassword: 'keepalived.authPassword',
    choice: 'its spec.interface',
  };
}

/** Slot of an instance within its pool. */
function slotOf({ name, pool }: PlannedInstance): number {
  return Number(name.slice(pool.length + 1));
}

function byPoolAndSlot(a: PlannedInstance, b: PlannedInstance): number {
  return compareText(a.pool, b.pool) || slotOf(a) - slotOf(b);
}

/** A pool's own for failback, the node's for everything else. */
function poolPolicy(settings: Settings, pool: PlannedPool | undefined): FitnessPolicy {
  return { ...policyOf(settings), noPreempt: false, failbackDelaySeconds: pool?.failbackDelaySeconds ?? null };
}

/**
 * A node that takes part for the first time has nothing to wait for, nor has an instance that comes later when the process has been up for
 * the delay of failback: the clock of performance.now() begins with the process.
 */
function upSince({ fresh }: Known, { failbackDelaySeconds }: FitnessPolicy): number {
  return fresh ? -(failbackDelaySeconds ?? 0) * 1000 : 0;
}

/** What a pool's instances are made of besides the plan's own words for them. */
interface Context {
  readonly known: Known;
  readonly settings: Settings;
  readonly pools: ReadonlyMap<string, PlannedPool>;
  /** What the fitness of a pool's instances rests on, by the pool's name. */
  readonly checksOf: (pool: string) => readonly DesiredCheck[];
}

function instanceOf(
  { name, pool, virtualRouterId, rank, leaving = false, addresses, peers = [] }: PlannedInstance,
  { known, settings, pools, checksOf }: Context,
): DesiredInstance {
  const { version, advertIntervalSeconds, interface: on, authPasswordFile } = settings.vrrp;
  const planned = pools.get(pool);
  const policy = poolPolicy(settings, planned);
  return {
    name,
    vrrp: {
      ...{ version, virtualRouterId, advertIntervalSeconds, interface: on, addresses },
      addressInterface: planned?.interface ?? '',
      unicastPeers: peers,
      ...{ peersAreOthers: true, authPasswordFile },
      fields: fieldsOf(pool),
    },
    rank,
    leaving,
    checks: checksOf(pool),
    policy,
    upSinceMs: upSince(known, policy),
    keepsLastGood: false,
    failbackGroup: pool,
    shown: { as: 'pool', pool },
    label: name,
  };
}

/**
 * What a node's plan asks of it. The settings decide how it is done; the order depends on names only: by pool and slot. A pool
 * without a health check of its own rests on the node's service check. Pure.
 */
export function desiredByPlan(known: Known, { settings, checks }: AcceptedSettings): Desired {
  const { plan } = known;
  if (plan === null || plan === undefined) return NOTHING;
  const pools = new Map(plan.pools.map((pool) => [pool.name, pool]));
  const { specs, keys } = poolChecks(plan.pools, settings.checks.service);
  const serviceOf = (pool: string) => keys.get(pool) ?? NODE_SERVICE;
  const checksOf = (pool: string) =>
    restingOn(checks).map((check) => (check.key === NODE_SERVICE ? { ...check, key: serviceOf(pool) } : check));
  const target = virtualTargetProblem(settings.checks.service.url, plan);
  const context = { known, settings, pools, checksOf };
  return {
    instances: plan.instances.toSorted(byPoolAndSlot).map((instance) => instanceOf(instance, context)),
    checks: specs,
    pools: plan.pools.map(({ name }) => ({ name, check: serviceOf(name) })),
    problems: target === undefined ? [] : [target],
    plan: plan.plan,
  };
}
