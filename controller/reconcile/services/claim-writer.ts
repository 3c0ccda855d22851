import { type AddressOwner, claimName } from '../../../api/service-address.ts';
import type { VirtualIpPool } from '../../../api/virtual-ip-pool.ts';
import { HTTP_STATUS } from '../../../common/http-status.ts';
import { statusOf } from '../../kubernetes/api-error.ts';
import { type FollowedService, sameFollowedService } from '../../kubernetes/load-balancer-service.ts';
import type { ResourceCache } from '../../kubernetes/resource-cache.ts';
import type { ServiceWriter } from '../../kubernetes/service-api.ts';
import { CLAIMS_FINALIZER } from '../../services/annotations.ts';
import type { ClaimChange, Reliance } from '../../services/types.ts';
import { addressOf } from './claim-changes.ts';
import type { ServiceCaches } from './service-cluster.ts';

interface ClaimWriterDependencies {
  readonly caches: ServiceCaches;
  readonly pools: ResourceCache<VirtualIpPool>;
  readonly writer: ServiceWriter;
}

/** By uid: the Services that a decision rests on, as they were known then. */
export type DecidedBy = ReadonlyMap<string, FollowedService>;

/** Writes claims, each only if what it rests on is still so. */
export class ClaimWriter {
  readonly #dependencies: ClaimWriterDependencies;
  /** By name: pools that just get their finalizer, for many Services at once. */
  readonly #holding = new Map<string, Promise<boolean>>();

  constructor(dependencies: ClaimWriterDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Writes one change, and takes the answer into the cache.
   * @returns false: something is not any more as it was when this was decided; it is known now, and the next decision goes by it
   */
  async write(change: ClaimChange, decided: DecidedBy): Promise<boolean> {
    const name = claimName(addressOf(change));
    if (!this.#isKnownAlike(name, change) || !(await this.#areReleased(change.releases, decided))) return false;
    if (change.kind !== 'create' && !(await this.#areStillHad(change.restsOn))) return false;
    try {
      return await this.#store(name, change);
    } catch (error) {
      const status = statusOf(error);
      if (status !== HTTP_STATUS.conflict && status !== HTTP_STATUS.notFound) throw error;
      await this.#readAnew(name, error);
      return false;
    }
  }

  /** Another change of this decision, or the watch, may have brought a newer one. */
  #isKnownAlike(name: string, change: ClaimChange): boolean {
    const known = this.#dependencies.caches.claims.get(name)?.metadata;
    const decided = change.kind === 'create' ? undefined : change.claim.metadata;
    return known?.uid === decided?.uid && known?.resourceVersion === decided?.resourceVersion;
  }

  async #areReleased(releases: readonly AddressOwner[], decided: DecidedBy): Promise<boolean> {
    for (const owner of releases) if (!(await this.#isReleased(owner, decided))) return false;
    return true;
  }

  /** Services and claims are followed apart: the Service of a claim may be there, though it is not known yet. */
  async #isReleased(owner: AddressOwner, decided: DecidedBy): Promise<boolean> {
    const { caches, writer } = this.#dependencies;
    const stored = await writer.readService(owner);
    if (stored === undefined || stored.metadata.uid !== owner.uid) return true;
    const known = decided.get(owner.uid);
    if (known !== undefined && sameFollowedService(known, stored)) return true;
    caches.services.put(stored);
    return false;
  }

  /** Claims are followed one by one, too: what a Service has instead of what it gives up may have been taken off it meanwhile. */
  async #areStillHad(reliances: readonly Reliance[] = []): Promise<boolean> {
    for (const reliance of reliances) if (!(await this.#isStillHad(reliance))) return false;
    return true;
  }

  async #isStillHad({ owner, address }: Reliance): Promise<boolean> {
    const { caches, writer } = this.#dependencies;
    const name = claimName(address);
    const stored = await writer.readClaim(name);
    if (stored?.spec.owners.some(({ uid }) => uid === owner.uid) === true) return true;
    if (stored === undefined) caches.claims.remove({ metadata: { name } });
    else caches.claims.put(stored);
    return false;
  }

  async #store(name: string, change: ClaimChange): Promise<boolean> {
    const { caches, writer } = this.#dependencies;
    if (change.kind === 'delete') {
      await writer.deleteClaim(change.claim);
      caches.claims.remove({ metadata: { name } });
      return true;
    }
    if (!(await this.#hold(change.spec.pool))) return false;
    const stored =
      change.kind === 'create'
        ? await writer.createClaim(change.spec)
        : await writer.updateClaim(change.claim, change.spec);
    caches.claims.put(stored);
    return true;
  }

  /** A pool with claims has to stay, deleted or not: what it says of its addresses goes on to count. @returns false: it is gone */
  #hold(name: string): Promise<boolean> {
    const pool = this.#dependencies.pools.get(name);
    // A pool that is gone or going gives nothing; what is written of its claims takes something off them.
    if (pool === undefined || pool.metadata.deletionTimestamp !== undefined) return Promise.resolve(true);
    const { finalizers = [] } = pool.metadata;
    if (finalizers.includes(CLAIMS_FINALIZER)) return Promise.resolve(true);
    const under = this.#holding.get(name);
    if (under !== undefined) return under;
    const begun = this.#addFinalizer(pool, finalizers).finally(() => this.#holding.delete(name));
    this.#holding.set(name, begun);
    return begun;
  }

  async #addFinalizer(pool: VirtualIpPool, finalizers: readonly string[]): Promise<boolean> {
    const { pools, writer } = this.#dependencies;
    const stored = await writer.setPoolFinalizers(pool, [...finalizers, CLAIMS_FINALIZER]);
    if (stored === undefined) pools.remove({ metadata: { name: pool.metadata.name } });
    else pools.put(stored);
    return stored !== undefined;
  }

  /** Takes what somebody else wrote into the cache. */
  async #readAnew(name: string, error: unknown): Promise<void> {
    const { caches, writer } = this.#dependencies;
    const before = caches.claims.get(name);
    const stored = await writer.readClaim(name);
    if (stored === undefined) caches.claims.remove({ metadata: { name } });
    else caches.claims.put(stored);
    // Nothing new: the next decision would be the same, so that it has to wait a little.
    if (before?.metadata.resourceVersion === stored?.metadata.resourceVersion) throw error;
  }
}
