import { z } from 'zod';
import { API_GROUP, API_VERSION } from '../../api/group.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';
import type { ApiAccess } from '../../common/kubernetes-access.ts';
import { ApiWatch, WatchError, type WatchLimits, type WatchRound } from './api-watch.ts';
import { readWatchEvent } from './watch-event.ts';

interface PlanWatchOptions extends ApiAccess {
  /** Name of the node, and of its plan. */
  readonly node: string;
  readonly limits?: Partial<WatchLimits>;
}

/** A NodePlan before its spec is checked. */
export interface ObservedPlan {
  readonly uid: string;
  readonly spec: unknown;
  /** Whether the node has ever reported on it. */
  readonly reported: boolean;
}

interface PlanWatchDependencies {
  /** Called with every observed state: the node's plan, or null when it has none. */
  readonly onPlan: (plan: ObservedPlan | null) => void;
  /** Called with the reason when plans cannot be watched any more, once per kind of reason, and with null when they can again. */
  readonly onProblem: (problem: string | null) => void;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** Path of the node plans. */
export const NODE_PLANS = `/apis/${API_GROUP}/${API_VERSION}/nodeplans`;

const metadataSchema = z.object({ uid: z.string().default(''), resourceVersion: z.string().default('') });
/** Of a bookmark only the metadata is there. */
const planSchema = z.object({
  metadata: metadataSchema,
  spec: z.unknown().optional(),
  status: z.object({ agentVersion: z.string().optional() }).optional(),
});
const listSchema = z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }), items: z.array(planSchema) });

/**
 * Follows the plan of this node. It begins with a list of this one object, because a watch cannot say that there is none, and goes on
 * with watches from the version that was observed last, which bookmarks keep fresh: a steady plan costs no list. Nothing waits for it:
 * while the API is away, the last plan stays in force.
 */
export class PlanWatch {
  readonly #node: string;
  readonly #onPlan: (plan: ObservedPlan | null) => void;
  readonly #watch: ApiWatch;
  /** Version that the next watch goes on from; undefined when a list must come first. */
  #version: string | undefined;

  constructor({ node, ...options }: PlanWatchOptions, { onPlan, onProblem, random }: PlanWatchDependencies) {
    this.#node = node;
    this.#onPlan = onPlan;
    this.#watch = new ApiWatch(
      { ...options, resource: 'nodeplans' },
      { round: (round) => this.#read(round), onProblem, random },
    );
  }

  /** Begins to watch; does nothing when it watches already. */
  start(): void {
    this.#watch.start();
  }

  /** Ends watching; may be called twice, and be followed by another start. */
  stop(): void {
    this.#watch.stop();
    this.#version = undefined;
  }

  async #read(round: WatchRound): Promise<void> {
    const resourceVersion = this.#version ?? (await this.#list(round));
    const params = { fieldSelector: this.#selector, resourceVersion, allowWatchBookmarks: true };
    try {
      const well = () => this.#watch.reportWell();
      for await (const line of round.watch(NODE_PLANS, params, well)) this.#handle(line);
    } catch (error) {
      if (!(error instanceof WatchError) || error.status === undefined) throw error;
      this.#version = undefined;
      if (error.status !== HTTP_STATUS.gone) throw explained(error);
    }
  }

  get #selector(): string {
    return `metadata.name=${this.#node}`;
  }

  /** Asks without a version, which is answered by what is, and not by what a cache of the server remembers. */
  async #list(round: WatchRound): Promise<string> {
    const document = await round.get(NODE_PLANS, { fieldSelector: this.#selector }).catch((error: unknown) => {
      throw error instanceof WatchError ? explained(error) : error;
    });
    const list = listSchema.parse(document);
    this.#observe(list.items[0], list.metadata.resourceVersion);
    return list.metadata.resourceVersion;
  }

  #handle(line: string): void {
    const event = readWatchEvent(line);
    if (event.kind === 'error') throw new WatchError(event.message, { status: event.code ?? 0 });
    if (event.kind === 'other') return;
    const plan = planSchema.parse(event.object);
    const { resourceVersion } = plan.metadata;
    if (event.kind === 'bookmark') this.#version = resourceVersion;
    else this.#observe(event.kind === 'deleted' ? undefined : plan, resourceVersion);
  }

  #observe(plan: z.infer<typeof planSchema> | undefined, version: string): void {
    this.#version = version;
    this.#watch.reportWell();
    if (plan === undefined) this.#onPlan(null);
    else {
      const reported = plan.status?.agentVersion !== undefined;
      this.#onPlan({ uid: plan.metadata.uid, spec: plan.spec, reported });
    }
  }
}

/** No such path: that says nothing of the plan, since the watch would have delivered a deletion of plans that were there. */
function explained(error: WatchError): WatchError {
  if (error.status !== HTTP_STATUS.notFound) return error;
  return new WatchError('the API server does not know nodeplans: install the CustomResourceDefinitions of the chart', {
    refused: true,
    status: HTTP_STATUS.notFound,
  });
}
