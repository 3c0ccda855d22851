import type { KubeConfig } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import type { Clock, Timers } from '../common/clock.ts';
import type { Settings } from './config/settings.ts';
import { LeaderElector, type Term } from './election/leader-elector.ts';
import { EventRecorder } from './events/recorder.ts';
import { ClusterApi } from './kubernetes/cluster-api.ts';
import { ClusterLease } from './kubernetes/cluster-lease.ts';
import { ClusterWatch } from './kubernetes/cluster-watch.ts';
import {
  endpointResources,
  ingressResources,
  serviceAddressResources,
  serviceResources,
  watchedResources,
} from './kubernetes/resources.ts';
import { ServiceApi } from './kubernetes/service-api.ts';
import { makePlan } from './plan/planner.ts';
import { askHttps } from './reachability/ask-https.ts';
import { Reachability } from './reachability/reachability.ts';
import { type ClusterView, EMPTY_VIEW } from './reconcile/cluster-view.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { RunLoop } from './reconcile/run-loop.ts';
import { EndpointsOnDemand } from './reconcile/services/endpoints-on-demand.ts';
import { Reports } from './reports.ts';
import type { Metrics } from './server/metrics.ts';
import type { ControllerSnapshot } from './server/status.ts';

/** What a controller needs to know at its start. */
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
  readonly metrics: Metrics;
  /** Called when there may be something new to show. */
  readonly onView: () => void;
}

const DEBOUNCE_MS = 50;
/** Somebody waits for what a Service gets, and most of them come alone; those that come during a run are answered by the next. */
const SERVICE_DEBOUNCE_MS = 5;
/** While many come: every run decides on all of them. */
const BUSY_DEBOUNCE_MS = 50;
/** A replica that does not lead is to know what was when it takes over, and looks at all then. */
const STANDBY_DEBOUNCE_MS = 1000;
const RESYNC_MS = 600_000;
/** An ingress that answers later counts as one that does not. */
const ANSWER_LIMIT_MS = 2000;

