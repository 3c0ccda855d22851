import { canonical } from '../../common/addresses.ts';
import type { Clock } from '../../common/clock.ts';
import type { Settings } from '../config/settings.ts';
import type { Term } from '../election/leader-elector.ts';
import { type Move, type Observed, observe } from '../events/observe.ts';
import type { EventRecorder } from '../events/recorder.ts';
import type { AgentPod } from '../kubernetes/agent-pod.ts';
import type { ClusterWriter } from '../kubernetes/cluster-api.ts';
import type { NodeFacts } from '../kubernetes/node-facts.ts';
import type { ResourceCache } from '../kubernetes/resource-cache.ts';
import type { StoredNodePlan } from '../kubernetes/stored.ts';
import type { Plan, PlanInput } from '../plan/types.ts';
import { foreignWords, type LoneWords } from './foreign-words.ts';
import { type Claim, type Hearing, holdersOf, NOTHING_HEARD } from './holders.ts';
import { NO_WORDS, type OwnWords, ownAddresses } from './own-addresses.ts';
import { type ClusterState, planInput, type Words } from './plan-input.ts';
import { PlanWriter, type WriteReports, type WrittenCaches } from './plan-writer.ts';
import { agentsOf, type Presence } from './presence.ts';
import { type ClusterView, clusterView, poolViews, type SeenMove } from './view.ts';

/** The caches that informers keep current. */
export interface Caches extends WrittenCaches {
  readonly nodes: ResourceCache<NodeFacts>;
  readonly pods: ResourceCache<AgentPod>;
}

/** Takes note of what is done. */
export interface ReconcilerReports extends WriteReports {
  planned(durationSeconds: number): void;
  moved(move: Move): void;
}

interface ReconcilerDependencies {
  readonly caches: Caches;
  readonly writer: ClusterWriter;
  readonly recorder: EventRecorder;
  readonly makePlan: (input: PlanInput) => Plan;
  readonly clock: Clock;
  /** The term in which this replica leads; undefined: it does not. */
  readonly term: () => Term | undefined;
  readonly reports: ReconcilerReports;
  /** Called with what there is to show, after every run. */
  readonly onView: (view: ClusterView) => void;
}

const MOVES_KEPT = 50;

/** The cluster, with NodePlans as they are stored. */
export type StoredState = ClusterState & { readonly plans: readonly StoredNodePlan[] };

interface WeighedWords extends Words {
  readonly reviewAtMs: number | undefined;
}

/** Where this run has got to. */
interface Run {
  readonly nowMs: number;
  readonly state: StoredState;
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
  readonly words: Words;
  /** When time alone changes something. */
  readonly reviews: number[];
}

/**
 * Makes the cluster's objects those of the plan, from the state as a whole: it does not matter what has changed, or how often. The leader
 * writes; every replica looks on, so that one that takes over knows what was.
 */
export class Reconciler {
  readonly #settings: Settings;
  readonly #dependencies: ReconcilerDependencies;
  readonly #writer: PlanWriter;
  #presence: Presence | undefined;
  #hearing: Hearing = NOTHING_HEARD;
  #loneWords: LoneWords = [];
  #ownWords: OwnWords = NO_WORDS;
  #observed: Observed | undefined;
  #moves: readonly SeenMove[] = [];

  constructor(settings: Settings, dependencies: ReconcilerDependencies) {
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#writer = new PlanWriter(dependencies);
  }

  /**
   * Does what is to be done now. All caches must be complete.
   * @returns milliseconds after which to look again by time alone
   * @throws {WriteError} when something could not be written
   */
  async run(): Promise<number | undefined> {
    const run = this.#look();
    const term = this.#dependencies.term();
    const plan = term === undefined ? undefined : this.#plan(run);
    this.#observe(run, plan, term !== undefined);
    try {
      if (plan !== undefined && term !== undefined) {
        const dueMs = await this.#writer.write({ plan, term, state: run.state, holders: run.holders });
        if (dueMs !== undefined) run.reviews.push(dueMs);
      }
    } finally {
      this.#show(run);
    }
    const next = Math.min(...run.reviews, Number.POSITIVE_INFINITY);
    return Number.isFinite(next) ? Math.max(0, next - this.#dependencies.clock.monotonicMs()) : undefined;
  }

  #look(): Run {
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
    const words = this.#weigh(state, holders, nowMs);
    const reviews = [agents.reviewAtMs, reviewAtMs, words.reviewAtMs].filter((review) => review !== undefined);
    return { nowMs, state, holders, words, reviews };
  }

  /** What is to be made of what nodes say of others. Every replica does it, so that one that takes over knows what was said before. */
  #weigh({ pools, plans }: StoredState, holders: Run['holders'], nowMs: number): WeighedWords {
    const foreign = foreignWords(plans, this.#loneWords, nowMs);
    this.#loneWords = foreign.words;
    const asked = new Set(pools.flatMap(({ spec }) => spec.addresses.map(canonical)));
    const own = ownAddresses(plans, { asked, holders, nowMs }, this.#ownWords);
    this.#ownWords = own.memory;
    return { foreign, nodeAddresses: own.addresses, reviewAtMs: own.reviewAtMs };
  }

  #plan({ state, words, nowMs }: Run): Plan {
    const { makePlan, clock, reports } = this.#dependencies;
    const plan = makePlan(planInput(state, words, this.#settings));
    reports.planned((clock.monotonicMs() - nowMs) / 1000);
    return plan;
  }

  #observe({ state, holders, nowMs, reviews }: Run, plan: Plan | undefined, leading: boolean): void {
    const { clock, recorder, reports } = this.#dependencies;
    const found = observe(poolViews(state, plan, holders), this.#observed, nowMs);
    this.#observed = found.observed;
    if (found.reviewAtMs !== undefined) reviews.push(found.reviewAtMs);
    for (const move of found.moves) reports.moved(move);
    const at = new Date(clock.wallMs()).toISOString();
    this.#moves = [...found.moves.map((move) => ({ ...move, at })), ...this.#moves].slice(0, MOVES_KEPT);
    recorder.keepOnly(new Set(state.pools.map(({ metadata }) => metadata.name)));
    // Not waited for: Events are news, and the plan must not be late for them.
    if (leading) void recorder.record(found.events);
  }

  #show({ state }: Run): void {
    const { caches, onView } = this.#dependencies;
    // What was just written is in the caches, the watch need not be waited for.
    const current = { ...state, pools: caches.pools.list(), plans: caches.plans.list() };
    onView(clusterView(current, this.#moves));
  }
}
