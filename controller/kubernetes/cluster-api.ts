import { randomUUID } from 'node:crypto';
import { HttpMethod, type KubeConfig, type V1Service } from '@kubernetes/client-node';
import type { ControlPlaneIngress, ControlPlaneIngressStatus } from '../../api/control-plane-ingress.ts';
import { GROUP_VERSION } from '../../api/group.ts';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import { oneLine } from '../../api/text.ts';
import type { VirtualIpPool, VirtualIpPoolSpec, VirtualIpPoolStatus } from '../../api/virtual-ip-pool.ts';
import { systemClock } from '../../common/clock.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';
import { statusOf } from './api-error.ts';
import { FIELD_MANAGER } from './field-manager.ts';
import type { ObjectReference } from './references.ts';
import { send } from './send.ts';
import { type ServiceFacts, serviceFacts } from './service-facts.ts';
import { keepIngress, keepNodePlan, keepPool, type OwnerReference, type StoredNodePlan } from './stored.ts';

/** An Event on whatever object. */
export interface ClusterEvent {
  readonly regarding: ObjectReference;
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase. */
  readonly reason: string;
  /** What was done, UpperCamelCase. */
  readonly action: string;
  readonly note: string;
  /** The node whose word it is, where it is one's. */
  readonly node?: string;
}

/** Which Service. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** What the controller writes. Every call rejects with the client library's error when the API server refuses or does not answer. */
export interface ClusterWriter {
  /** Undefined: there is no such pool any more. */
  applyPoolStatus(pool: VirtualIpPool, status: VirtualIpPoolStatus): Promise<VirtualIpPool | undefined>;
  applyPool(name: string, spec: VirtualIpPoolSpec, owners: readonly OwnerReference[]): Promise<VirtualIpPool>;
  /** Succeeds also when it is gone already. */
  deletePool(name: string): Promise<void>;
  /** Undefined: there is no such ingress any more. */
  applyIngressStatus(
    ingress: ControlPlaneIngress,
    status: ControlPlaneIngressStatus,
  ): Promise<ControlPlaneIngress | undefined>;
  /** Says at which addresses a Service is reached besides its own; the rest of it is left alone. */
  setExternalIPs(service: ServiceName, addresses: readonly string[]): Promise<ServiceFacts>;
  applyNodePlan(name: string, spec: NodePlanSpec, owners: readonly OwnerReference[]): Promise<StoredNodePlan>;
  /** Succeeds also when it is gone already. */
  deleteNodePlan(name: string): Promise<void>;
  createEvent(event: ClusterEvent): Promise<void>;
}

const POOLS = `/apis/${GROUP_VERSION}/virtualippools`;
const INGRESSES = `/apis/${GROUP_VERSION}/controlplaneingresses`;
const PLANS = `/apis/${GROUP_VERSION}/nodeplans`;
const MERGE = 'application/merge-patch+json';
const APPLY = 'application/apply-patch+yaml';
/** What others wrote before is taken over. */
const FORCED = { fieldManager: FIELD_MANAGER, force: 'true' };
/** Events on objects in no namespace are kept in this one. */
const EVENTS_NAMESPACE = 'default';
/** The API server's limits, in bytes (k8s.io/kubernetes/pkg/apis/core/validation/events.go). */
const NOTE_BYTES = 1024;
const INSTANCE_BYTES = 128;

/** As client-go calls Events: the object's name, and something that no other has. */
function eventName(object: string): string {
  return `${object.slice(0, 200).replace(/[^a-z0-9]+$/, '')}.${randomUUID().replaceAll('-', '').slice(0, 16)}`;
}

/** Writes to the API server. */
export class ClusterApi implements ClusterWriter {
  readonly #instance: string;
  readonly #access: KubeConfig;

  /** @param options.instance this replica's name, for Events */
  constructor(options: { instance: string }, { access }: { access: KubeConfig }) {
    this.#instance = options.instance;
    this.#access = access;
  }

