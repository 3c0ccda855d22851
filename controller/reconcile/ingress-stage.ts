import { isDeepStrictEqual } from 'node:util';
import {
  CONTROL_PLANE_INGRESS,
  CONTROL_PLANE_INGRESS_POOL,
  type ControlPlaneIngress,
  type ControlPlaneIngressStatus,
} from '../../api/control-plane-ingress.ts';
import type { VirtualIpPool, VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';
import type { Clock } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import type { EventRecorder } from '../events/recorder.ts';
import { type Answer, type Progress, progressOf } from '../ingress/decide.ts';
import { newsOf } from '../ingress/news.ts';
import { type PoolWork, verdictsOf } from '../ingress/verdicts.ts';
import { reasonOf } from '../kubernetes/api-error.ts';
import type { ClusterWriter, ServiceName } from '../kubernetes/cluster-api.ts';
import { ingressReference } from '../kubernetes/references.ts';
import type { ResourceCache } from '../kubernetes/resource-cache.ts';
import type { ServiceFacts } from '../kubernetes/service-facts.ts';
import { conditionOf } from './conditions.ts';
import type { Decision, PlannedCluster, Stage } from './stage.ts';
import { Written } from './written.ts';

/** Says whether an ingress answers. */
export interface Asking {
  /** What is known of a URL, and when to look again, by the monotonic clock. */
  look(url: string): { readonly answer: Answer | undefined; readonly reviewAtMs: number };
}

/** What the stage needs besides what the others do. */
export interface IngressDependencies {
  readonly ingresses: ResourceCache<ControlPlaneIngress>;
  readonly asking: Asking;
  /** The Service that takes connections to the address; undefined: the ingress does so itself. */
  readonly service?: IngressService | undefined;
}

/** A Service, and what is known of it. */
export interface IngressService extends ServiceName {
  readonly known: ResourceCache<ServiceFacts>;
}

interface IngressStageDependencies extends IngressDependencies {
  readonly pools: ResourceCache<VirtualIpPool>;
  readonly writer: Pick<ClusterWriter, 'applyPool' | 'deletePool' | 'setExternalIPs' | 'applyIngressStatus'>;
  readonly recorder: Pick<EventRecorder, 'record'>;
  readonly clock: Clock;
}

/** What is to be done for the ingress. */
interface Work {
  readonly ingress: ControlPlaneIngress;
  readonly progress: Progress;
  /** The pool of that name as it is stored, whoever made it. */
  readonly pool: VirtualIpPool | undefined;
  readonly work: PoolWork;
  /** Why the Service does not have its addresses, as far as that is known; undefined: it is not known, it has, or there is none. */
  readonly serviceProblem?: string | undefined;
}

function isOwned(pool: VirtualIpPool | undefined, { metadata: { uid } }: ControlPlaneIngress): boolean {
  return pool?.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;
}

/** Whether a stored pool has what is wished; whatever somebody added besides is left alone. */
function has(stored: VirtualIpPoolSpec, wished: VirtualIpPoolSpec): boolean {
  return Object.entries(wished).every(([key, value]) =>
    isDeepStrictEqual(stored[key as keyof VirtualIpPoolSpec], value),
  );
}

const FOREIGN = `a VirtualIPPool ${CONTROL_PLANE_INGRESS_POOL} exists that is not the ingress' own; give that pool another name`;

/** Makes the pool of the control plane's ingress, and its status. */
export class IngressStage implements Stage {
  readonly name = 'control_plane_ingress';
  readonly #dependencies: IngressStageDependencies;
  readonly #pools = new Written<VirtualIpPoolSpec>();
  readonly #statuses = new Written<ControlPlaneIngressStatus>();

  constructor(dependencies: IngressStageDependencies) {
    this.#dependencies = dependencies;
  }

  decide(cluster: PlannedCluster): Decision {
    const ingress = this.#dependencies.ingresses.get(CONTROL_PLANE_INGRESS);
    // One that is being deleted takes its pool along: Kubernetes deletes what an object owns.
    if (ingress === undefined || ingress.metadata.deletionTimestamp !== undefined) return { writes: [] };
    const pool = this.#dependencies.pools.get(CONTROL_PLANE_INGRESS_POOL);
    const { progress, reviewAtMs } = this.#progress(ingress, pool, cluster);
    const work = { ingress, progress, pool, work: this.#poolWork(ingress, progress, pool) };
    const isDone = (work.work.kind === 'none' || work.work.kind === 'failed') && this.#hasAddresses(progress);
    const status = this.#status(work);
    const writes =
      isDone && this.#isWritten(ingress, status)
        ? []
        : [{ name: ingress.metadata.name, write: () => this.#write(work) }];
    return { writes, reviewAtMs };
  }

  #progress(ingress: ControlPlaneIngress, pool: VirtualIpPool | undefined, { state, holders }: PlannedCluster) {
    const reviewsMs: number[] = [];
    const progress = progressOf({
      ingress,
      pool: isOwned(pool, ingress) ? pool : undefined,
      nodes: state.nodes.map(({ metadata, internalAddresses }) => ({
        name: metadata.name,
        addresses: internalAddresses,
      })),
      holders: (address) => (holders.get(address) ?? []).map(({ node }) => node),
      answer: (url) => {
        const known = this.#dependencies.asking.look(url);
        reviewsMs.push(known.reviewAtMs);
        return known.answer;
      },
    });
    return { progress, reviewAtMs: reviewsMs.length === 0 ? undefined : Math.min(...reviewsMs) };
  }

  #poolWork(ingress: ControlPlaneIngress, { pool: wished }: Progress, stored: VirtualIpPool | undefined): PoolWork {
    if (stored === undefined) return { kind: wished === undefined ? 'none' : 'Creation' };
    if (!isOwned(stored, ingress)) return wished === undefined ? { kind: 'none' } : { kind: 'failed', why: FOREIGN };
    if (wished === undefined || stored.metadata.deletionTimestamp !== undefined) return { kind: 'Deletion' };
    return { kind: has(stored.spec, wished) || this.#pools.made(wished, stored) ? 'none' : 'Update' };
  }

  #hasAddresses({ addresses }: Progress): boolean {
    const { service } = this.#dependencies;
    if (service === undefined) return true;
    const known = service.known.get(service.name, service.namespace);
    return isDeepStrictEqual(known?.externalIPs.toSorted(), addresses.toSorted());
  }

  #status({ ingress, progress, pool, work, serviceProblem }: Work): ControlPlaneIngressStatus {
    const now = new Date(this.#dependencies.clock.wallMs()).toISOString();
    const { ip, source, endpoint } = progress;
    const { generation } = ingress.metadata;
    return {
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      ...(ip === undefined ? {} : { ip }),
      ...(source === undefined ? {} : { source }),
      ...(endpoint === undefined ? {} : { endpoint }),
      conditions: verdictsOf({ progress, pool, work, serviceProblem }).map((verdict) =>
        conditionOf(verdict, ingress, now),
      ),
    };
  }

  #isWritten(ingress: ControlPlaneIngress, status: ControlPlaneIngressStatus): boolean {
    return isDeepStrictEqual(ingress.status, status) || this.#statuses.made(status, ingress);
  }

  /** The Service, which takes connections to an address before a node has it, then the pool, then the status: what is said is true then. */
  async #write(work: Work): Promise<void> {
    await this.#attempt(
      'its Service',
      () => this.#writeService(work),
      (why) => ({ ...work, serviceProblem: why }),
    );
    await this.#attempt(
      'its pool',
      () => this.#writePool(work),
      (why) => ({ ...work, work: { kind: 'failed', why } }),
    );
    await this.#writeStatus(work);
  }

  /** What fails is in the status, and thrown. */
  async #attempt(what: string, write: () => Promise<void>, failed: (why: string) => Work): Promise<void> {
    try {
      await write();
    } catch (error) {
      await this.#writeStatus(failed(reasonOf(error)));
      throw new Error(`${what}: ${messageOf(error)}`, { cause: error });
    }
  }

  async #writeService({ progress }: Work): Promise<void> {
    const { writer, service } = this.#dependencies;
    if (service === undefined || this.#hasAddresses(progress)) return;
    service.known.put(await writer.setExternalIPs(service, progress.addresses));
  }

  async #writePool({ ingress, progress, pool, work }: Work): Promise<void> {
    const { writer, pools } = this.#dependencies;
    const name = CONTROL_PLANE_INGRESS_POOL;
    if (work.kind === 'Deletion' && pool?.metadata.deletionTimestamp === undefined) {
      await writer.deletePool(name);
      pools.remove({ metadata: { name } });
    }
    if (progress.pool === undefined || (work.kind !== 'Creation' && work.kind !== 'Update')) return;
    const { uid = '' } = ingress.metadata;
    const stored = await writer.applyPool(name, progress.pool, [
      { ...ingressReference({ name: CONTROL_PLANE_INGRESS }), uid },
    ]);
    this.#pools.note(progress.pool, stored);
    pools.put(stored);
  }

  async #writeStatus(work: Work): Promise<void> {
    const { writer, ingresses, recorder } = this.#dependencies;
    const status = this.#status(work);
    if (this.#isWritten(work.ingress, status)) return;
    const stored = await writer.applyIngressStatus(work.ingress, status);
    if (stored === undefined) return;
    this.#statuses.note(status, stored);
    ingresses.put(stored);
    const { name, uid } = work.ingress.metadata;
    const regarding = ingressReference({ name, uid });
    // Not waited for: Events are news, the status is state.
    void recorder.record(newsOf(work.ingress.status, status).map((news) => ({ ...news, regarding, action: 'Report' })));
  }
}
