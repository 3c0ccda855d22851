import { isDeepStrictEqual } from 'node:util';
import type { ServiceAddress, ServiceAddressStatus } from '../../../api/service-address.ts';
import type { Clock } from '../../../common/clock.ts';
import { withoutInstance } from '../../events/local-services.ts';
import type { ServiceWriter } from '../../kubernetes/service-api.ts';
import { type Outside, outsideOf } from '../../services/outside-pool.ts';
import { conditionOf, type Verdict } from '../conditions.ts';
import type { Claim } from '../holders.ts';
import type { Decision, PendingWrite, PlannedCluster, Stage } from '../stage.ts';
import { Written } from '../written.ts';
import { servicePool } from './claimed-addresses.ts';
import { heldVerdict, plannedForSeveral, type Several } from './held.ts';
import type { ServiceCaches } from './service-cluster.ts';

interface ServiceAddressStatusStageDependencies {
  readonly claims: ServiceCaches['claims'];
  readonly writer: Pick<ServiceWriter, 'applyClaimStatus'>;
  readonly clock: Clock;
}

/** The status of one claim is written four times a second at most. */
const STATUS_INTERVAL_MS = 250;
/**
 * A claim of which nothing was said yet: so long it waits for the node that is about to have the address, and says then all at once. That no
 * node has it for longer is news.
 */
const FIRST_WORD_MS = 2000;
/** Holders that are named. */
const NAMED_HOLDERS = 4;

/** For every planned address, in canonical form, the node that the plan prefers. */
function plannedNodes({ plan }: PlannedCluster): Map<string, string> {
  const planned = new Map<string, string>();
  for (const { groups } of plan.demands.values()) {
    for (const { addresses, nodes } of groups) {
      const [first] = nodes;
      if (first !== undefined) for (const address of addresses) planned.set(address, first);
    }
  }
  return planned;
}

/** What is known of an address. */
interface Found {
  readonly plannedNode: string | undefined;
  readonly holders: readonly Claim[];
  /** Why no node can have it. */
  readonly exhausted: string | undefined;
  /** Which nodes are to have it, where several are; undefined: one is. */
  readonly several: Several | undefined;
  /** Why its pool would not give it any more. */
  readonly outside: Outside | undefined;
}

/** Said only where it is so: of most addresses it never is. */
function outsideVerdict({ outside }: Found): Verdict[] {
  if (outside === undefined) return [];
  const message = `${outside.message}; the Service keeps it until it goes or asks for another`;
  return [{ type: 'OutsidePool', status: 'True', reason: outside.reason, message }];
}

/** What the status of a claim is to be. Pure. */
function statusOf(claim: ServiceAddress, found: Found, now: string): ServiceAddressStatus {
  const { plannedNode, holders, several } = found;
  const verdicts = [heldVerdict(claim, found), ...outsideVerdict(found)];
  const since = holders.at(-1)?.since;
  return {
    conditions: verdicts.map((verdict) => conditionOf(verdict, claim, now)),
    ...(plannedNode === undefined ? {} : { plannedNode }),
    holders: holders.slice(0, NAMED_HOLDERS).map(({ node }) => node),
    ...(several === undefined ? {} : { holderCount: holders.length }),
    ...(since === undefined ? {} : { since }),
  };
}

interface Desired {
  readonly claim: ServiceAddress;
  readonly status: ServiceAddressStatus;
}

/** Writes which node is to have a Service's address, and which has it. */
export class ServiceAddressStatusStage implements Stage {
  readonly name = 'service_address_status';
  readonly #dependencies: ServiceAddressStatusStageDependencies;
  readonly #written = new Written<ServiceAddressStatus>();
  /** By claim: when it was written last. */
  readonly #writtenMs = new Map<string, number>();
  /** By claim: since when nothing was said of it. */
  readonly #newMs = new Map<string, number>();

  constructor(dependencies: ServiceAddressStatusStageDependencies) {
    this.#dependencies = dependencies;
  }

  decide(cluster: PlannedCluster): Decision {
    const { claims, clock } = this.#dependencies;
    const known = claims.list();
    this.#forgetGone(known);
    const planned = plannedNodes(cluster);
    const without = withoutInstance(cluster.plan);
    const pools = new Map(cluster.state.pools.map((pool) => [pool.metadata.name, servicePool(pool)]));
    const several = plannedForSeveral(cluster.plan);
    const [now, nowMs] = [new Date(clock.wallMs()).toISOString(), clock.monotonicMs()];
    const desired = known.map((claim) => {
      const { address } = claim.spec;
      const found = {
        plannedNode: planned.get(address),
        holders: cluster.holders.get(address) ?? [],
        exhausted: without.get(address),
        outside: outsideOf(claim.spec.pool, pools.get(claim.spec.pool), address),
        several: several.get(address),
      };
      return { claim, status: statusOf(claim, found, now) };
    });
    const dated = desired.map((each) => ({ ...each, dueMs: this.#dueMs(each, nowMs) }));
    const later = dated.map(({ dueMs }) => dueMs).filter((dueMs) => dueMs > nowMs && Number.isFinite(dueMs));
    return {
      writes: dated.filter(({ dueMs }) => dueMs <= nowMs).map((each) => this.#pending(each)),
      reviewAtMs: later.length === 0 ? undefined : Math.min(...later),
    };
  }

  /** When a status may be written; Infinity: it need not be. */
  #dueMs({ claim, status }: Desired, nowMs: number): number {
    const { name } = claim.metadata;
    if (claim.status !== undefined) this.#newMs.delete(name);
    else if (claim.spec.owners.length > 0 && status.holders.length === 0) {
      const sinceMs = this.#newMs.get(name) ?? nowMs;
      this.#newMs.set(name, sinceMs);
      if (nowMs < sinceMs + FIRST_WORD_MS) return sinceMs + FIRST_WORD_MS;
    }
    if (isDeepStrictEqual(claim.status, status) || this.#written.made(status, claim)) return Number.POSITIVE_INFINITY;
    return (this.#writtenMs.get(name) ?? Number.NEGATIVE_INFINITY) + STATUS_INTERVAL_MS;
  }

  #pending({ claim, status }: Desired): PendingWrite {
    const { writer, claims, clock } = this.#dependencies;
    const { name } = claim.metadata;
    return {
      name,
      write: async () => {
        this.#writtenMs.set(name, clock.monotonicMs());
        const stored = await writer.applyClaimStatus(claim, status);
        if (stored === undefined) return;
        this.#written.note(status, stored);
        claims.put(stored);
      },
    };
  }

  #forgetGone(claims: readonly ServiceAddress[]): void {
    const names = new Set(claims.map(({ metadata }) => metadata.name));
    this.#written.keepOnly(names);
    for (const times of [this.#writtenMs, this.#newMs]) {
      for (const name of times.keys()) if (!names.has(name)) times.delete(name);
    }
  }
}
