import {
  claimName,
  type ServiceAddress,
  type ServiceAddressSpec,
  type ServiceAddressStatus,
  serviceAddressSpecSchema,
  serviceAddressStatusSchema,
} from '../../api/service-address.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';
import type { ServiceName } from '../kubernetes/cluster-api.ts';
import type { EndpointSliceFacts } from '../kubernetes/endpoint-slice-facts.ts';
import type { FollowedService } from '../kubernetes/load-balancer-service.ts';
import { type Cached, ResourceCache } from '../kubernetes/resource-cache.ts';
import type { ServiceStatusPatch, ServiceWriter } from '../kubernetes/service-api.ts';
import type { FollowedEndpoints, ServiceCaches } from '../reconcile/services/service-cluster.ts';
import { SERVICE_FINALIZER } from '../services/annotations.ts';

/** As the client library rejects. */
class Refused extends Error {
  readonly code: number;

  constructor(code: number, what: string) {
    super(`${code}: ${what}`);
    this.code = code;
  }
}

interface FakeServicesDependencies {
  readonly pools: ResourceCache<VirtualIpPool>;
  readonly nextVersion: () => string;
  /** Called with each write before it is stored; may reject. */
  readonly note: (what: string) => Promise<void>;
}

function cache<T extends Cached>(): ResourceCache<T> {
  return new ResourceCache<T>({}, { onChange: () => undefined });
}

/** What an API server in memory does with Services and their addresses. Its stores are apart from the caches of who follows it. */
export class FakeServices implements ServiceWriter {
  /** What a controller knows; {@link deliver} brings it what is stored. */
  caches: ServiceCaches = { services: cache(), namespaces: cache(), claims: cache() };
  /** Whether everything was listed. */
  complete = true;
  /** The endpoints that there are; undefined: they were not listed. */
  slices: EndpointSliceFacts[] | undefined = [];
  /** Services whose endpoints are needed. */
  followed: ReadonlySet<string> = new Set();
  readonly endpoints: FollowedEndpoints = {
    follow: (needed) => {
      this.followed = needed;
    },
    slices: () => this.slices,
  };
  readonly services = new Map<string, FollowedService>();
  readonly claims = new Map<string, ServiceAddress>();
  readonly #dependencies: FakeServicesDependencies;
  #uids = 0;

  constructor(dependencies: FakeServicesDependencies) {
    this.#dependencies = dependencies;
    this.caches.namespaces.put({ metadata: { name: 'shop' }, labels: {} });
  }

  /** A fresh controller lists everything. */
  restart(): void {
    const namespaces = this.caches.namespaces.list();
    this.caches = { services: cache(), namespaces: cache(), claims: cache() };
    for (const namespace of namespaces) this.caches.namespaces.put(namespace);
    this.deliver();
  }

  /** Watches tell of everything, or of one kind alone. */
  deliver(of?: 'services' | 'claims'): void {
    const { services, claims } = this.caches;
    if (of !== 'claims') services.replace([...this.services.values()], services.changes);
    if (of !== 'services') claims.replace([...this.claims.values()], claims.changes);
  }

