import { canonical } from '../../common/addresses.ts';
import type { Clock } from '../../common/clock.ts';
import type { AgentPod } from '../kubernetes/agent-pod.ts';
import type { NodeFacts } from '../kubernetes/node-facts.ts';
import type { ResourceCache } from '../kubernetes/resource-cache.ts';
import type { StoredState } from './cluster-state.ts';
import { foreignWords, type LoneWords } from './foreign-words.ts';
import { type Claim, type Hearing, holdersOf, NOTHING_HEARD } from './holders.ts';
import { NO_WORDS, type OwnWords, ownAddresses } from './own-addresses.ts';
import type { Words } from './plan-input.ts';
import { agentsOf, type Presence } from './presence.ts';
import type { WrittenCaches } from './stages.ts';

/** The caches that informers keep current. */
export interface Caches extends WrittenCaches {
  readonly nodes: ResourceCache<NodeFacts>;
  readonly pods: ResourceCache<AgentPod>;
}

/** The cluster as it is to be seen at one moment. */
export interface ObservedCluster {
  /** Of a clock that only grows. */
  readonly nowMs: number;
  readonly state: StoredState;
  /** By address in canonical form. */
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
  readonly words: Words;
  /** When it is to be seen otherwise by time alone. */
  readonly reviewsMs: readonly number[];
}

interface ClusterObserverDependencies {
  readonly caches: Caches;
  readonly clock: Clock;
}

/**
 * Sees the cluster through the caches, and what nodes say of themselves and of others through what they said before. Every replica does it
 * all the time, so that one that takes over knows what was.
 */
export class ClusterObserver {
  readonly #dependencies: ClusterObserverDependencies;
  #presence: Presence | undefined;
  #hearing: Hearing = NOTHING_HEARD;
  #loneWords: LoneWords = [];
  #ownWords: OwnWords = NO_WORDS;

  constructor(dependencies: ClusterObserverDependencies) {
    this.#dependencies = dependencies;
  }

  /** All caches must be complete. */
  observe(): ObservedCluster {
    const { caches, clock } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    const plans = caches.plans.list();
    const nodes = caches.nodes.list();
    // A fresh controller can't know how long an agent has been away: those with a plan get the whole grace.
    this.#presence ??= new Map(plans.map(({ metadata }) => [metadata.name, nowMs]));
    const agents = agentsOf(caches.pods.list(), this.#presence, nowMs);
    this.#presence = agents.presence;
    const ready = new Set(nodes.filter((node) => node.ready).map(({ metadata }) => metadata.name));
    const { hearing, holders, reviewAtMs } = holdersOf(plans, ready, this.#hearing, {
      nowMs,
      wallMs: clock.wallMs(),
    });
    this.#hearing = hearing;
    const state = { pools: caches.pools.list(), plans, nodes, agents: agents.nodes };
    const { words, wordsReviewAtMs } = this.#weigh(state, holders, nowMs);
    const reviewsMs = [agents.reviewAtMs, reviewAtMs, wordsReviewAtMs].filter((review) => review !== undefined);
    return { nowMs, state, holders, words, reviewsMs };
  }

  /** What is to be made of what nodes say of others. */
  #weigh({ pools, plans }: StoredState, holders: ObservedCluster['holders'], nowMs: number) {
    const foreign = foreignWords(plans, this.#loneWords, nowMs);
    this.#loneWords = foreign.words;
    const asked = new Set(pools.flatMap(({ spec }) => spec.addresses.map(canonical)));
    const own = ownAddresses(plans, { asked, holders, nowMs }, this.#ownWords);
    this.#ownWords = own.memory;
    return { words: { foreign, nodeAddresses: own.addresses }, wordsReviewAtMs: own.reviewAtMs };
  }
}
