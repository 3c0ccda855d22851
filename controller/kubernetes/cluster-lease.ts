import { CustomObjectsApi, type KubeConfig } from '@kubernetes/client-node';
import { HTTP_STATUS } from '../../common/http-status.ts';
import { requestOptions } from './access.ts';
import { statusOf } from './api-error.ts';
import { keepLease, type RawLease } from './lease.ts';
import { LeaseConflictError, type LeaseRecord, type LeaseStore } from './lease-store.ts';

/** A pod, as an owner reference needs it. */
export interface PodIdentity {
  readonly name: string;
  readonly uid: string;
}

/** Of leases. */
export const LEASE_GROUP = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' };

/** Kubernetes' MicroTime has exactly six decimals. */
function microTime(iso: string): string {
  return /\.\d{3}Z$/.test(iso) ? iso.replace('Z', '000Z') : iso;
}

function isConflict(error: unknown): boolean {
  // 409 also answers a create of what exists; 404 a replace of what is gone.
  return [404, 409].includes(statusOf(error) ?? 0);
}

/** Which Lease, and who writes it. */
export interface ClusterLeaseOptions {
  readonly namespace: string;
  readonly name: string;
  /**
   * The pod that writes: the Lease goes with it unless another has taken it, so that nobody waits for the lease of a pod that is no more, and
   * nothing is left of a release that is uninstalled. Undefined outside of a pod: then the Lease stays.
   */
  readonly pod?: PodIdentity | undefined;
}

/** One Lease of a namespace. */
export class ClusterLease implements LeaseStore {
  readonly #options: ClusterLeaseOptions;
  readonly #api: CustomObjectsApi;

  constructor(options: ClusterLeaseOptions, { access }: { access: KubeConfig }) {
    this.#options = options;
    // Untyped on purpose: the typed client reads times as Date, which has milliseconds only, and would write others' times back changed.
    this.#api = access.makeApiClient(CustomObjectsApi);
  }

  async read(): Promise<LeaseRecord | undefined> {
    try {
      return keepLease(
        await this.#api.getNamespacedCustomObject({ ...LEASE_GROUP, ...this.#where() }, requestOptions()),
      ).record;
    } catch (error) {
      if (statusOf(error) === HTTP_STATUS.notFound) return undefined;
      throw error;
    }
  }

  async create(record: Omit<LeaseRecord, 'resourceVersion'>): Promise<LeaseRecord> {
    const { namespace } = this.#options;
    const body = this.#body({ ...record, resourceVersion: '' });
    return this.#written(this.#api.createNamespacedCustomObject({ ...LEASE_GROUP, namespace, body }, requestOptions()));
  }

  async replace(record: LeaseRecord): Promise<LeaseRecord> {
    const request = { ...LEASE_GROUP, ...this.#where(), body: this.#body(record) };
    return this.#written(this.#api.replaceNamespacedCustomObject(request, requestOptions()));
  }

  #where(): { namespace: string; name: string } {
    const { namespace, name } = this.#options;
    return { namespace, name };
  }

  #body({ holder, durationSeconds, acquireTime, renewTime, transitions, resourceVersion }: LeaseRecord): RawLease {
    const { pod, ...where } = this.#options;
    const ownerReferences = pod === undefined ? [] : [{ apiVersion: 'v1', kind: 'Pod', ...pod } as const];
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...where, ...(resourceVersion === '' ? {} : { resourceVersion }), ownerReferences },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: durationSeconds,
        acquireTime: microTime(acquireTime),
        renewTime: microTime(renewTime),
        leaseTransitions: transitions,
      },
    };
  }

  async #written(request: Promise<RawLease>): Promise<LeaseRecord> {
    try {
      return keepLease(await request).record;
    } catch (error) {
      if (isConflict(error)) throw new LeaseConflictError({ cause: error });
      throw error;
    }
  }
}
