import {
  type HoldingInstance,
  holdingInstances,
  type NodePlanSpec,
  type PlannedInstance,
  type PlannedLoopback,
  type PlannedPool,
  type PlannedSpare,
} from '../../../api/node-plan.ts';
import { canonical } from '../../../common/addresses.ts';
import { compareText } from '../../../common/compare-text.ts';
import type { CheckName } from '../../checks/types.ts';
import type { Settings } from '../../config/settings.ts';
import type { Desired, DesiredCheck, DesiredInstance, DesiredLoopback, FieldNames } from '../../desired/desired.ts';
import { LOOPBACK } from '../../desired/vrrp-instance.ts';
import type { FitnessPolicy } from '../../fitness/fitness.ts';
import { restingOn } from '../node-checks.ts';
import { policyOf } from '../policy.ts';
import type { AcceptedSettings } from '../settings.ts';
import { poolChecks, virtualTargetProblem } from './health-check.ts';
import { localEndpointChecks } from './local-endpoints.ts';
import type { PlanView } from './plan-state.ts';

const NOTHING: Desired = { instances: [], loopback: [], checks: new Map(), pools: [], problems: [], plan: null };

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

/** An instance of a plan; one that has no address yet has one as it may get. */
type Planned = HoldingInstance & Partial<Pick<PlannedSpare, 'like'>>;

function allInstances({ spares = [], ...plan }: NodePlanSpec): Planned[] {
  return [...holdingInstances(plan), ...spares.map((spare) => ({ ...spare, addresses: [] }))];
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
  /** What the fitness for addresses rests on that go by a name, which is their pool's unless they are placed by themselves. */
  readonly checksOf: (name: string, pool: string) => readonly DesiredCheck[];
  /** Names of what is on lo of those who are elected. */
  readonly elected: ReadonlySet<string>;
}

/**
 * What an election rests on: not on whether the API is within reach, for a node without it serves as well, and where all lose it at different
 * moments nobody's election is to change.
 */
function electing(checks: readonly DesiredCheck[]): DesiredCheck[] {
  return checks.filter(({ effect }) => effect !== 'noKubeApi');
}

function instanceOf(
  { name, pool, virtualRouterId, multicastGroup, rank, leaving = false, addresses, like, peers = [] }: Planned,
  { known, settings, pools, checksOf, elected }: Context,
): DesiredInstance {
  const { version, advertIntervalSeconds, interface: on, authPasswordFile } = settings.vrrp;
  const planned = pools.get(pool);
  const policy = poolPolicy(settings, planned);
  const elects = like !== undefined && elected.has(pool);
  return {
    name,
    vrrp: {
      ...{ version, virtualRouterId, advertIntervalSeconds, interface: on, addresses },
      addressInterface: planned?.onLoopback === true ? LOOPBACK : (planned?.interface ?? ''),
      unicastPeers: peers,
      ...{ peersAreOthers: true, authPasswordFile },
      ...(like === undefined ? {} : { like }),
      ...(multicastGroup === undefined ? {} : { multicastGroup }),
      fields: fieldsOf(pool),
    },
    rank,
    leaving,
    checks: elects ? electing(checksOf(pool, pool)) : checksOf(pool, pool),
    policy,
    upSinceMs: upSince(known, policy),
    keepsLastGood: false,
    failbackGroup: pool,
    shown: { as: 'pool', pool },
    ...(elects ? { elects: pool } : {}),
    label: name,
  };
}

/** Where addresses are on every fit node, none of them moves, and a node that is alone has to be fit as well. */
function loopbackOf(
  { name, pool, addresses, elected }: PlannedLoopback,
  { settings, checksOf }: Pick<Context, 'settings' | 'checksOf'>,
): DesiredLoopback {
  const policy = { ...policyOf(settings), noPreempt: false, failbackDelaySeconds: null };
  const own = [...new Set(addresses.map((text) => canonical(text)))];
  return {
    ...{ name, pool, addresses: own, checks: checksOf(name, pool), policy },
    ...(elected === true ? { elected } : {}),
  };
}

/** What else of a plan has checks of its own: addresses on lo that are not where the pool's others are. */
function placedApart({ pools, loopback = [] }: NodePlanSpec): PlannedLoopback[] {
  // Where there are instances as well, what goes by the name is among the pools.
  const named = new Set(pools.map(({ name }) => name));
  return loopback.filter(({ name }) => !named.has(name));
}

/** Of what a plan says that other nodes have endpoints, too. */
function endpointsElsewhere({ pools, loopback = [] }: NodePlanSpec): Set<string> {
  const all = [...pools, ...loopback].filter(({ localEndpoints }) => localEndpoints?.elsewhere === true);
  return new Set(all.map(({ name }) => name));
}

/**
 * What a node's plan asks of it. The settings decide how it is done; the order depends on names only: by pool and slot. A pool
 * without a health check of its own rests on the node's service check. Pure.
 * @param nodeAddress of this node, where kube-proxy answers; empty when it is not known
 */
export function desiredByPlan(known: Known, { settings, checks }: AcceptedSettings, nodeAddress: string): Desired {
  const { plan } = known;
  if (plan === null || plan === undefined) return NOTHING;
  const pools = new Map(plan.pools.map((pool) => [pool.name, pool]));
  const { specs, keys } = poolChecks(plan.pools, settings.checks.service);
  const serviceOf = (pool: string) => keys.get(pool) ?? NODE_SERVICE;
  const { loopback = [] } = plan;
  const local = localEndpointChecks([...plan.pools, ...placedApart(plan)], nodeAddress);
  const elsewhere = endpointsElsewhere(plan);
  const localOf = (name: string): DesiredCheck[] => {
    const key = local.keys.get(name);
    if (key === undefined) return [];
    const asked: DesiredCheck = { key, effect: 'noLocalEndpoint' };
    if (!local.held.has(name)) return [asked];
    // Where nobody else has an endpoint, there is nobody to give the address to.
    return [asked, { key, effect: elsewhere.has(name) ? 'localEndpointsGone' : 'noLocalEndpoint', heldOf: name }];
  };
  const checksOf = (name: string, pool: string) => [
    ...restingOn(checks).map((check) => (check.key === NODE_SERVICE ? { ...check, key: serviceOf(pool) } : check)),
    ...localOf(name),
  ];
  const target = virtualTargetProblem(settings.checks.service.url, plan);
  const elected = new Set(loopback.filter((each) => each.elected === true).map(({ name }) => name));
  const context = { known, settings, pools, checksOf, elected };
  return {
    instances: allInstances(plan)
      .sort(byPoolAndSlot)
      .map((instance) => instanceOf(instance, context)),
    loopback: loopback.map((each) => loopbackOf(each, context)),
    checks: new Map([...specs, ...local.specs]),
    pools: [...plan.pools.map(({ name }) => ({ name, pool: name })), ...placedApart(plan)].map(({ name, pool }) => {
      const localEndpoints = local.keys.get(name);
      const heldEndpoints = local.held.get(name);
      return {
        ...{ name, check: serviceOf(pool) },
        ...(localEndpoints === undefined ? {} : { localEndpoints }),
        ...(heldEndpoints === undefined ? {} : { heldEndpoints }),
      };
    }),
    problems: [...(target === undefined ? [] : [target]), ...local.problems],
    plan: plan.plan,
  };
}
