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

interface YoungerFieldsDependencies {
  readonly clock: Clock;
  readonly reports: DefinitionReports;
}

/** A plan as it was written, with what the API server answered. */
interface WrittenPlan<T> {
  readonly spec: NodePlanSpec;
  readonly stored: T;
}

/** A field of a NodePlan's spec that definitions of older releases do not have. */
interface YoungerField {
  /** As the API server names it, see `isUndeclared`. */
  readonly path: string;
  isIn(content: NodePlanContent): boolean;
  /** What is left of a plan without what needs the field. */
  without(content: NodePlanContent): NodePlanContent;
}

const FIELDS = {
  spares: {
    path: '.spec.spares',
    isIn: ({ spares }) => spares !== undefined,
    without: ({ spares: _, ...content }) => content,
  },
  apart: {
    path: '.spec.apart',
    isIn: ({ apart }) => apart !== undefined,
    without: ({ apart: _, ...content }) => content,
  },
  elected: {
    path: '.spec.loopback[].elected',
    isIn: ({ loopback = [] }) => loopback.some(({ elected }) => elected !== undefined),
    // Without the word alone every node would have the addresses.
    without: ({ loopback = [], ...content }) => {
      const left = loopback.filter(({ elected }) => elected === undefined);
      return left.length === 0 ? content : { ...content, loopback: left };
    },
  },
} as const satisfies Readonly<Record<string, YoungerField>>;
type Field = keyof typeof FIELDS;
const NAMES = Object.keys(FIELDS) as readonly Field[];

const TRIED_EVERY_MS = 60_000;

/** What is left of a plan without some of its fields. */
function without(content: NodePlanContent, left: Iterable<Field>): NodePlanContent {
  return [...left].reduce<NodePlanContent>((rest, field) => FIELDS[field].without(rest), content);
}

/**
 * Whether the definition of NodePlans in the cluster has the fields that came later. Helm does not upgrade definitions, and a server-side apply
 * with a field that the definition does not have is refused whole. Nodes can do without spare instances, multicast groups and addresses of
 * those that are elected, but not without a plan.
 */
export class YoungerFields {
  readonly #dependencies: YoungerFieldsDependencies;
  /** Those that are refused, as far as is known, and when each is tried again, by the monotonic clock. */
  readonly #triedAgainMs = new Map<Field, number>();

  constructor(dependencies: YoungerFieldsDependencies) {
    this.#dependencies = dependencies;
  }

  /** Names of those that plans are refused with, as far as is known. */
  get refused(): string {
    return NAMES.filter((field) => this.#triedAgainMs.has(field)).join();
  }

  /** Whether a plan may count on instances in multicast groups of their own: their definition is there, or is to be tried again. */
  get mayBeApart(): boolean {
    return !this.#isHopeless('apart');
  }

  /** What a node is to do, as far as it can be written. Its digest is that of what is written: nodes say by it what they carry out. */
  specOf(content: NodePlanContent): NodePlanSpec {
    return nodePlanSpec(without(content, this.#triedAgainMs.keys()));
  }

  /**
   * Writes a plan; without the fields for which alone it is refused. While one is refused, one write in a minute tries it again.
   * @throws what `write` throws otherwise
   */
  async write<T>(content: NodePlanContent, write: (spec: NodePlanSpec) => Promise<T>): Promise<WrittenPlan<T>> {
    const given = NAMES.filter((field) => FIELDS[field].isIn(content));
    const tried = given.filter((field) => this.#isDue(field));
    const spec = nodePlanSpec(
      without(
        content,
        given.filter((field) => !tried.includes(field)),
      ),
    );
    try {
      const stored = await write(spec);
      for (const field of tried) this.#triedAgainMs.delete(field);
      return { spec, stored };
    } catch (error) {
      const refused = tried.filter((field) => isUndeclared(error, FIELDS[field].path));
      if (refused.length === 0) throw error;
      this.#refuse(refused);
      // The API server names one field, though there may be more.
      return this.write(content, write);
    }
  }

  #isHopeless(field: Field): boolean {
    return this.#dependencies.clock.monotonicMs() < (this.#triedAgainMs.get(field) ?? 0);
  }

  /** Whether a field is to be tried; of writes that are made at once one tries it again. */
  #isDue(field: Field): boolean {
    if (this.#isHopeless(field)) return false;
    if (this.#triedAgainMs.has(field)) this.#triedAgainMs.set(field, this.#nextMs);
    return true;
  }

  #refuse(fields: readonly Field[]): void {
    if (this.#triedAgainMs.size === 0) this.#dependencies.reports.definitionsOlder();
    for (const field of fields) this.#triedAgainMs.set(field, this.#nextMs);
  }

  get #nextMs(): number {
    return this.#dependencies.clock.monotonicMs() + TRIED_EVERY_MS;
  }
}
