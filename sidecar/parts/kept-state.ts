import { join } from 'node:path';
import type { Logger } from 'pino';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import { type Placements, readPlacements } from '../desired/placement.ts';
import { readCordon } from '../kubernetes/node-event.ts';
import { readNodeOrder } from '../kubernetes/rank.ts';
import { StateCache } from '../runtime/state-cache.ts';
import { readCachedPlan } from '../sources/plan/plan.ts';

/** What was kept for this start. */
interface Known {
  /** The order of the nodes; empty when that is not known. */
  readonly nodes: readonly string[];
  /** Why the node is cordoned, null when it is not; undefined when that is not known. */
  readonly cordon: string | null | undefined;
  /** The plan, null for none; undefined when that is not known. */
  readonly plan: NodePlanSpec | null | undefined;
  /** Where this node's instances were found. */
  readonly placements: Placements;
  /** Whether a plan was kept that cannot be used. */
  readonly planIsDamaged: boolean;
}

/** What is kept over a restart of the container, in files: what was observed of the API, and where instances were found. */
export class KeptState {
  readonly #log: Logger;
  readonly #nodes: StateCache<readonly string[]>;
  readonly #cordon: StateCache<string | null | undefined>;
  readonly #plan: StateCache<NodePlanSpec | null | undefined>;
  readonly #placements: StateCache<Placements>;

  /** @param options.directory where the files are */
  constructor({ directory }: { readonly directory: string }, { log }: { readonly log: Logger }) {
    this.#log = log;
    this.#nodes = new StateCache({ path: join(directory, 'nodes.json'), read: readNodeOrder, none: [] });
    this.#cordon = new StateCache({ path: join(directory, 'cordon.json'), read: readCordon, none: undefined });
    this.#plan = new StateCache({ path: join(directory, 'plan.json'), read: readCachedPlan, none: undefined });
    this.#placements = new StateCache({ path: join(directory, 'placements.json'), read: readPlacements, none: {} });
  }

  /** What is damaged, until it is whole again. */
  get problems(): readonly string[] {
    const all = [this.#nodes, this.#cordon, this.#plan, this.#placements];
    return all.map(({ problem }) => problem).filter((problem) => problem !== null);
  }

  /** What was kept; what is damaged counts as not kept, and is logged. Never rejects. */
  async load(): Promise<Known> {
    const [nodes, cordon, plan, placements] = await Promise.all([
      this.#nodes.load(),
      this.#cordon.load(),
      this.#plan.load(),
      this.#placements.load(),
    ]);
    for (const problem of this.problems) {
      this.#log.warn({ problem }, 'what was kept for this start cannot be used; it is learned anew');
    }
    return { nodes, cordon, plan, placements, planIsDamaged: this.#plan.problem !== null };
  }

  keepNodes(nodes: readonly string[]): void {
    this.#keep(this.#nodes.save(nodes), 'cannot keep the order of the nodes');
  }

  keepCordon(cordon: string | null | undefined): void {
    this.#keep(this.#cordon.save(cordon), 'cannot keep what is known of the cordon');
  }

  keepPlan(plan: NodePlanSpec | null | undefined): void {
    this.#keep(this.#plan.save(plan), 'cannot keep the plan');
  }

  keepPlacements(placements: Placements): void {
    this.#keep(this.#placements.save(placements), 'cannot keep where instances were found');
  }

  #keep(saved: Promise<void>, otherwise: string): void {
    saved.catch((error: unknown) => this.#log.warn({ err: error }, otherwise));
  }
}
