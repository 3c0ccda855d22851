import type { ServiceAddress } from '../../../api/service-address.ts';
import type { EndpointSliceFacts } from '../../kubernetes/endpoint-slice-facts.ts';
import type { FollowedService, NamespaceFacts } from '../../kubernetes/load-balancer-service.ts';
import type { ResourceCache } from '../../kubernetes/resource-cache.ts';

/** What is followed for Services, and whether it is all there is. */
export interface FollowedServices {
  readonly caches: ServiceCaches;
  /** Whether all of it was listed. Before, nothing is decided about Services; pools do not wait for it. */
  readonly complete: () => boolean;
  /** Absent: endpoints are not followed. */
  readonly endpoints?: FollowedEndpoints;
}

/** Endpoints, which are followed once some Service asks for it. */
export interface FollowedEndpoints {
  /** Says whose are needed, see `serviceKeyOf`: changes of others are no reason to do anything. */
  follow(services: ReadonlySet<string>): void;
  /** All that there are; undefined: they were not listed yet. */
  slices(): readonly EndpointSliceFacts[] | undefined;
}

/** The caches of what is followed for Services. */
export interface ServiceCaches {
  readonly services: ResourceCache<FollowedService>;
  readonly namespaces: ResourceCache<NamespaceFacts>;
  readonly claims: ResourceCache<ServiceAddress>;
}
