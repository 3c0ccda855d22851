import {
  CONTROL_PLANE_INGRESS,
  type ControlPlaneIngress,
  type ControlPlaneIngressSpec,
  type ControlPlaneIngressStatus,
} from '../../api/control-plane-ingress.ts';
import { holdingInstances, type NodePlanSpec, type NodePlanStatus } from '../../api/node-plan.ts';
import type { VirtualIpPool, VirtualIpPoolSpec, VirtualIpPoolStatus } from '../../api/virtual-ip-pool.ts';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { checkSettings } from '../config/settings.ts';
import type { Term } from '../election/leader-elector.ts';
import { EventRecorder } from '../events/recorder.ts';
import type { Answer } from '../ingress/decide.ts';
import type { ClusterEvent, ClusterWriter, ServiceName } from '../kubernetes/cluster-api.ts';
import { ResourceCache } from '../kubernetes/resource-cache.ts';
import type { ServiceFacts } from '../kubernetes/service-facts.ts';
import { keepNodePlan, type OwnerReference, type StoredNodePlan } from '../kubernetes/stored.ts';
import { makePlan } from '../plan/planner.ts';
import type { Caches } from '../reconcile/cluster-observer.ts';
import { type ClusterView, EMPTY_VIEW } from '../reconcile/cluster-view.ts';
import type { IngressService } from '../reconcile/ingress-stage.ts';
import { Reconciler } from '../reconcile/reconciler.ts';
import type { WriteReports } from '../reconcile/stage-runner.ts';
import type { DefinitionReports } from '../reconcile/younger-fields.ts';
import { FakeServices } from './fake-services.ts';
import { settingsDocument } from './settings.ts';

/** As the chart's defaults are. */
const SERVICES = {
  loadBalancerClass: 'keepalived-ingress-vip.io/vip',
  classless: false,
  aliases: true,
  externalIPs: 'InPools',
} as const;

/** A term that ends when a test says so. */
export class FakeTerm implements Term {
  readonly #ends = new AbortController();

  get signal(): AbortSignal {
    return this.#ends.signal;
  }

  holds(): boolean {
    return !this.signal.aborted;
  }

  end(): void {
    this.#ends.abort();
  }
}

/**
 * Caches of a cluster's objects, and an API server in memory that stores what is written to it. What is written is noted as
 * `<kind> <name>`, in order.
 */
export class FakeCluster implements ClusterWriter {
  readonly time = new ManualTime();
  readonly written: string[] = [];
  readonly events: ClusterEvent[] = [];
  readonly failed: string[] = [];
  readonly caches: Caches = {
    pools: new ResourceCache({}, { onChange: () => undefined }),
    plans: new ResourceCache({}, { onChange: () => undefined }),
    nodes: new ResourceCache({}, { onChange: () => undefined }),
    pods: new ResourceCache({}, { onChange: () => undefined }),
  };
  readonly ingresses = new ResourceCache<ControlPlaneIngress>({}, { onChange: () => undefined });
  /** The Service that takes connections to the ingress' address; undefined: there is none. */
  service: IngressService | undefined;
  /** Services, where they get addresses; undefined: the settings say nothing of them. */
  services: FakeServices | undefined;
  /** What the ingress answers, by its URL. */
  readonly answers = new Map<string, Answer>();
  readonly reports: WriteReports & DefinitionReports = {
    definitionsOlder: () => undefined,
    wrote: () => undefined,
    writeFailed: (stage, name) => this.failed.push(`${stage} ${name}`),
  };
  /** Called with each write before it is stored; may reject. */
  onWrite: (what: string) => void | Promise<void> = () => undefined;
  /** In which this replica leads; undefined: it does not. */
  term: FakeTerm | undefined = new FakeTerm();
  #view: () => ClusterView = () => EMPTY_VIEW;
  #version = 10;

  /** From now on Services get addresses. */
  serve(): FakeServices {
    this.services ??= new FakeServices({
      pools: this.caches.pools,
      nextVersion: () => this.#next(),
      note: (what) => this.#note(what),
    });
    return this.services;
  }

