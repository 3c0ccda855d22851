import type { TripwireState } from '../checks/tripwire.ts';
import { CHECK_NAMES, type CheckName, type CheckState, type CheckTiming } from '../checks/types.ts';
import type { Settings } from '../config/settings.ts';
import type { CordonState } from '../fitness/cordon.ts';
import { BAND_NAMES, type Fitness } from '../fitness/fitness.ts';
import type { HeldAddress, HolderState } from '../keepalived/holder.ts';
import type { SupervisorStatus } from '../runtime/supervisor-status.ts';
import type { PlanView } from '../sources/plan/plan-state.ts';

/** Everything that the agent knows of itself at one moment. */
export interface AgentSnapshot {
  readonly node: string;
  readonly version: string;
  readonly holder: HolderState;
  readonly fitness: Fitness | undefined;
  readonly rank: number;
  /** Why the pod drains by itself; a cordon is not among them. */
  readonly drainReasons: readonly string[];
  readonly cordon: CordonState;
  readonly checks: Readonly<Partial<Record<CheckName, CheckSnapshot>>>;
  readonly refusedPorts: readonly TripwireState[];
  readonly settings: Settings;
  readonly config: {
    readonly version: string;
    readonly loadedAtMs: number;
    readonly rejected: { readonly errors: readonly string[]; readonly atMs: number } | null;
    /** Why the settings cannot be carried out on this node. */
    readonly problem: string | null;
  };
  readonly supervisor: SupervisorStatus | undefined;
  /** What is wrong with the node agent itself, while it lasts. */
  readonly problems: readonly string[];
  /** Why what was decided does not reach keepalived; null when it does. */
  readonly undelivered: string | null;
  /** Router ids of this node's instances that foreign routers use on the same network, too. */
  readonly foreignRouterIds: readonly number[];
  /** What the node is to do for pools, and what came of it. */
  readonly plan: PlanView & {
    /** The plan that keepalived runs; null for none. */
    readonly observed: string | null;
    /** What keeps the node from carrying it out. */
    readonly problems: readonly string[];
  };
  readonly pools: readonly PoolSnapshot[];
  /** The plan's instances; that of the settings is what the rest of this is about. */
  readonly instances: readonly InstanceSnapshot[];
}

/** A pool that the node takes part in. */
export interface PoolSnapshot {
  readonly name: string;
  /** `own`: it is not the node's service check. */
  readonly check: {
    readonly target: string | undefined;
    readonly state: CheckState | undefined;
    readonly own: boolean;
  };
  /** The check's verdict, watched ports included. */
  readonly healthy: boolean | undefined;
}

/** A VRRP instance of the plan. */
export interface InstanceSnapshot {
  readonly name: string;
  readonly pool: string;
  readonly rank: number;
  readonly virtualRouterId: number;
  readonly holder: HolderState;
  readonly fitness: Fitness | undefined;
}

/** A check that is switched on. */
export interface CheckSnapshot {
  readonly target: string;
  readonly timing: CheckTiming;
  readonly state: CheckState;
  /** The check's verdict, watched ports included. */
  readonly healthy: boolean | undefined;
}

