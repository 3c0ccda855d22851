import type { Clock } from '../../common/clock.ts';
import type { Settings } from '../config/settings.ts';
import type { Term } from '../election/leader-elector.ts';
import type { Move } from '../events/moves.ts';
import type { EventRecorder } from '../events/recorder.ts';
import type { ClusterWriter } from '../kubernetes/cluster-api.ts';
import type { Plan, PlanInput } from '../plan/types.ts';
import { Announcer } from './announcer.ts';
import { type Caches, ClusterObserver, type ObservedCluster } from './cluster-observer.ts';
import { type ClusterView, clusterView } from './cluster-view.ts';
import type { IngressDependencies } from './ingress-stage.ts';
import { nodePlanSpec } from './node-plan-spec.ts';
import { planInput } from './plan-input.ts';
import type { PlannedCluster } from './stage.ts';
import { StageRunner, type WriteReports } from './stage-runner.ts';
import { writeStages } from './stages.ts';

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
  /** Undefined: there is no ingress of the control plane to look after. */
  readonly ingress?: IngressDependencies | undefined;
  /** The term in which this replica leads; undefined: it does not. */
  readonly term: () => Term | undefined;
  readonly reports: ReconcilerReports;
  /** Called with what there is to show, after every run. */
  readonly onView: (view: ClusterView) => void;
}

function plannedCluster(plan: Plan, { state, holders }: ObservedCluster): PlannedCluster {
  const specs = new Map([...plan.nodes].map(([name, content]) => [name, nodePlanSpec(content)]));
  return { plan, specs, state, holders };
}

/**
 * Makes the cluster's objects those of the plan, from the state as a whole: it does not matter what has changed, or how often. The leader
 * plans and writes; every replica observes, so that one that takes over knows what was.
 */
export class Reconciler {
  readonly #settings: Settings;
  readonly #dependencies: ReconcilerDependencies;
  readonly #observer: ClusterObserver;
  readonly #announcer: Announcer;
  readonly #writer: StageRunner;

  constructor(settings: Settings, dependencies: ReconcilerDependencies) {
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#observer = new ClusterObserver(dependencies);
    this.#announcer = new Announcer(dependencies);
    this.#writer = new StageRunner(writeStages(dependencies), dependencies);
  }

  /**
   * Does what is to be done now. All caches must be complete.
   * @returns milliseconds after which to run again by time alone
   * @throws {WriteError} when something could not be written
   */
  async run(): Promise<number | undefined> {
    const observed = this.#observer.observe();
    const term = this.#dependencies.term();
    const plan = term === undefined ? undefined : this.#plan(observed);
    const announcedMs = this.#announcer.announce(observed, plan, term !== undefined);
    let writtenMs: number | undefined;
    try {
      if (plan !== undefined && term !== undefined) {
        writtenMs = await this.#writer.run(plannedCluster(plan, observed), term);
      }
    } finally {
      this.#show(observed);
    }
    const reviewsMs = [...observed.reviewsMs, announcedMs, writtenMs].filter((review) => review !== undefined);
    return reviewsMs.length === 0
      ? undefined
      : Math.max(0, Math.min(...reviewsMs) - this.#dependencies.clock.monotonicMs());
  }

  #plan({ state, weighed, nowMs }: ObservedCluster): Plan {
    const { makePlan, clock, reports } = this.#dependencies;
    const plan = makePlan(planInput(state, weighed, this.#settings));
    reports.planned((clock.monotonicMs() - nowMs) / 1000);
    return plan;
  }

  #show({ state }: ObservedCluster): void {
    const { caches, onView } = this.#dependencies;
    // What was just written is in the caches, the watch need not be waited for.
    const current = { ...state, pools: caches.pools.list(), plans: caches.plans.list() };
    onView(clusterView(current, this.#announcer.moves));
  }
}