  /** A user creates a Service, under a new uid. */
  create(name: string, changes: Partial<FollowedService> = {}): FollowedService {
    this.#uids += 1;
    const service: FollowedService = {
      metadata: {
        namespace: 'shop',
        name,
        uid: `uid-${name}-${this.#uids}`,
        resourceVersion: this.#dependencies.nextVersion(),
        createdMs: Date.parse('2026-01-01T00:00:00Z'),
        deleting: false,
        finalizers: [],
        labels: {},
      },
      type: 'LoadBalancer',
      loadBalancerClass: 'keepalived-ingress-vip.io/vip',
      annotations: {},
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ protocol: 'TCP', port: 80 }],
      externalTrafficPolicy: 'Cluster',
      selector: { app: name },
      ingress: [],
      conditions: [],
      ownFinalizer: false,
      ...changes,
    };
    this.services.set(`shop/${name}`, service);
    return service;
  }

  /** A user changes a Service. */
  change(name: string, changes: Partial<FollowedService>): void {
    const { metadata, ...service } = this.service(name);
    this.#store({ ...service, ...changes, metadata: { ...metadata, ...changes.metadata } });
  }

  /** A user deletes a Service: it goes when nobody has a finalizer on it. */
  delete(name: string): void {
    const service = this.service(name);
    this.#store({ ...service, metadata: { ...service.metadata, deleting: true } });
  }

  service(name: string): FollowedService {
    const found = this.services.get(`shop/${name}`);
    if (found === undefined) throw new Error(`there is no Service ${name}`);
    return found;
  }

  /** What a Service publishes. */
  addresses(name: string): (string | undefined)[] {
    return this.service(name).ingress.map(({ ip }) => ip);
  }

  async readService({ namespace, name }: ServiceName): Promise<FollowedService | undefined> {
    return this.services.get(`${namespace}/${name}`);
  }

  async addServiceFinalizer(service: FollowedService): Promise<FollowedService | undefined> {
    await this.#dependencies.note(`finalizer ${service.metadata.name}`);
    const known = this.#same(service);
    if (known === undefined) return undefined;
    const finalizers = [...new Set([...known.metadata.finalizers, SERVICE_FINALIZER])];
    return this.#store({ ...known, ownFinalizer: true, metadata: { ...known.metadata, finalizers } });
  }

  async removeServiceFinalizer(service: FollowedService): Promise<FollowedService | undefined> {
    await this.#dependencies.note(`finalizer_removal ${service.metadata.name}`);
    const known = this.#same(service);
    if (known === undefined) return undefined;
    const finalizers = known.metadata.finalizers.filter((name) => name !== SERVICE_FINALIZER);
    return this.#store({ ...known, ownFinalizer: false, metadata: { ...known.metadata, finalizers } });
  }

  async patchServiceStatus(
    service: FollowedService,
    { ingress, conditions: patched }: ServiceStatusPatch,
  ): Promise<FollowedService | undefined> {
    await this.#dependencies.note(`service_status ${service.metadata.name}`);
    const known = this.#same(service);
    if (known === undefined) return undefined;
    const others = known.conditions.filter(({ type }) => !patched.some((each) => each.type === type));
    const conditions = [...others, ...patched.flatMap((each) => ('$patch' in each ? [] : [each]))];
    return this.#store({ ...known, conditions, ...(ingress === undefined ? {} : { ingress }) });
  }

  async createClaim(spec: ServiceAddressSpec): Promise<ServiceAddress> {
    const name = claimName(spec.address);
    await this.#dependencies.note(`claim ${name}`);
    if (this.claims.has(name)) throw new Refused(HTTP_STATUS.conflict, 'it exists');
    this.#uids += 1;
    return this.#storeClaim({ metadata: { name, uid: `uid-${name}-${this.#uids}` }, spec: this.#checked(spec) });
  }

  async updateClaim({ metadata }: ServiceAddress, spec: ServiceAddressSpec): Promise<ServiceAddress> {
    await this.#dependencies.note(`claim_update ${metadata.name}`);
    const known = this.claims.get(metadata.name);
    if (known === undefined) throw new Refused(HTTP_STATUS.notFound, 'it is gone');
    if (known.metadata.resourceVersion !== metadata.resourceVersion) {
      throw new Refused(HTTP_STATUS.conflict, 'it was changed');
    }
    return this.#storeClaim({ ...known, spec: this.#checked(spec) });
  }

  async deleteClaim({ metadata }: ServiceAddress): Promise<void> {
    await this.#dependencies.note(`claim_removal ${metadata.name}`);
    const known = this.claims.get(metadata.name);
    if (known !== undefined && known.metadata.resourceVersion !== metadata.resourceVersion) {
      throw new Refused(HTTP_STATUS.conflict, 'it was changed');
    }
    this.claims.delete(metadata.name);
  }

  async readClaim(name: string): Promise<ServiceAddress | undefined> {
    return this.claims.get(name);
  }

  async applyClaimStatus(
    { metadata: { name, uid } }: ServiceAddress,
    status: ServiceAddressStatus,
  ): Promise<ServiceAddress | undefined> {
    await this.#dependencies.note(`claim_status ${name}`);
    const known = this.claims.get(name);
    if (known === undefined || known.metadata.uid !== uid) return undefined;
    return this.#storeClaim({ ...known, status: serviceAddressStatusSchema.parse(status) });
  }

  async setPoolFinalizers(pool: VirtualIpPool, finalizers: readonly string[]): Promise<VirtualIpPool | undefined> {
    const { name } = pool.metadata;
    await this.#dependencies.note(`pool_finalizers ${name} ${finalizers.length}`);
    const known = this.#dependencies.pools.get(name);
    if (known === undefined) return undefined;
    const metadata = { ...known.metadata, finalizers, resourceVersion: this.#dependencies.nextVersion() };
    return { ...known, metadata };
  }

  /** The one that was meant, not one of its name. */
  #same({ metadata: { namespace, name, uid } }: FollowedService): FollowedService | undefined {
    const known = this.services.get(`${namespace}/${name}`);
    return known?.metadata.uid === uid ? known : undefined;
  }

  #store(service: FollowedService): FollowedService {
    const metadata = { ...service.metadata, resourceVersion: this.#dependencies.nextVersion() };
    const stored = { ...service, metadata };
    const key = `${metadata.namespace}/${metadata.name}`;
    if (metadata.deleting && metadata.finalizers.length === 0) this.services.delete(key);
    else this.services.set(key, stored);
    return stored;
  }

  #checked(spec: ServiceAddressSpec) {
    return serviceAddressSpecSchema.parse(spec);
  }

  #storeClaim(claim: ServiceAddress): ServiceAddress {
    const metadata = { ...claim.metadata, resourceVersion: this.#dependencies.nextVersion() };
    const stored = { ...claim, metadata };
    this.claims.set(metadata.name, stored);
    return stored;
  }
}
