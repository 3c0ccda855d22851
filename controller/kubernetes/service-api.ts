import { HttpMethod, type KubeConfig } from '@kubernetes/client-node';
import { GROUP_VERSION } from '../../api/group.ts';
import {
  claimName,
  type ServiceAddress,
  type ServiceAddressSpec,
  type ServiceAddressStatus,
} from '../../api/service-address.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';
import { SERVICE_FINALIZER } from '../services/annotations.ts';
import type { LoadBalancerService } from '../services/types.ts';
import { statusOf } from './api-error.ts';
import type { ServiceName } from './cluster-api.ts';
import { FIELD_MANAGER } from './field-manager.ts';
import { type FollowedService, followedService, type RawService } from './load-balancer-service.ts';
import { type PlainRequest, send } from './send.ts';
import { keepClaim, keepPool } from './stored.ts';

/** What a Service's status is to have; the rest of it is left alone. */
export interface ServiceStatusPatch {
  /** Absent: left as it is. */
  readonly ingress?: LoadBalancerService['ingress'];
  readonly conditions: readonly (
    | LoadBalancerService['conditions'][number]
    | { readonly type: string; readonly $patch: 'delete' }
  )[];
}

/**
 * What is written for Services. Every call rejects with the client library's error when the API server refuses or does not answer; what
 * gives undefined found nothing to write to any more.
 */
export interface ServiceWriter {
  readService(service: ServiceName): Promise<FollowedService | undefined>;
  addServiceFinalizer(service: FollowedService): Promise<FollowedService | undefined>;
  removeServiceFinalizer(service: FollowedService): Promise<FollowedService | undefined>;
  patchServiceStatus(service: FollowedService, patch: ServiceStatusPatch): Promise<FollowedService | undefined>;
  /** Rejects with 409 when somebody has the address. */
  createClaim(spec: ServiceAddressSpec): Promise<ServiceAddress>;
  /** Rejects with 409 when the claim is not any more what it was, and with 404 when it is gone. */
  updateClaim(claim: ServiceAddress, spec: ServiceAddressSpec): Promise<ServiceAddress>;
  /** Rejects with 409 when the claim is not any more what it was; succeeds when it is gone. */
  deleteClaim(claim: ServiceAddress): Promise<void>;
  readClaim(name: string): Promise<ServiceAddress | undefined>;
  applyClaimStatus(claim: ServiceAddress, status: ServiceAddressStatus): Promise<ServiceAddress | undefined>;
  /** Rejects with 409 when the pool is not any more what it was. */
  setPoolFinalizers(pool: VirtualIpPool, finalizers: readonly string[]): Promise<VirtualIpPool | undefined>;
}

const CLAIMS = `/apis/${GROUP_VERSION}/serviceaddresses`;
const POOLS = `/apis/${GROUP_VERSION}/virtualippools`;
const KIND = { apiVersion: GROUP_VERSION, kind: 'ServiceAddress' };
const JSON_TYPE = 'application/json';
const MERGE = 'application/merge-patch+json';
/** Lists of a Service are sets and maps to it, so that what others put there stays (https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/). */
const STRATEGIC_MERGE = 'application/strategic-merge-patch+json';
const APPLY = 'application/apply-patch+yaml';
const BY_US = { fieldManager: FIELD_MANAGER };

/** By which the API server refuses to change a uid. */
const REFUSED: ReadonlySet<number> = new Set([HTTP_STATUS.conflict, HTTP_STATUS.unprocessableContent]);

function servicePath({ namespace, name }: ServiceName): string {
  return `/api/v1/namespaces/${namespace}/services/${name}`;
}

/** What is to be gone has to be named in a merge patch (RFC 7386). */
function wholeSpec({ sharingKey, retained, ...spec }: ServiceAddressSpec) {
  return {
    ...spec,
    sharingKey: sharingKey ?? null,
    retained: retained === undefined ? null : { sharingKey: null, retainSeconds: null, ...retained },
  };
}

/** What rejects with 404 gives undefined. */
async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (statusOf(error) === HTTP_STATUS.notFound) return undefined;
    throw error;
  }
}

/** Writes Services, claims and pools' finalizers to the API server. */
export class ServiceApi implements ServiceWriter {
  readonly #access: KubeConfig;

  constructor({ access }: { readonly access: KubeConfig }) {
    this.#access = access;
  }