  async applyPoolStatus({ metadata }: VirtualIpPool, status: VirtualIpPoolStatus): Promise<VirtualIpPool | undefined> {
    const stored = await this.#applyStatus(POOLS, 'VirtualIPPool', metadata, status);
    return stored === undefined ? undefined : keepPool(stored as VirtualIpPool);
  }

  async applyIngressStatus(
    { metadata }: ControlPlaneIngress,
    status: ControlPlaneIngressStatus,
  ): Promise<ControlPlaneIngress | undefined> {
    const stored = await this.#applyStatus(INGRESSES, 'ControlPlaneIngress', metadata, status);
    return stored === undefined ? undefined : keepIngress(stored as ControlPlaneIngress);
  }

  async applyPool(name: string, spec: VirtualIpPoolSpec, owners: readonly OwnerReference[]): Promise<VirtualIpPool> {
    return keepPool((await this.#apply(POOLS, 'VirtualIPPool', name, { spec, owners })) as VirtualIpPool);
  }

  async applyNodePlan(name: string, spec: NodePlanSpec, owners: readonly OwnerReference[]): Promise<StoredNodePlan> {
    return keepNodePlan((await this.#apply(PLANS, 'NodePlan', name, { spec, owners })) as StoredNodePlan);
  }

  async deletePool(name: string): Promise<void> {
    await this.#delete(POOLS, name);
  }

  async deleteNodePlan(name: string): Promise<void> {
    await this.#delete(PLANS, name);
  }

  async setExternalIPs({ namespace, name }: ServiceName, addresses: readonly string[]): Promise<ServiceFacts> {
    // Not by server-side apply: what has no other field would be made if it were gone, and refused.
    const changed = await send<V1Service>(this.#access, {
      method: HttpMethod.PATCH,
      path: `/api/v1/namespaces/${namespace}/services/${name}`,
      query: { fieldManager: FIELD_MANAGER },
      body: { type: MERGE, content: { spec: { externalIPs: addresses } } },
    });
    return serviceFacts(changed);
  }

  async #apply(
    path: string,
    kind: string,
    name: string,
    { spec, owners }: { readonly spec: object; readonly owners: readonly OwnerReference[] },
  ): Promise<unknown> {
    const content = { apiVersion: GROUP_VERSION, kind, metadata: { name, ownerReferences: owners }, spec };
    return this.#patch(`${path}/${name}`, content);
  }

  async #applyStatus(
    path: string,
    kind: string,
    { name, uid }: { readonly name: string; readonly uid?: string },
    status: object,
  ): Promise<unknown> {
    // With the uid an object that was deleted and made anew meanwhile does not get the old one's status.
    const content = { apiVersion: GROUP_VERSION, kind, metadata: { name, uid }, status };
    try {
      return await this.#patch(`${path}/${name}/status`, content);
    } catch (error) {
      if (statusOf(error) === HTTP_STATUS.notFound) return undefined;
      throw error;
    }
  }

  #patch(path: string, content: object): Promise<unknown> {
    const body = { type: APPLY, content };
    return send(this.#access, { method: HttpMethod.PATCH, path, query: FORCED, body });
  }

  async #delete(path: string, name: string): Promise<void> {
    try {
      await send(this.#access, { method: HttpMethod.DELETE, path: `${path}/${name}` });
    } catch (error) {
      if (statusOf(error) !== HTTP_STATUS.notFound) throw error;
    }
  }

  async createEvent({ regarding, type, reason, action, note }: ClusterEvent): Promise<void> {
    const { name, namespace = EVENTS_NAMESPACE } = regarding;
    const content = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: eventName(name), namespace },
      eventTime: new Date(systemClock.wallMs()).toISOString().replace('Z', '000Z'),
      reportingController: FIELD_MANAGER,
      reportingInstance: oneLine(this.#instance, INSTANCE_BYTES),
      regarding,
      type,
      reason,
      action,
      note: oneLine(note, NOTE_BYTES),
    };
    const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    await send(this.#access, { method: HttpMethod.POST, path, body: { type: 'application/json', content } });
  }
}
