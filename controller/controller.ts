import type { KubeConfig } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import type { VirtualIpPool } from '../api/virtual-ip-pool.ts';
import type { Clock, Timers } from '../common/clock.ts';
import type { Settings } from './config/settings.ts';
import { LeaderElector, type Term } from './election/leader-elector.ts';
import { EventRecorder } from './events/recorder.ts';
import { type AgentPod, agentPod, samePod } from './kubernetes/agent-pod.ts';
import { reasonOf } from './kubernetes/api-error.ts';
import { ClusterApi } from './kubernetes/cluster-api.ts';
import { Informer } from './kubernetes/informer.ts';
import { ClusterLease, keepLease, type StoredLease } from './kubernetes/leases.ts';
import { type NodeFacts, nodeFacts, sameNode } from './kubernetes/node-facts.ts';
import { type Cached, ResourceCache, type Sameness } from './kubernetes/resource-cache.ts';
import { keepNodePlan, keepPool, type StoredNodePlan } from './kubernetes/stored.ts';
import { makePlan } from './plan/planner.ts';
import { type Caches, Reconciler } from './reconcile/reconciler.ts';
import { RunLoop } from './reconcile/run-loop.ts';
import { type ClusterView, EMPTY_VIEW } from './reconcile/view.ts';
import type { Metrics } from './server/metrics.ts';
import type { ControllerSnapshot } from './server/status.ts';

/** What a controller is told at its start. */
export interface ControllerOptions {
  readonly settings: Settings;
  readonly version: string;
  /** The pod's name. */
  readonly identity: string;
  /** The pod's unique id; undefined where this is no pod. */
  readonly podUid: string | undefined;
  /** The pod's namespace: where the lease is. */
  readonly namespace: string;
}

interface ControllerDependencies {
  readonly access: KubeConfig;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Logger;
  /** Called when there may be something new to show. */
  readonly onView: () => void;
}

const DEBOUNCE_MS = 50;
const RESYNC_MS = 600_000;
const POOLS_PATH = '/apis/keepalived-ingress-vip.io/v1alpha1/virtualippools';
const PLANS_PATH = '/apis/keepalived-ingress-vip.io/v1alpha1/nodeplans';

