import type { EndpointSliceFacts } from '../../kubernetes/endpoint-slice-facts.ts';
import type { ResourceCache } from '../../kubernetes/resource-cache.ts';
import type { FollowedEndpoints } from './service-cluster.ts';

/** A watch of endpoint slices, which does nothing before it is started. */
export interface SliceWatch {
  readonly caches: { readonly slices: Pick<ResourceCache<EndpointSliceFacts>, 'list'> };
  readonly complete: boolean;
  start(): void;
}

/** Follows endpoints from when a Service first asks for it: most clusters need none of them. */
export class EndpointsOnDemand<W extends SliceWatch> implements FollowedEndpoints {
  readonly #watch: W;
  #needed: ReadonlySet<string> = new Set();
  #started = false;

  /** @param makeWatch makes the watch; it is told whether anybody needs the endpoints of a Service */
  constructor(makeWatch: (isNeeded: (service: string) => boolean) => W) {
    this.#watch = makeWatch((service) => this.#needed.has(service));
  }

  /** The watch once it was started; undefined before. */
  get watch(): W | undefined {
    return this.#started ? this.#watch : undefined;
  }

  follow(services: ReadonlySet<string>): void {
    this.#needed = services;
    if (this.#started || services.size === 0) return;
    this.#started = true;
    this.#watch.start();
  }

  slices(): readonly EndpointSliceFacts[] | undefined {
    return this.watch?.complete === true ? this.#watch.caches.slices.list() : undefined;
  }
}
