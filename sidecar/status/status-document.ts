import { CHECK_NAMES } from '../checks/types.ts';
import type { CordonState } from '../fitness/cordon.ts';
import type { HeldAddress, HolderState } from '../keepalived/holder.ts';
import type { SupervisorStatus } from '../runtime/supervisor-status.ts';
import type {
  BackendSnapshot,
  CheckSnapshot,
  InstanceSnapshot,
  PoolSnapshot,
  ProxySnapshot,
  RunningInstance,
  SidecarSnapshot,
} from './snapshot.ts';

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

/** The proxy's only where there is one. */
function checksStatus({ checks }: SidecarSnapshot): object {
  const names = CHECK_NAMES.filter((name) => name !== 'proxy' || checks[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, checkStatus(checks[name])]));
}

function fitnessStatus({ fitness, rank, drainReasons: own, cordon: { cordon } }: SidecarSnapshot): object | null {
  if (fitness === undefined) return null;
  const { band, gate, offset, priority, reason } = fitness;
  const drainReasons = typeof cordon === 'string' ? [...own, cordon] : own;
  return { band, reason, rank, gate, offset, priority, draining: drainReasons.length > 0, drainReasons };
}

function cordonStatus({ watched, synced, cordon, sinceMs, problem }: CordonState): object {
  if (!watched) return { watched };
  return {
    watched,
    cordoned: cordon === undefined ? null : cordon !== null,
    reason: cordon ?? null,
    since: time(sinceMs),
    heard: synced,
    problem,
  };
}

/** Only where there are addresses of the control plane. */
function controlPlaneStatus({ controlPlane }: SidecarSnapshot): object {
  if (controlPlane === null) return {};
  const { instances, certificates, conditions } = controlPlane;
  return {
    controlPlane: {
      conditions,
      instances: instances.map((instance) => ({ name: instance.name, ...runningStatus(instance) })),
      certificates: certificates.map(({ endpoint, lacks, validFromMs, validToMs }) => {
        return { server: endpoint, lacks, validFrom: time(validFromMs), validTo: time(validToMs) };
      }),
    },
  };
}

/** Only where it is wanted. */
function connectionsStatus({ connections }: SidecarSnapshot): object {
  if (connections === null) return {};
  const { told, leftOut, nodes, last, problem } = connections;
  const lastReset = last === null ? null : { asked: last.sent, refused: last.refused, at: time(last.atMs) };
  return { resetConnections: { told, leftOut, nodes, last: lastReset, problem } };
}

/** Only where there is a proxy. */
function proxyStatus({ proxy }: SidecarSnapshot): object {
  if (proxy === null) return {};
  const { status, problem, watch, backends } = proxy;
  return {
    proxy: {
      running: status?.haproxyPid !== undefined,
      problem,
      version: status?.haproxyVersion ?? null,
      configSha256: status?.runningSha256 ?? null,
      lastCandidate: lastCandidate(status),
      reloadFailure: status?.reloadFailure ?? null,
      endpoints: watch === null ? { watched: false } : { watched: true, problem: watch.problem },
      backends: backends.map(backendStatus),
    },
  };
}

/** Only where addresses are announced to routers. */
function bgpStatus({ bgp }: SidecarSnapshot): object {
  if (bgp === null) return {};
  const { answers, problems, sessions } = bgp;
  return {
    bgp: {
      ...{ answers, problems },
      sessions: sessions.map(({ peer, state, up, sinceMs, announced, bfd, reason }) => {
        const told = { announced: announced ?? null, bfd: bfd ?? null };
        return { peer, state, up: up ?? null, since: time(sinceMs), ...told, reason };
      }),
    },
  };
}

function backendStatus({ address, state, sinceMs, why, check, ready, readiness, sessions }: BackendSnapshot): object {
  const readyz = { ready: ready ?? null, reason: readiness };
  return { address, state, since: time(sinceMs), why, check, readyz, sessions };
}