/** Wires informers, election and reconciler. Opens no port and reads no environment. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #dependencies: ControllerDependencies;
  readonly #loop: RunLoop;
  readonly #elector: LeaderElector;
  readonly #reconciler: Reconciler;
  readonly #informers: Informer<never, Cached>[] = [];
  readonly #leases: ResourceCache<StoredLease>;
  #term: Term | undefined;
  #view: ClusterView = EMPTY_VIEW;
  #metrics: Metrics | undefined;

  constructor(options: ControllerOptions, dependencies: ControllerDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    const { settings, identity, podUid, namespace } = options;
    const { access, clock, timers, random, log } = dependencies;
    const api = new ClusterApi({ instance: identity }, { access });
    const pod = podUid === undefined ? undefined : { name: identity, uid: podUid };
    const leases = new ClusterLease({ namespace, name: settings.lease.name, pod }, { access });
    this.#loop = new RunLoop(
      { debounceMs: DEBOUNCE_MS, resyncMs: RESYNC_MS },
      { run: () => this.#run(), clock, timers, onError: (error, retryMs) => this.#runFailed(error, retryMs) },
    );
    this.#leases = new ResourceCache({}, { onChange: () => this.#tellElector() });
    const caches = this.#follow(api);
    this.#add<never, StoredLease>(
      {
        name: 'lease',
        path: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`,
        fieldSelector: `metadata.name=${settings.lease.name}`,
        keep: keepLease,
      },
      () => leases.list() as Promise<{ items: never[] }>,
      this.#leases,
    );
    const recorder = new EventRecorder({
      writer: api,
      clock,
      onOutcome: ({ pool, reason, note }, outcome, error) => {
        this.#metrics?.event(reason, outcome);
        if (outcome === 'written') log.info({ pool, reason }, note);
        else log.warn({ pool, reason, outcome, ...(error === undefined ? {} : { why: reasonOf(error) }) }, note);
      },
    });
    this.#reconciler = new Reconciler(settings, {
      caches,
      writer: api,
      recorder,
      makePlan,
      clock,
      term: () => (this.#term?.holds() === true ? this.#term : undefined),
      reports: {
        planned: (seconds) => this.#metrics?.planned(seconds),
        wrote: (kind, name) => {
          this.#metrics?.wrote(kind, 'success');
          log.debug({ kind, name }, 'written');
        },
        writeFailed: (kind, name, error) => {
          this.#metrics?.wrote(kind, 'error');
          log.warn({ kind, name, why: reasonOf(error) }, 'cannot be written; it is tried again');
        },
        moved: ({ pool, addresses }) => this.#metrics?.moved(pool, addresses.length),
      },
      onView: (view) => {
        this.#view = view;
        dependencies.onView();
      },
    });
    this.#elector = new LeaderElector(
      { identity, ...settings.lease },
      {
        leases,
        clock,
        timers,
        random,
        onTerm: (term) => this.#lead(term),
        onError: (error) => {
          this.#metrics?.leaseFailed();
          log.warn({ why: reasonOf(error) }, 'the lease cannot be written; it is tried again');
        },
      },
    );
  }

  /** Takes the metrics, which are made of snapshots of this. */
  useMetrics(metrics: Metrics): void {
    this.#metrics = metrics;
  }

  /** What is known now. */
  snapshot(): ControllerSnapshot {
    const { version, identity } = this.#options;
    const informers = this.#informers.map(({ name, synced, connected }) => ({ name, synced, connected }));
    const { leading, leader } = this.#elector;
    return { version, identity, leading, leader, informers, view: this.#view };
  }

  /** Begins to follow the cluster and to stand for the lead. */
  start(): void {
    this.#loop.start();
    for (const informer of this.#informers) informer.start();
    this.#elector.start();
  }

  /** Ends what is under way, gives the lead away, and lets the API go; may be called twice. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.#elector.stop();
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }

  #follow(api: ClusterApi): Caches {
    const { agentSelector, release } = this.#options.settings;
    const caches = {
      pools: this.#cache<VirtualIpPool>(),
      plans: this.#cache<StoredNodePlan>(),
      nodes: this.#cache<NodeFacts>(sameNode),
      pods: this.#cache<AgentPod>(samePod),
    };
    const podsPath = `/api/v1/namespaces/${release.namespace}/pods`;
    this.#add({ name: 'pools', path: POOLS_PATH, keep: keepPool }, () => api.listPools(), caches.pools);
    this.#add({ name: 'node plans', path: PLANS_PATH, keep: keepNodePlan }, () => api.listNodePlans(), caches.plans);
    this.#add({ name: 'nodes', path: '/api/v1/nodes', keep: nodeFacts }, () => api.listNodes(), caches.nodes);
    this.#add(
      { name: 'agent pods', path: podsPath, labelSelector: agentSelector, keep: agentPod },
      () => api.listPods(release.namespace, agentSelector),
      caches.pods,
    );
    return caches;
  }

  #cache<T extends Cached>(same?: Sameness<T>): ResourceCache<T> {
    return new ResourceCache<T>(same === undefined ? {} : { same }, { onChange: () => this.#loop.request() });
  }

  #add<Raw, T extends Cached>(
    options: ConstructorParameters<typeof Informer<Raw, T>>[0],
    list: ConstructorParameters<typeof Informer<Raw, T>>[1]['list'],
    cache: ResourceCache<T>,
  ): void {
    const { access, timers, log } = this.#dependencies;
    const onError = (error: unknown, retryMs: number) => {
      this.#metrics?.informerFailed(options.name);
      const why = reasonOf(error);
      log.warn(
        { resource: options.name, why, retryMs: Math.round(retryMs) },
        'the API does not tell of changes; trying again',
      );
    };
    const informer = new Informer<Raw, T>(options, {
      access,
      list,
      cache,
      timers,
      onSynced: () => this.#synced(),
      onError,
    });
    this.#informers.push(informer as unknown as Informer<never, Cached>);
  }

  #synced(): void {
    this.#tellElector();
    this.#loop.request();
  }

  get #complete(): boolean {
    return this.#informers.every(({ synced }) => synced);
  }

  /** A replica that does not know the whole cluster must not lead it. */
  #tellElector(): void {
    if (this.#complete) this.#elector.observe(this.#leases.get(this.#options.settings.lease.name)?.record);
  }

  #lead(term: Term): void {
    const { log } = this.#dependencies;
    log.info('leading');
    this.#term = term;
    term.signal.addEventListener('abort', () => {
      log.info('leading no more');
      this.#dependencies.onView();
    });
    this.#loop.request();
  }

  async #run(): Promise<number | undefined> {
    if (!this.#complete) return undefined;
    return this.#reconciler.run();
  }

  #runFailed(error: unknown, retryMs: number): void {
    this.#metrics?.runFailed();
    const { log } = this.#dependencies;
    log.error({ why: reasonOf(error), retryMs: Math.round(retryMs) }, 'not everything could be done; trying again');
  }
}
