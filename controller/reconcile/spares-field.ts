import type { NodePlanSpec } from '../../api/node-plan.ts';
import type { Clock } from '../../common/clock.ts';
import { isUndeclared } from '../kubernetes/api-error.ts';
import type { NodePlanContent } from '../plan/types.ts';
import { nodePlanSpec } from './node-plan-spec.ts';

/** Takes note of definitions that are older than this program. */
export interface DefinitionReports {
  /** Called once, until they were brought up to date. */
  definitionsOlder(): void;
}

interface SparesFieldDependencies {
  readonly clock: Clock;
  readonly reports: DefinitionReports;
}

/** A plan as it was written, with what the API server answered. */
interface WrittenPlan<T> {
  readonly spec: NodePlanSpec;
  readonly stored: T;
}

const FIELD = '.spec.spares';
const TRIED_EVERY_MS = 60_000;

/**
 * Whether the definition of NodePlans in the cluster has the field `spares`. Helm does not upgrade definitions, and a server-side apply with
 * a field that the definition does not have is refused whole. Nodes can do without spare instances, but not without a plan.
 */
export class SparesField {
  readonly #dependencies: SparesFieldDependencies;
  /** When it is tried again, by the monotonic clock; undefined: nothing is known against it. */
  #triedAgainMs: number | undefined;

  constructor(dependencies: SparesFieldDependencies) {
    this.#dependencies = dependencies;
  }

  /** Whether plans are refused with it, as far as is known. */
  get isRefused(): boolean {
    return this.#triedAgainMs !== undefined;
  }

  /** What a node is to do, as far as it can be written. Its digest is that of what is written: nodes say by it what they carry out. */
  specOf(content: NodePlanContent): NodePlanSpec {
    if (!this.isRefused) return nodePlanSpec(content);
    const { spares: _, ...rest } = content;
    return nodePlanSpec(rest);
  }

  /**
   * Writes a plan; without spares where it is refused for them alone. While they are refused, one write in a minute tries them again.
   * @throws what `write` throws otherwise
   */
  async write<T>(content: NodePlanContent, write: (spec: NodePlanSpec) => Promise<T>): Promise<WrittenPlan<T>> {
    if (content.spares === undefined || !this.#isDue()) return this.#written(this.specOf(content), write);
    try {
      const written = await this.#written(nodePlanSpec(content), write);
      this.#triedAgainMs = undefined;
      return written;
    } catch (error) {
      if (!isUndeclared(error, FIELD)) throw error;
      this.#refuse();
    }
    return this.#written(this.specOf(content), write);
  }

  async #written<T>(spec: NodePlanSpec, write: (spec: NodePlanSpec) => Promise<T>): Promise<WrittenPlan<T>> {
    return { spec, stored: await write(spec) };
  }

  /** Whether the field is to be tried; of writes that are made at once one tries it again. */
  #isDue(): boolean {
    if (this.#triedAgainMs === undefined) return true;
    const nowMs = this.#dependencies.clock.monotonicMs();
    if (nowMs < this.#triedAgainMs) return false;
    this.#triedAgainMs = nowMs + TRIED_EVERY_MS;
    return true;
  }

  #refuse(): void {
    const { clock, reports } = this.#dependencies;
    if (!this.isRefused) reports.definitionsOlder();
    this.#triedAgainMs = clock.monotonicMs() + TRIED_EVERY_MS;
  }
}