function poolsStatus({ plan, pools }: SidecarSnapshot): object {
  if (!plan.watched) return { enabled: false };
  return {
    enabled: true,
    heard: plan.synced,
    problem: plan.problem,
    plan: plan.plan?.plan ?? null,
    observedPlan: plan.observed,
    refused: plan.refused,
    problems: plan.problems,
    pools: pools.map(({ name, check, healthy, localEndpoints }) => ({
      name,
      healthy: healthy ?? null,
      check: {
        target: check.target ?? null,
        own: check.own,
        reason: check.state?.lastResult?.reason ?? null,
        at: time(check.state?.lastResult?.atMs),
      },
      ...localEndpointsStatus(localEndpoints),
    })),
  };
}

/** Only where they count. */
function localEndpointsStatus(localEndpoints: PoolSnapshot['localEndpoints']): object {
  if (localEndpoints === null) return {};
  const { target, state, ready, held } = localEndpoints;
  const last = state?.lastResult;
  return {
    localEndpoints: {
      target: target ?? null,
      ready: ready ?? null,
      since: time(state?.sinceMs),
      reason: last?.reason ?? null,
      at: time(last?.atMs),
      ...(held === undefined ? {} : { held: Object.fromEntries(held.map((each) => [each.name, each.held ?? null])) }),
    },
  };
}

function addressStatus({ address, prefixLength, interface: on, present }: HeldAddress): object {
  return { address: `${address}/${prefixLength}`, interface: on, present };
}

function vrrpStatus({ vrrp }: HolderState, virtualRouterId: number): object {
  return { state: vrrp.state, priority: vrrp.priority ?? null, since: time(vrrp.sinceMs), virtualRouterId };
}

function instanceStatus(instance: InstanceSnapshot): object {
  return { name: instance.name, pool: instance.pool, ...runningStatus(instance) };
}

function runningStatus({ rank, virtualRouterId, holder, fitness }: RunningInstance): object {
  return {
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
    lastCandidate: lastCandidate(supervisor),
  };
}

/** What a supervisor says of the last configuration that it was offered; null before it was offered any. */
function lastCandidate(status: SupervisorStatus | ProxySnapshot['status']): object | null {
  if (status === undefined || status.candidateSha256 === '') return null;
  const { candidateSha256, result, exitCode, messages } = status;
  return { sha256: candidateSha256, result, exitCode, messages };
}

function loopbackStatus(view: SidecarSnapshot['loopback'][number]): object {
  const { name, pool, fitness, serves, elected, addresses } = view;
  return {
    ...{ name, pool, serves: serves ?? null },
    ...(elected === undefined ? {} : { elected }),
    fitness: fitness === undefined ? null : { band: fitness.band, reason: fitness.reason },
    addresses: addresses.map((one) => ({ ...addressStatus(one), since: time(one.sinceMs) })),
  };
}

function statusOf(snapshot: SidecarSnapshot): object {
  const { holder, config } = snapshot;
  return {
    node: snapshot.node,
    version: snapshot.version,
    holder: holder.holder,
    holderSince: time(holder.sinceMs),
    addresses: holder.addresses.map(addressStatus),
    vrrp: vrrpStatus(holder, snapshot.virtualRouterId),
    disagreement: holder.disagreement,
    fitness: fitnessStatus(snapshot),
    cordon: cordonStatus(snapshot.cordon),
    checks: checksStatus(snapshot),
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
    ...connectionsStatus(snapshot),
    ...controlPlaneStatus(snapshot),
    ...proxyStatus(snapshot),
    ...bgpStatus(snapshot),
    pools: poolsStatus(snapshot),
  };
}

/**
 * The answer to `GET /status` as JSON, in parts, since there can be thousands of addresses; times in ISO 8601, durations in seconds.
 */
export function* statusText(snapshot: SidecarSnapshot): Generator<string> {
  yield `${JSON.stringify(statusOf(snapshot)).slice(0, -1)},"instances":[`;
  for (const [index, instance] of snapshot.instances.entries()) {
    yield `${index === 0 ? '' : ','}${JSON.stringify(instanceStatus(instance))}`;
  }
  yield ']';
  // Absent where there are none, as everything that only some have.
  if (snapshot.loopback.length > 0) yield `,"loopback":${JSON.stringify(snapshot.loopback.map(loopbackStatus))}`;
  yield '}';
}
