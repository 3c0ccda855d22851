import type { ImageArchive } from '../../scripts/images.ts';
import type { Site } from '../environment/site.ts';
import type { Say } from '../support/print.ts';

/** A load balancer that Kubernetes' tests are run against. */
export interface Contender {
  /** Images that the nodes need for it besides the cluster's own, which are the product's. */
  readonly images: (say: Say) => Promise<readonly ImageArchive[]>;
  /** Installs it so that Services of type LoadBalancer get addresses, also those without a class: Kubernetes' tests name none. */
  readonly install: (site: Site) => Promise<void>;
}
