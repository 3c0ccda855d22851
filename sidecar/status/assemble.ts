import type { IpFamily } from '../../api/ip-family.ts';
import type { NodePlanStatus } from '../../api/node-plan.ts';
import type { CheckSet } from '../checks/check-set.ts';
import { CHECK_NAMES, type CheckName, type CheckView, isNodeCheck } from '../checks/types.ts';
import type { Settings } from '../config/settings.ts';
import type { Desired } from '../desired/desired.ts';
import type { InstanceProblem } from '../desired/resolve.ts';
import type { CordonState } from '../fitness/cordon.ts';
import type { InstanceSet } from '../instances/instance-set.ts';
import type { LoopbackView } from '../instances/loopback-set.ts';
import type { HolderState } from '../keepalived/holder.ts';
import type { SupervisorStatus } from '../runtime/supervisor-status.ts';
import type { PlanView } from '../sources/plan/plan-state.ts';
import { planStatusOf } from './plan-status.ts';
import {
  controlPlaneInstances,
  hasNodeInstance,
  nodeProblem,
  nodeRouterId,
  nodeState,
  poolInstances,
  poolProblems,
} from './shown.ts';
import type { CheckSnapshot, ControlPlaneSnapshot, PoolSnapshot, SidecarSnapshot } from './snapshot.ts';

/** The state of all parts, of which snapshots are made. */
export interface Known {
  readonly node: string;
  readonly version: string;
  readonly settings: Settings;
  readonly config: Omit<SidecarSnapshot['config'], 'problem'>;
  readonly rank: number;
  readonly plan: PlanView;
  readonly desired: Desired;
  readonly checks: Pick<CheckSet, 'view' | 'worker' | 'refusedPorts'>;
  /** What connections held to the endpoints of a pool say; undefined where none are. */
  readonly heldEndpoints: (pool: string) => CheckView | undefined;
  readonly instances: Pick<InstanceSet, 'runners' | 'all'>;
  /** What is to be on lo, and what is. */
  readonly loopback: readonly LoopbackView[];
  /** What is shown of holding where the node has no instance of its own. */
  readonly unknownHolder: HolderState;
  readonly drainReasons: readonly string[];
  readonly cordon: CordonState;
  /** The plan that keepalived runs; null for none. */
  readonly observedPlan: string | null;
  /** What cannot be carried out here. */
  readonly unresolved: readonly InstanceProblem[];
  readonly ownAddresses: readonly string[];
  readonly supervisor: SupervisorStatus | undefined;
  readonly foreignRouterIds: readonly number[];
  readonly connections: SidecarSnapshot['connections'];
  readonly proxy: SidecarSnapshot['proxy'];
  readonly bgp: SidecarSnapshot['bgp'];
  /** Families of which there is, or was a moment ago, a session with a router; null where nothing is announced. */
  readonly bgpFamilies: readonly IpFamily[] | null;
  /** What is known of the control plane besides its instances; null where there is none. */
  readonly controlPlane: Omit<ControlPlaneSnapshot, 'instances'> | null;
  /** Why what was decided does not reach keepalived; null when it does. */
  readonly trackProblem: string | null;
  /** What is wrong with the sidecar itself, not with what it manages. */
  readonly problems: readonly string[];
}

function checkSnapshot({ checks }: Known, name: CheckName): CheckSnapshot | undefined {
  const worker = checks.worker(name);
  if (worker === undefined) return undefined;
  return { target: worker.target, timing: worker.timing, state: worker.state, healthy: checks.view(name)?.healthy };
}

function checkSnapshots(known: Known): SidecarSnapshot['checks'] {
  const all = CHECK_NAMES.map((name) => [name, checkSnapshot(known, name)] as const);
  return Object.fromEntries(all.filter(([, check]) => check !== undefined));
}

/** Of the checks that are the node's own; a pool's port counts for its pool alone. */
function refusedPorts({ checks }: Known): SidecarSnapshot['refusedPorts'] {
  return CHECK_NAMES.flatMap((check) => checks.refusedPorts(check).map((port) => ({ ...port, check })));
}

