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
import { planInput } from './plan-input.ts';
import { Backlog } from './services/backlog.ts';
import { type ServiceReports, ServiceStage } from './services/service-stage.ts';
import { NO_SERVICES, servicesView } from './services/service-view.ts';
import { WhenComplete } from './services/when-complete.ts';
import type { PlannedCluster } from './stage.ts';
import { StageRunner, type WriteReports } from './stage-runner.ts';
import { type ServiceDependencies, writeStages } from './stages.ts';
import { type DefinitionReports, YoungerFields } from './younger-fields.ts';

/** Takes note of what is done. */
export interface ReconcilerReports extends WriteReports, ServiceReports, DefinitionReports {
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
  /** Undefined: Services get no addresses. */
  readonly services?: ServiceDependencies | undefined;
  /** The term in which this replica leads; undefined: it does not. */
  readonly term: () => Term | undefined;
  readonly reports: ReconcilerReports;
  /** Called after every run; what there is to show is put together when somebody asks. */
  readonly onView: (view: () => ClusterView) => void;
}

/** What became of Services in a run. */
interface Served {
  readonly reviewAtMs?: number | undefined;
  readonly failure?: unknown;
  /** Whether something was written: then all is to be seen anew. */
  readonly wrote: boolean;
}

const NOTHING_SERVED: Served = { wrote: false };

function plannedCluster(plan: Plan, { state, holders }: ObservedCluster, fields: YoungerFields): PlannedCluster {
  const specs = new Map([...plan.nodes].map(([name, content]) => [name, fields.specOf(content)]));
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
  /** What Services get is written by itself: what cannot be written for one of them must not hold up the pools. */
  readonly #services: StageRunner<ObservedCluster>;
  readonly #backlog: Backlog;
  readonly #fields: YoungerFields;

  constructor(settings: Settings, dependencies: ReconcilerDependencies) {
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#observer = new ClusterObserver(dependencies);
    this.#announcer = new Announcer(dependencies);
    this.#backlog = new Backlog(dependencies.clock);
    this.#fields = new YoungerFields(dependencies);
    const staged = { ...dependencies, reserved: settings.reserved, backlog: this.#backlog, fields: this.#fields };
    this.#writer = new StageRunner(writeStages(staged), dependencies);
    this.#services = new StageRunner(this.#serviceStages(), dependencies);
  }

  /**
   * Does what is to be done now. All caches must be complete.
   * @returns milliseconds after which to run again by time alone
   * @throws {WriteError} when something could not be written
   */
  async run(): Promise<number | undefined> {
    const { term: currentTerm, clock } = this.#dependencies;
    const term = currentTerm();
    const seen = this.#observer.observe();
    const served = term === undefined ? NOTHING_SERVED : await this.#serve(seen, term);
    const { planAtMs } = this.#backlog;
    // A failure is tried again later and later: the plan does not wait for that.
    if (term !== undefined && served.failure === undefined && planAtMs !== undefined) {
      return Math.max(0, Math.min(planAtMs, served.reviewAtMs ?? planAtMs) - clock.monotonicMs());
    }
    const reviewsMs = await this.#planAndWrite(served.wrote ? this.#observer.observe() : seen, term);
    if (served.failure !== undefined) throw served.failure;
    const dueMs = Math.min(...reviewsMs, served.reviewAtMs ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(dueMs) ? Math.max(0, dueMs - clock.monotonicMs()) : undefined;
  }

  /** Whether many Services get their addresses at the moment: what is new of others need not be looked at within milliseconds. */
  get isBusy(): boolean {
    return this.#backlog.areMany;
  }

  /** @returns when to run again by time alone, by the monotonic clock */
  async #planAndWrite(observed: ObservedCluster, term: Term | undefined): Promise<number[]> {
    const plan = term === undefined ? undefined : this.#plan(observed);
    const announcedMs = this.#announcer.announce(observed, plan, term !== undefined);
    let writtenMs: number | undefined;
    try {
      if (plan !== undefined && term !== undefined) {
        writtenMs = await this.#write(plan, observed, term);
      }
    } finally {
      this.#show(observed);
    }
    return [...observed.reviewsMs, announcedMs, writtenMs].filter((review) => review !== undefined);
  }

  /** @returns when more is due by time alone, by the monotonic clock */
  async #write(plan: Plan, observed: ObservedCluster, term: Term): Promise<number | undefined> {
    const { refused } = this.#fields;
    const dueMs = await this.#writer.run(plannedCluster(plan, observed, this.#fields), term);
    // What plans may have was seen otherwise than this one counted on.
    return refused === this.#fields.refused ? dueMs : this.#dependencies.clock.monotonicMs();
  }

  #serviceStages() {
    const { services, caches, recorder, clock, reports, term } = this.#dependencies;
    const { services: settings, reserved } = this.#settings;
    if (services === undefined || settings === undefined) return [];
    const leads = () => term() !== undefined;
    const dependencies = { ...services, pools: caches.pools, recorder, clock, reports, leads, backlog: this.#backlog };
    return [new WhenComplete<ObservedCluster>(new ServiceStage(settings, reserved, dependencies), services)];
  }

  /** Gives Services their addresses, before anything is planned: so the plan of this run has them. */
  async #serve(seen: ObservedCluster, term: Term): Promise<Served> {
    if (this.#dependencies.services === undefined) return NOTHING_SERVED;
    const before = this.#services.begun;
    const wrote = () => this.#services.begun > before;
    try {
      const reviewAtMs = await this.#services.run(seen, term);
      return { reviewAtMs, wrote: wrote() };
    } catch (failure) {
      return { failure, wrote: wrote() };
    }
  }

  #plan({ state, weighed }: ObservedCluster): Plan {
    const { makePlan, clock, reports } = this.#dependencies;
    const beganMs = clock.monotonicMs();
    this.#backlog.notePlan();
    const plan = makePlan(planInput(state, weighed, this.#settings, this.#fields));
    reports.planned((clock.monotonicMs() - beganMs) / 1000);
    return plan;
  }

  #show({ state }: ObservedCluster): void {
    const { caches, services, onView } = this.#dependencies;
    // What was just written is in the caches, the watch need not be waited for.
    const current = { ...state, pools: caches.pools.list(), plans: caches.plans.list() };
    const [known, claims] = [services?.caches.services.list(), services?.caches.claims.list()];
    const { moves } = this.#announcer;
    let made: ClusterView | undefined;
    const ofServices = () => (known === undefined || claims === undefined ? NO_SERVICES : servicesView(known, claims));
    onView(() => {
      made ??= clusterView(current, ofServices(), moves);
      return made;
    });
  }
}