function time(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

function checkStatus(check: CheckSnapshot | undefined): object {
  if (check === undefined) return { enabled: false };
  const { state, timing, target, healthy } = check;
  const last = state.lastResult;
  return {
    enabled: true,
    target,
    healthy: healthy ?? null,
    since: time(state.sinceMs),
    lastResult:
      last === undefined
        ? null
        : {
            ok: last.outcome === 'success',
            outcome: last.outcome,
            reason: last.reason,
            durationSeconds: last.durationSeconds,
            at: time(last.atMs),
          },
    consecutiveFailures: state.consecutiveFailures,
    consecutiveSuccesses: state.consecutiveSuccesses,
    intervalSeconds: timing.intervalSeconds,
    timeoutSeconds: timing.timeoutSeconds,
    failureThreshold: timing.failureThreshold,
    successThreshold: timing.successThreshold,
  };
}

function fitnessStatus({ fitness, rank, drainReasons: own, cordon: { cordon } }: AgentSnapshot): object | null {
  if (fitness === undefined) return null;
  const { band, gate, offset, priority, reason } = fitness;
  const drainReasons = typeof cordon === 'string' ? [...own, cordon] : own;
  return { band, reason, rank, gate, offset, priority, draining: drainReasons.length > 0, drainReasons };
}

function cordonStatus({ watched, heard, cordon, sinceMs, problem }: CordonState): object {
  if (!watched) return { watched };
  return {
    watched,
    cordoned: cordon === undefined ? null : cordon !== null,
    reason: cordon ?? null,
    since: time(sinceMs),
    heard,
    problem,
  };
}

function poolsStatus({ plan, pools }: AgentSnapshot): object {
  if (!plan.watched) return { enabled: false };
  return {
    enabled: true,
    heard: plan.heard,
    problem: plan.problem,
    plan: plan.plan?.plan ?? null,
    observedPlan: plan.observed,
    refused: plan.refused,
    problems: plan.problems,
    pools: pools.map(({ name, check, healthy }) => ({
      name,
      healthy: healthy ?? null,
      check: {
        target: check.target ?? null,
        own: check.own,
        reason: check.state?.lastResult?.reason ?? null,
        at: time(check.state?.lastResult?.atMs),
      },
    })),
  };
}

function addressStatus({ address, prefixLength, interface: on, present }: HeldAddress): object {
  return { address: `${address}/${prefixLength}`, interface: on, present };
}

function vrrpStatus({ vrrp }: HolderState, virtualRouterId: number): object {
  return { state: vrrp.state, priority: vrrp.priority ?? null, since: time(vrrp.sinceMs), virtualRouterId };
}

function instanceStatus({ name, pool, rank, virtualRouterId, holder, fitness }: InstanceSnapshot): object {
  return {
    name,
    pool,
    rank,
    holder: holder.holder,
    holderSince: time(holder.sinceMs),
    addresses: holder.addresses.map(addressStatus),
    vrrp: vrrpStatus(holder, virtualRouterId),
    disagreement: holder.disagreement,
    fitness:
      fitness === undefined
        ? null
        : {
            band: fitness.band,
            reason: fitness.reason,
            gate: fitness.gate,
            offset: fitness.offset,
            priority: fitness.priority,
          },
  };
}

function keepalivedStatus(supervisor: SupervisorStatus | undefined): object {
  return {
    running: supervisor?.keepalivedPid !== undefined,
    pid: supervisor?.keepalivedPid ?? null,
    version: supervisor?.keepalivedVersion ?? null,
    configSha256: supervisor?.runningSha256 ?? null,
    lastCandidate:
      supervisor === undefined || supervisor.candidateSha256 === ''
        ? null
        : {
            sha256: supervisor.candidateSha256,
            result: supervisor.result,
            exitCode: supervisor.exitCode,
            messages: supervisor.messages,
          },
  };
}

function statusOf(snapshot: AgentSnapshot): object {
  const { holder, config } = snapshot;
  return {
    node: snapshot.node,
    version: snapshot.version,
    holder: holder.holder,
    holderSince: time(holder.sinceMs),
    addresses: holder.addresses.map(addressStatus),
    vrrp: vrrpStatus(holder, snapshot.settings.vrrp.virtualRouterId),
    disagreement: holder.disagreement,
    fitness: fitnessStatus(snapshot),
    cordon: cordonStatus(snapshot.cordon),
    checks: Object.fromEntries(CHECK_NAMES.map((name) => [name, checkStatus(snapshot.checks[name])])),
    refusedPorts: snapshot.refusedPorts.map(({ port, sinceMs }) => ({ port, since: time(sinceMs) })),
    config: {
      version: config.version,
      loadedAt: time(config.loadedAtMs),
      rejected: config.rejected === null ? null : { errors: config.rejected.errors, at: time(config.rejected.atMs) },
      problem: config.problem,
    },
    problems: snapshot.problems,
    keepalived: keepalivedStatus(snapshot.supervisor),
    foreignRouterIds: snapshot.foreignRouterIds,
    pools: poolsStatus(snapshot),
  };
}

/**
 * The answer to `GET /status` as JSON, in parts, since there can be thousands of addresses; times in ISO 8601, durations in seconds.
 */
export function* statusText(snapshot: AgentSnapshot): Generator<string> {
  yield `${JSON.stringify(statusOf(snapshot)).slice(0, -1)},"instances":[`;
  for (const [index, instance] of snapshot.instances.entries()) {
    yield `${index === 0 ? '' : ','}${JSON.stringify(instanceStatus(instance))}`;
  }
  yield ']}';
}

const UNDECIDED = 'no check has reached a threshold yet';

/** An answer with its HTTP status: 200 when all is well, 503 when not. */
export interface Verdict {
  readonly status: 200 | 503;
  readonly body: object;
}

function verdict(ok: boolean, body: object): Verdict {
  return { status: ok ? 200 : 503, body: { ok, ...body } };
}

/** The answer to `GET /track`: may this node hold the address? */
export function trackNode(snapshot: AgentSnapshot): Verdict {
  const { fitness } = snapshot;
  if (fitness === undefined) return verdict(false, { reason: UNDECIDED });
  const checks = Object.fromEntries(
    CHECK_NAMES.filter((name) => snapshot.checks[name] !== undefined).map((name) => [
      name,
      {
        healthy: snapshot.checks[name]?.healthy ?? null,
        reason: snapshot.checks[name]?.state.lastResult?.reason ?? null,
      },
    ]),
  );
  // Bands 0 to 2 can serve; 3 and 4 hold the address at the very most as the last resort.
  return verdict(!fitness.failed, { band: fitness.band, reason: BAND_NAMES[fitness.band], checks });
}

/**
 * Whether this process has decided: for the instance of the settings, or where there is none for any of the plan's. One pool whose own
 * check is slow does not count against all others.
 */
function hasDecided({ fitness, instances, settings }: AgentSnapshot): boolean {
  if (settings.vrrp.addresses.length > 0) return fitness !== undefined;
  return instances.length === 0 || instances.some((instance) => instance.fitness !== undefined);
}

/**
 * The answer to `GET /pulse`: until this process has decided, and while it cannot write what it decided, what the track files say is the
 * word of one that is gone.
 */
export function pulse(snapshot: AgentSnapshot): Verdict {
  const reason = hasDecided(snapshot) ? snapshot.undelivered : UNDECIDED;
  return verdict(reason === null, reason === null ? {} : { reason });
}

/** The answer to `GET /track/<instance>`: may this node hold the addresses of the plan's instance? Undefined when there is none. */
export function trackInstance({ instances }: AgentSnapshot, name: string): Verdict | undefined {
  const instance = instances.find((candidate) => candidate.name === name);
  if (instance === undefined) return undefined;
  const { pool, fitness } = instance;
  if (fitness === undefined) return verdict(false, { instance: name, pool, reason: UNDECIDED });
  return verdict(!fitness.failed, { instance: name, pool, band: fitness.band, reason: fitness.reason });
}

/** The answer to `GET /track/<check>`; undefined when there is no check of that name. */
export function trackCheck(snapshot: AgentSnapshot, name: string): Verdict | undefined {
  const known = CHECK_NAMES.find((candidate) => candidate === name);
  if (known === undefined) return undefined;
  const check = snapshot.checks[known];
  if (check === undefined) return verdict(true, { check: name, reason: 'this check is switched off' });
  const refused = name === 'service' ? snapshot.refusedPorts.map(({ port }) => `port ${port} refuses connections`) : [];
  const reason = [...refused, check.state.lastResult?.reason ?? 'not asked yet'].join('; ');
  return verdict(check.healthy === true, { check: name, healthy: check.healthy ?? null, reason });
}

/** The answer to `GET /readyz`: ready when the node can take part in holding the address. */
export function readiness(snapshot: AgentSnapshot): Verdict {
  const missing = [
    snapshot.config.problem,
    hasDecided(snapshot) ? snapshot.undelivered : UNDECIDED,
    snapshot.supervisor?.keepalivedPid === undefined ? 'keepalived does not run yet' : null,
  ].filter((reason) => reason !== null);
  return verdict(missing.length === 0, { reasons: missing });
}
