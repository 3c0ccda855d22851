import type { ImageArchive } from '../../scripts/images.ts';
import type { Site } from '../environment/site.ts';
import type { Say } from '../support/print.ts';
import type { Addresses } from './services.ts';
import type { Walked, Walking } from './walk.ts';

/** A load balancer that serves, and the way from it. */
export interface Way {
  /** For people: what serves. */
  readonly peer: string;
  /** Images that the nodes need for it besides the cluster's own. */
  readonly images: (say: Say) => Promise<readonly ImageArchive[]>;
  /** Installs it, makes Services, and waits until it serves them; gives what they publish. */
  readonly serve: (site: Site) => Promise<Addresses>;
  /** Walks the way, to its end. @param results gets what each step cost */
  readonly walk: (walking: Walking, results: Walked[]) => Promise<void>;
}
