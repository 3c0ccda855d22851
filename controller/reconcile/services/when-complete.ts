import type { Decision, PlannedCluster, Stage } from '../stage.ts';
import type { FollowedServices } from './service-cluster.ts';

/** A stage that decides nothing before all that is followed for Services was listed. */
export class WhenComplete<Seen = PlannedCluster> implements Stage<Seen> {
  readonly name: string;
  readonly #stage: Stage<Seen>;
  readonly #services: Pick<FollowedServices, 'complete'>;

  constructor(stage: Stage<Seen>, services: Pick<FollowedServices, 'complete'>) {
    this.name = stage.name;
    this.#stage = stage;
    this.#services = services;
  }

  decide(cluster: Seen): Decision {
    return this.#services.complete() ? this.#stage.decide(cluster) : { writes: [] };
  }
}