  /** Adds Ready nodes with a sidecar each. */
  addNodes(...names: readonly string[]): void {
    for (const name of names) {
      const metadata = { name, resourceVersion: this.#next() };
      const address = `192.0.2.${10 + this.caches.nodes.size + 1}`;
      const facts = {
        labels: {},
        taints: [],
        unschedulable: false,
        internalAddresses: [address],
        externalAddresses: [],
        ready: true,
      };
      this.caches.nodes.put({ metadata, ...facts });
      this.caches.pods.put({ metadata: { ...metadata, name: `sidecar-${name}` }, node: name, running: true });
    }
  }

  /** Gives nodes labels, in place of those they had. */
  label(labels: Readonly<Record<string, string>>, ...names: readonly string[]): void {
    for (const name of names) {
      const node = this.caches.nodes.get(name);
      if (node === undefined) throw new Error(`there is no node ${name}`);
      this.caches.nodes.put({ ...node, labels, metadata: { name, resourceVersion: this.#next() } });
    }
  }

  /** Has the API tell further addresses of a node. */
  address(
    name: string,
    addresses: { readonly internal?: readonly string[]; readonly external?: readonly string[] },
  ): void {
    const node = this.caches.nodes.get(name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    const internalAddresses = [...node.internalAddresses, ...(addresses.internal ?? [])];
    const externalAddresses = [...node.externalAddresses, ...(addresses.external ?? [])];
    const metadata = { name, resourceVersion: this.#next() };
    this.caches.nodes.put({ ...node, metadata, internalAddresses, externalAddresses });
  }

  /** Adds or changes a pool, as its user does. */
  putPool(pool: VirtualIpPool): void {
    this.caches.pools.put({ ...pool, metadata: { ...pool.metadata, resourceVersion: this.#next() } });
  }

  /** Adds or changes the ingress of the control plane, as the chart does. */
  putIngress(spec: ControlPlaneIngressSpec): void {
    const known = this.ingresses.get(CONTROL_PLANE_INGRESS);
    const generation = (known?.metadata.generation ?? 0) + 1;
    const metadata = { name: CONTROL_PLANE_INGRESS, uid: 'uid-ingress', generation, resourceVersion: this.#next() };
    this.ingresses.put({ ...known, metadata, spec });
  }

  /** What there is to show. */
  get view(): ClusterView {
    return this.#view();
  }

  pool(name: string): VirtualIpPool {
    const pool = this.caches.pools.get(name);
    if (pool === undefined) throw new Error(`there is no pool ${name}`);
    return pool;
  }

  plan(node: string): StoredNodePlan {
    const plan = this.caches.plans.get(node);
    if (plan === undefined) throw new Error(`there is no plan of node ${node}`);
    return plan;
  }

  /** Stores what a sidecar says. */
  report(node: string, status: NodePlanStatus): void {
    const plan = this.plan(node);
    const metadata = { ...plan.metadata, resourceVersion: this.#next() };
    this.caches.plans.put(keepNodePlan({ ...plan, metadata, status }));
  }

  /** Every sidecar carries its plan out, and holds what it is first for; what it says besides is added. */
  reportAll(more: Readonly<Record<string, NodePlanStatus>> = {}): void {
    for (const { metadata, spec } of this.caches.plans.list()) {
      const mine = holdingInstances(spec)
        .filter(({ rank }) => rank === 0)
        .flatMap(({ addresses }) => addresses);
      const held = mine.map((given) => ({ address: given.split('/')[0] ?? given, since: '2026-01-01T00:00:00Z' }));
      this.report(metadata.name, { observedPlan: spec.plan, held, ...more[metadata.name] });
    }
  }

  /** The real reconciler with the real planner, on this cluster. */
  reconciler(): Reconciler {
    const { caches, time, reports, services } = this;
    const checked = checkSettings({ ...settingsDocument(), ...(services === undefined ? {} : { services: SERVICES }) });
    if (!checked.ok) throw new Error('the settings of the tests are wrong');
    const recorder = new EventRecorder({ writer: this, clock: time, onOutcome: () => undefined });
    return new Reconciler(checked.settings, {
      caches,
      writer: this,
      recorder,
      makePlan,
      clock: time,
      ingress: {
        ingresses: this.ingresses,
        service: this.service,
        asking: {
          look: (url) => ({ answer: this.answers.get(url), reviewAtMs: time.monotonicMs() + 1000 }),
        },
      },
      services:
        services === undefined
          ? undefined
          : {
              caches: services.caches,
              complete: () => services.complete,
              endpoints: services.endpoints,
              writer: services,
            },
      term: () => (this.term?.holds() === true ? this.term : undefined),
      reports: { ...reports, planned: () => undefined, allocated: () => undefined, moved: () => undefined },
      onView: (view) => {
        this.#view = view;
      },
    });
  }

  async applyPoolStatus(pool: VirtualIpPool, status: VirtualIpPoolStatus): Promise<VirtualIpPool | undefined> {
    const { name } = pool.metadata;
    await this.#note(`pool_status ${name}`);
    const known = this.caches.pools.get(name);
    if (known === undefined) return undefined;
    return { ...known, metadata: { ...known.metadata, resourceVersion: this.#next() }, status };
  }

  async applyPool(name: string, spec: VirtualIpPoolSpec, owners: readonly OwnerReference[]): Promise<VirtualIpPool> {
    await this.#note(`pool ${name}`);
    const known = this.caches.pools.get(name);
    const generation = (known?.metadata.generation ?? 0) + 1;
    const metadata = { name, uid: `uid-${name}`, generation, resourceVersion: this.#next(), ownerReferences: owners };
    return { ...known, metadata, spec };
  }

  async setExternalIPs({ namespace, name }: ServiceName, externalIPs: readonly string[]): Promise<ServiceFacts> {
    await this.#note(`service ${name} ${externalIPs.join(' ')}`);
    return { metadata: { namespace, name, resourceVersion: this.#next() }, externalIPs };
  }

  async deletePool(name: string): Promise<void> {
    await this.#note(`pool_removal ${name}`);
  }

  async applyIngressStatus(
    { metadata: { name } }: ControlPlaneIngress,
    status: ControlPlaneIngressStatus,
  ): Promise<ControlPlaneIngress | undefined> {
    await this.#note(`ingress_status ${name}`);
    const known = this.ingresses.get(name);
    if (known === undefined) return undefined;
    return { ...known, metadata: { ...known.metadata, resourceVersion: this.#next() }, status };
  }

  async applyNodePlan(name: string, spec: NodePlanSpec, owners: readonly OwnerReference[]): Promise<StoredNodePlan> {
    await this.#note(`node_plan ${name}`);
    const known = this.caches.plans.get(name);
    const metadata = { name, uid: `uid-${name}`, resourceVersion: this.#next(), ownerReferences: owners };
    return { ...known, metadata, spec };
  }

  async deleteNodePlan(name: string): Promise<void> {
    await this.#note(`node_plan_removal ${name}`);
  }

  async createEvent(event: ClusterEvent): Promise<void> {
    this.events.push(event);
  }

  async #note(what: string): Promise<void> {
    await this.onWrite(what);
    this.written.push(what);
  }

  #next(): string {
    this.#version += 1;
    return String(this.#version);
  }
}
