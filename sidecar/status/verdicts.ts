import { CHECK_NAMES } from '../checks/types.ts';
import type { SidecarSnapshot } from './snapshot.ts';

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
export function trackNode(snapshot: SidecarSnapshot): Verdict {
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
  // Not by the band: whoever drains serves meanwhile, but not so without a kubelet, and both are in band 3.
  return verdict(!fitness.failed, { band: fitness.band, reason: fitness.reason, checks });
}

/**
 * Whether this process has decided: for the node's own instance, or where there is none for any of the pools'. One pool whose own
 * check is slow does not count against all others.
 */
function hasDecided(snapshot: SidecarSnapshot): boolean {
  const { fitness, instances, loopback } = snapshot;
  if (snapshot.hasNodeInstance) return fitness !== undefined;
  const all = [...instances, ...loopback];
  return all.length === 0 || all.some((each) => each.fitness !== undefined);
}

/**
 * The answer to `GET /pulse`: until this process has decided, and while it cannot write what it decided, what the track files say is the
 * word of one that is gone.
 */
export function pulse(snapshot: SidecarSnapshot): Verdict {
  const reason = hasDecided(snapshot) ? snapshot.trackProblem : UNDECIDED;
  return verdict(reason === null, reason === null ? {} : { reason });
}

/** The answer to `GET /track/<instance>`: may this node hold the addresses of the plan's instance? Undefined when there is none. */
export function trackInstance({ instances }: SidecarSnapshot, name: string): Verdict | undefined {
  const instance = instances.find((candidate) => candidate.name === name);
  if (instance === undefined) return undefined;
  const { pool, fitness } = instance;
  if (fitness === undefined) return verdict(false, { instance: name, pool, reason: UNDECIDED });
  return verdict(!fitness.failed, { instance: name, pool, band: fitness.band, reason: fitness.reason });
}

/** The answer to `GET /track/<check>`; undefined when there is no check of that name. */
export function trackCheck(snapshot: SidecarSnapshot, name: string): Verdict | undefined {
  const known = CHECK_NAMES.find((candidate) => candidate === name);
  if (known === undefined) return undefined;
  const check = snapshot.checks[known];
  if (check === undefined) return verdict(true, { check: name, reason: 'this check is switched off' });
  const refused = snapshot.refusedPorts.flatMap(({ check: of, port }) =>
    of === known ? [`port ${port} refuses connections`] : [],
  );
  const reason = [...refused, check.state.lastResult?.reason ?? 'not asked yet'].join('; ');
  return verdict(check.healthy === true, { check: name, healthy: check.healthy ?? null, reason });
}

/** The answer to `GET /readyz`: ready when the node can take part in holding the address. */
export function readiness(snapshot: SidecarSnapshot): Verdict {
  const missing = [
    snapshot.config.problem,
    hasDecided(snapshot) ? snapshot.trackProblem : UNDECIDED,
    snapshot.supervisor?.keepalivedPid === undefined ? 'keepalived does not run yet' : null,
  ].filter((reason) => reason !== null);
  return verdict(missing.length === 0, { reasons: missing });
}