type DesiredPool = Known['desired']['pools'][number];

function heldSnapshot({ checks }: Known, keys: readonly string[] | undefined) {
  if (keys === undefined) return undefined;
  return keys.map((key) => ({ name: key.replace(/^endpoint /, ''), held: checks.view(key)?.healthy }));
}

function localEndpointsSnapshot(
  known: Known,
  { name, localEndpoints, heldEndpoints }: DesiredPool,
): PoolSnapshot['localEndpoints'] {
  if (localEndpoints === undefined) return null;
  const { checks } = known;
  const worker = checks.worker(localEndpoints);
  const gone = known.heldEndpoints(name)?.healthy === false;
  return {
    target: worker?.target,
    state: worker?.state,
    ready: gone ? false : checks.view(localEndpoints)?.healthy,
    held: heldSnapshot(known, heldEndpoints),
  };
}

function poolSnapshots(known: Known): PoolSnapshot[] {
  const { desired, checks } = known;
  return desired.pools.map((pool) => {
    const { name, check } = pool;
    const worker = checks.worker(check);
    return {
      name,
      check: { target: worker?.target, state: worker?.state, own: !isNodeCheck(check) },
      healthy: checks.view(check)?.healthy,
      localEndpoints: localEndpointsSnapshot(known, pool),
    };
  });
}

function controlPlaneSnapshot({ controlPlane, instances }: Known): SidecarSnapshot['controlPlane'] {
  if (controlPlane === null) return null;
  return { ...controlPlane, instances: controlPlaneInstances(instances.runners) };
}

/** What keeps the node from carrying out its plan, in sentences. */
function planProblems({ desired, plan: { refused, problems }, unresolved, supervisor, ...known }: Known): string[] {
  return [
    ...desired.problems,
    ...(refused === null ? [] : [`the plan is refused: ${refused}`]),
    ...problems,
    ...poolProblems(unresolved),
    ...(supervisor?.result === 'rejected'
      ? [`keepalived refused the configuration: ${supervisor.messages.join('; ')}`]
      : []),
    ...known.problems,
  ];
}

/** All that there is to show, at one moment. Pure. */
export function snapshotOf(known: Known): SidecarSnapshot {
  return {
    node: known.node,
    version: known.version,
    // Also before the start: nothing is decided then, and what the track files say is the word of a process that is gone.
    hasNodeInstance: hasNodeInstance(known.desired.instances),
    ...nodeState(known.instances.runners, known.unknownHolder),
    virtualRouterId: nodeRouterId(known.desired.instances) ?? known.settings.vrrp.virtualRouterId,
    rank: known.rank,
    drainReasons: known.drainReasons,
    cordon: known.cordon,
    checks: checkSnapshots(known),
    refusedPorts: refusedPorts(known),
    settings: known.settings,
    config: { ...known.config, problem: nodeProblem(known.unresolved) },
    supervisor: known.supervisor,
    problems: known.problems,
    trackProblem: known.trackProblem,
    foreignRouterIds: known.foreignRouterIds,
    plan: { ...known.plan, observed: known.observedPlan, problems: planProblems(known) },
    controlPlane: controlPlaneSnapshot(known),
    connections: known.connections,
    proxy: known.proxy,
    bgp: known.bgp,
    pools: poolSnapshots(known),
    instances: poolInstances(known.instances.runners),
    loopback: known.loopback,
  };
}

/** The status of the plan, for the controller. Pure. */
export function reportOf(known: Known): NodePlanStatus {
  const { version, observedPlan, foreignRouterIds, bgpFamilies, ownAddresses, instances, loopback } = known;
  return planStatusOf({
    ...{ version, observedPlan, foreignRouterIds, bgpFamilies, ownAddresses },
    // Also those on their way out: they may hold addresses.
    instances: [
      ...poolInstances(instances.all).map(({ pool, fitness, holder }) => {
        return { pool, fitness, addresses: holder.addresses };
      }),
      ...loopback.map(({ name, fitness, addresses }) => ({ pool: name, fitness, addresses })),
    ],
    problems: planProblems(known),
  });
}
