import { canonical } from '../../common/addresses.ts';
import type { Clock } from '../../common/clock.ts';
import type { NodeFacts } from '../kubernetes/node-facts.ts';
import type { ResourceCache } from '../kubernetes/resource-cache.ts';
import type { SidecarPod } from '../kubernetes/sidecar-pod.ts';
import type { StoredState } from './cluster-state.ts';
import { foreignRouters, type LoneReports } from './foreign-routers.ts';
import { type Claim, type HolderMemory, holdersOf, NOTHING_REPORTED } from './holders.ts';
import { NOTHING_LISTED, type OwnAddressMemory, ownAddresses } from './own-addresses.ts';
import type { WeighedReports } from './plan-input.ts';
import { type Presence, sidecarsOf } from './presence.ts';
import { claimedBy, NOTHING_CLAIMED, plannedLast } from './services/claimed-addresses.ts';
import { localAddresses, NOTHING_LOCAL } from './services/local-addresses.ts';
import type { FollowedServices } from './services/service-cluster.ts';
import type { WrittenCaches } from './stages.ts';

/** The caches that informers keep current. */
export interface Caches extends WrittenCaches {
  readonly nodes: ResourceCache<NodeFacts>;
  readonly pods: ResourceCache<SidecarPod>;
}

/** The cluster as it is to be seen at one moment. */
export interface ObservedCluster {
  /** Of a clock that only grows. */
  readonly nowMs: number;
  readonly state: StoredState;
  /** By address in canonical form. */
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
  readonly weighed: WeighedReports;
  /** When it is to be seen otherwise by time alone. */
  readonly reviewsMs: readonly number[];
}

interface ClusterObserverDependencies {
  readonly caches: Caches;
  /** Undefined: Services get no addresses. */
  readonly services?: Pick<FollowedServices, 'caches' | 'complete' | 'endpoints'> | undefined;
  readonly clock: Clock;
}

/**
 * Sees the cluster through the caches, and what nodes say of themselves and of others through what they said before. Every replica does it
 * all the time, so that one that takes over knows what was.
 */
export class ClusterObserver {
  readonly #dependencies: ClusterObserverDependencies;
  #presence: Presence | undefined;
  #memory: HolderMemory = NOTHING_REPORTED;
  #loneReports: LoneReports = [];
  #ownAddressMemory: OwnAddressMemory = NOTHING_LISTED;

  constructor(dependencies: ClusterObserverDependencies) {
    this.#dependencies = dependencies;
  }

  /** All caches must be complete. */
  observe(): ObservedCluster {
    const { caches, clock } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    const plans = caches.plans.list();
    const nodes = caches.nodes.list();
    // A fresh controller can't know how long a sidecar has been away: those with a plan get the whole grace.
    this.#presence ??= new Map(plans.map(({ metadata }) => [metadata.name, nowMs]));
    const sidecars = sidecarsOf(caches.pods.list(), this.#presence, nowMs);
    this.#presence = sidecars.presence;
    const ready = new Set(nodes.filter((node) => node.ready).map(({ metadata }) => metadata.name));
    const { memory, holders, reviewAtMs } = holdersOf(plans, ready, this.#memory, {
      nowMs,
      wallMs: clock.wallMs(),
    });
    this.#memory = memory;
    const pools = caches.pools.list();
    const state = { pools, plans, nodes, sidecars: sidecars.nodes, ...this.#claims(pools, plans) };
    const { weighed, weighedReviewAtMs } = this.#weigh(state, holders, nowMs);
    const reviewsMs = [sidecars.reviewAtMs, reviewAtMs, weighedReviewAtMs].filter((review) => review !== undefined);
    return { nowMs, state, holders, weighed, reviewsMs };
  }

  #claims(
    pools: StoredState['pools'],
    plans: StoredState['plans'],
  ): Pick<StoredState, 'serving' | 'claims' | 'claimed' | 'local'> {
    const { services } = this.#dependencies;
    if (services === undefined) return { serving: 'off', claims: [], claimed: NOTHING_CLAIMED, local: NOTHING_LOCAL };
    if (!services.complete()) {
      const local = localAddresses({ pools, plans, known: undefined, slices: undefined });
      return { serving: 'unknown', claims: [], claimed: plannedLast(plans), local };
    }
    const claims = services.caches.claims.list();
    const known = { claims, services: services.caches.services.list() };
    const local = localAddresses({ pools, plans, known, slices: services.endpoints?.slices() });
    services.endpoints?.follow(local.probed);
    return { serving: 'known', claims, claimed: claimedBy(claims), local };
  }

  /** What is to be made of what nodes say of others. */
  #weigh({ pools, plans, claimed, local }: StoredState, holders: ObservedCluster['holders'], nowMs: number) {
    const foreign = foreignRouters(plans, this.#loneReports, nowMs);
    this.#loneReports = foreign.loneReports;
    const requested = new Set([
      ...pools.flatMap((pool) => [...(pool.spec.addresses ?? []), ...claimed(pool)].map(canonical)),
      ...local.addresses,
    ]);
    const own = ownAddresses(plans, { requested, holders, nowMs }, this.#ownAddressMemory);
    this.#ownAddressMemory = own.memory;
    return { weighed: { foreign, nodeAddresses: own.addresses }, weighedReviewAtMs: own.reviewAtMs };
  }
}