  async readService({ namespace, name }: ServiceName): Promise<FollowedService | undefined> {
    const path = servicePath({ namespace, name });
    const stored = await unlessGone(send<RawService>(this.#access, { method: HttpMethod.GET, path }));
    return stored === undefined ? undefined : followedService(stored);
  }

  addServiceFinalizer(service: FollowedService): Promise<FollowedService | undefined> {
    return this.#patchService(service, '', { metadata: { finalizers: [SERVICE_FINALIZER] } });
  }

  removeServiceFinalizer(service: FollowedService): Promise<FollowedService | undefined> {
    return this.#patchService(service, '', {
      metadata: { '$deleteFromPrimitiveList/finalizers': [SERVICE_FINALIZER] },
    });
  }

  patchServiceStatus(
    service: FollowedService,
    { ingress, conditions }: ServiceStatusPatch,
  ): Promise<FollowedService | undefined> {
    // An empty list would be merged into what is there by servers that see a field left out; null removes it.
    const loadBalancer =
      ingress === undefined ? {} : { loadBalancer: { ingress: ingress.length === 0 ? null : ingress } };
    return this.#patchService(service, '/status', { status: { ...loadBalancer, conditions } });
  }

  async createClaim(spec: ServiceAddressSpec): Promise<ServiceAddress> {
    const content = { ...KIND, metadata: { name: claimName(spec.address) }, spec };
    return this.#claim({ method: HttpMethod.POST, path: CLAIMS, query: BY_US, body: { type: JSON_TYPE, content } });
  }

  async updateClaim({ metadata }: ServiceAddress, spec: ServiceAddressSpec): Promise<ServiceAddress> {
    const { name, uid, resourceVersion } = metadata;
    // The resource version in it makes the API server refuse it when the claim was changed since.
    const content = { metadata: { uid, resourceVersion }, spec: wholeSpec(spec) };
    const body = { type: MERGE, content };
    return this.#claim({ method: HttpMethod.PATCH, path: `${CLAIMS}/${name}`, query: BY_US, body });
  }

  async deleteClaim({ metadata: { name, uid, resourceVersion } }: ServiceAddress): Promise<void> {
    const content = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid, resourceVersion } };
    const body = { type: JSON_TYPE, content };
    await unlessGone(send(this.#access, { method: HttpMethod.DELETE, path: `${CLAIMS}/${name}`, body }));
  }

  readClaim(name: string): Promise<ServiceAddress | undefined> {
    return unlessGone(this.#claim({ method: HttpMethod.GET, path: `${CLAIMS}/${name}` }));
  }

  applyClaimStatus({ metadata }: ServiceAddress, status: ServiceAddressStatus): Promise<ServiceAddress | undefined> {
    const { name, uid } = metadata;
    // With the uid a claim that was made anew meanwhile does not get the old one's status.
    const body = { type: APPLY, content: { ...KIND, metadata: { name, uid }, status } };
    const path = `${CLAIMS}/${name}/status`;
    return unlessGone(this.#claim({ method: HttpMethod.PATCH, path, query: { ...BY_US, force: 'true' }, body }));
  }

  async setPoolFinalizers(
    { metadata: { name, uid, resourceVersion } }: VirtualIpPool,
    finalizers: readonly string[],
  ): Promise<VirtualIpPool | undefined> {
    const body = { type: MERGE, content: { metadata: { uid, resourceVersion, finalizers } } };
    const request = { method: HttpMethod.PATCH, path: `${POOLS}/${name}`, query: BY_US, body };
    const stored = await unlessGone(send<VirtualIpPool>(this.#access, request));
    return stored === undefined ? undefined : keepPool(stored);
  }

  async #claim(request: PlainRequest): Promise<ServiceAddress> {
    return keepClaim(await send<ServiceAddress>(this.#access, request));
  }

  /** With the uid a Service that was deleted and made anew meanwhile is not touched: the API server refuses that, and the one that was meant is gone. */
  async #patchService(
    { metadata: { uid, ...where } }: FollowedService,
    subresource: '' | '/status',
    content: { readonly metadata?: object; readonly status?: object },
  ): Promise<FollowedService | undefined> {
    const path = servicePath(where) + subresource;
    const body = { type: STRATEGIC_MERGE, content: { ...content, metadata: { uid, ...content.metadata } } };
    const request = send<RawService>(this.#access, { method: HttpMethod.PATCH, path, query: BY_US, body });
    try {
      const stored = await unlessGone(request);
      return stored === undefined ? undefined : followedService(stored);
    } catch (error) {
      if (!REFUSED.has(statusOf(error) ?? 0)) throw error;
      const present = await this.readService(where);
      if (present?.metadata.uid === uid) throw error;
      return undefined;
    }
  }
}