/** Wires watches, election and reconciler. Opens no port and reads no environment. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #dependencies: ControllerDependencies;
  readonly #loop: RunLoop;
  readonly #watch: ClusterWatch<ReturnType<typeof watchedResources>>;
  /** Undefined: there is no ingress of the control plane to look after. Pools do not wait for it. */
  readonly #ingressWatch: ClusterWatch<ReturnType<typeof ingressResources>> | undefined;
  /** Undefined: the ingress takes its connections itself. */
  readonly #serviceWatch: ClusterWatch<ReturnType<typeof serviceResources>> | undefined;
  /** Undefined: Services get no addresses. Pools do not wait for it. */
  readonly #servicesWatch: ClusterWatch<ReturnType<typeof serviceAddressResources>> | undefined;
  /** Undefined: Services get no addresses. */
  readonly #endpoints: EndpointsOnDemand<ClusterWatch<ReturnType<typeof endpointResources>>> | undefined;
  readonly #elector: LeaderElector;
  readonly #reconciler: Reconciler;
  #term: Term | undefined;
  #view: () => ClusterView = () => EMPTY_VIEW;

  constructor(options: ControllerOptions, dependencies: ControllerDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    const { settings, identity, podUid, namespace } = options;
    const { access, clock, timers, random } = dependencies;
    const reports = new Reports(dependencies);
    const writer = new ClusterApi({ instance: identity }, { access });
    const pod = podUid === undefined ? undefined : { name: identity, uid: podUid };
    const lease = { namespace, name: settings.lease.name };
    this.#loop = new RunLoop(
      { debounceMs: DEBOUNCE_MS, resyncMs: RESYNC_MS },
      { run: () => this.#run(), clock, timers, onError: (error, retryMs) => reports.runFailed(error, retryMs) },
    );
    this.#watch = new ClusterWatch(
      watchedResources({
        podNamespace: settings.release.namespace,
        podSelector: settings.agentSelector,
        lease,
      }),
      {
        access,
        timers,
        onChange: (key) => (key === 'leases' ? this.#informElector() : this.#loop.request()),
        onSynced: () => {
          this.#informElector();
          this.#loop.request();
        },
        onError: (resource, error, retryMs) => reports.watchFailed(resource, error, retryMs),
      },
    );
    const ingress = settings.controlPlaneIngress;
    const following = {
      access,
      timers,
      onChange: () => this.#loop.request(),
      onSynced: () => this.#loop.request(),
      onError: (resource: string, error: unknown, retryMs: number) => reports.watchFailed(resource, error, retryMs),
    };
    this.#ingressWatch = ingress === undefined ? undefined : new ClusterWatch(ingressResources(), following);
    this.#serviceWatch =
      ingress?.service === undefined ? undefined : new ClusterWatch(serviceResources(ingress.service), following);
    this.#servicesWatch =
      settings.services === undefined
        ? undefined
        : new ClusterWatch(serviceAddressResources(), {
            ...following,
            onChange: (key) => this.#loop.request(this.#debounceMs(key === 'services')),
            onSynced: () => this.#loop.request(SERVICE_DEBOUNCE_MS),
          });
    this.#endpoints =
      settings.services === undefined
        ? undefined
        : new EndpointsOnDemand((isNeeded) => new ClusterWatch(endpointResources(isNeeded), following));
    const recorder = new EventRecorder({
      writer,
      clock,
      onOutcome: (event, outcome, error) => reports.event(event, outcome, error),
    });
    this.#reconciler = new Reconciler(settings, {
      caches: this.#watch.caches,
      writer,
      recorder,
      makePlan,
      clock,
      ingress: this.#ingress(),
      services: this.#services(new ServiceApi({ access })),
      term: () => (this.#term?.holds() === true ? this.#term : undefined),
      reports,
      onView: (view) => {
        this.#view = view;
        dependencies.onView();
      },
    });
    this.#elector = new LeaderElector(
      { identity, ...settings.lease },
      {
        leases: new ClusterLease({ ...lease, pod }, { access }),
        clock,
        timers,
        random,
        onTerm: (term) => this.#lead(term),
        onError: (error) => reports.leaseFailed(error),
      },
    );
  }

  /** What is known now. */
  snapshot(): ControllerSnapshot {
    const { version, identity } = this.#options;
    const informers = [...this.#watch.informers, ...this.#otherWatches.flatMap((watch) => watch.informers)];
    const { leading, leader } = this.#elector;
    const view = this.#view;
    return {
      ...{ version, identity, leading, leader, informers },
      get view() {
        return view();
      },
    };
  }

  /** Begins to follow the cluster and to stand for the lead. */
  start(): void {
    this.#loop.start();
    this.#watch.start();
    for (const watch of this.#otherWatches) watch.start();
    this.#elector.start();
  }

  /** Ends what is under way, gives the lead away, and lets the API go; may be called twice. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.#elector.stop();
    await Promise.all([this.#watch, ...this.#otherWatches].map((watch) => watch.stop()));
  }

  get #otherWatches() {
    return [this.#ingressWatch, this.#serviceWatch, this.#servicesWatch, this.#endpoints?.watch].filter(
      (watch) => watch !== undefined,
    );
  }

  /** How soon to look at what is new of Services. */
  #debounceMs(isService: boolean): number {
    if (this.#term?.holds() !== true) return STANDBY_DEBOUNCE_MS;
    if (this.#reconciler.isBusy) return BUSY_DEBOUNCE_MS;
    return isService ? SERVICE_DEBOUNCE_MS : DEBOUNCE_MS;
  }

  #ingress() {
    if (this.#ingressWatch === undefined) return undefined;
    const asking = new Reachability({
      ask: (url) => askHttps(url, ANSWER_LIMIT_MS),
      clock: this.#dependencies.clock,
      onAnswer: () => this.#loop.request(),
    });
    const service = this.#options.settings.controlPlaneIngress?.service;
    const known = this.#serviceWatch?.caches.services;
    const followed = service === undefined || known === undefined ? undefined : { ...service, known };
    return { ingresses: this.#ingressWatch.caches.ingresses, asking, service: followed };
  }

  #services(writer: ServiceApi) {
    const watch = this.#servicesWatch;
    const endpoints = this.#endpoints;
    if (watch === undefined || endpoints === undefined) return undefined;
    return { caches: watch.caches, complete: () => watch.complete, endpoints, writer };
  }

  /** A replica that does not know the whole cluster must not lead it. */
  #informElector(): void {
    const { settings, namespace } = this.#options;
    if (!this.#watch.complete) return;
    this.#elector.observe(this.#watch.caches.leases.get(settings.lease.name, namespace)?.record);
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
    if (!this.#watch.complete) return undefined;
    return this.#reconciler.run();
  }
}
