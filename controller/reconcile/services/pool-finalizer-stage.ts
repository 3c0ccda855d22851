import type { VirtualIpPool } from '../../../api/virtual-ip-pool.ts';
import type { ResourceCache } from '../../kubernetes/resource-cache.ts';
import type { ServiceWriter } from '../../kubernetes/service-api.ts';
import { CLAIMS_FINALIZER } from '../../services/annotations.ts';
import type { Decision, Stage } from '../stage.ts';
import type { ServiceCaches } from './service-cluster.ts';

interface PoolFinalizerStageDependencies {
  readonly pools: ResourceCache<VirtualIpPool>;
  readonly claims: ServiceCaches['claims'];
  readonly writer: Pick<ServiceWriter, 'setPoolFinalizers'>;
}

/** The finalizers that a pool is to have; undefined: those that it has. Pure. */
function wantedFinalizers({ metadata }: VirtualIpPool, hasClaims: boolean): readonly string[] | undefined {
  const { finalizers = [], deletionTimestamp } = metadata;
  const has = finalizers.includes(CLAIMS_FINALIZER);
  if (has && !hasClaims) return finalizers.filter((name) => name !== CLAIMS_FINALIZER);
  // The API server takes no new finalizer for what is being deleted.
  return !has && hasClaims && deletionTimestamp === undefined ? [...finalizers, CLAIMS_FINALIZER] : undefined;
}

/** Lets a deleted pool go when its last claim has gone, and keeps those that have some. All claims must be known. */
export class PoolFinalizerStage implements Stage<unknown> {
  readonly name = 'pool_finalizer';
  readonly #dependencies: PoolFinalizerStageDependencies;

  constructor(dependencies: PoolFinalizerStageDependencies) {
    this.#dependencies = dependencies;
  }

  decide(): Decision {
    const { pools, claims } = this.#dependencies;
    const claimed = new Set(claims.list().map(({ spec }) => spec.pool));
    return {
      writes: pools.list().flatMap((pool) => {
        const { name } = pool.metadata;
        const finalizers = wantedFinalizers(pool, claimed.has(name));
        return finalizers === undefined ? [] : [{ name, write: () => this.#write(pool, finalizers) }];
      }),
    };
  }

  async #write(pool: VirtualIpPool, finalizers: readonly string[]): Promise<void> {
    const { pools, writer } = this.#dependencies;
    const stored = await writer.setPoolFinalizers(pool, finalizers);
    const isGone = stored === undefined || (stored.metadata.deletionTimestamp !== undefined && finalizers.length === 0);
    if (isGone) pools.remove(stored ?? { metadata: { name: pool.metadata.name } });
    else pools.put(stored);
  }
}
