import * as z from 'zod';
import { API_GROUP, API_VERSION } from '../../api/group.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';
import { WatchError } from './api-watch.ts';
import { ListWatch, type ListWatchOptions, type ListWatchReports } from './list-watch.ts';

interface PlanWatchOptions extends ListWatchOptions {
  /** Name of the node, and of its plan. */
  readonly node: string;
}

/** A NodePlan before its spec is checked. */
export interface ObservedPlan {
  readonly uid: string;
  readonly spec: unknown;
  /** Whether the node has ever reported on it. */
  readonly reported: boolean;
}

interface PlanWatchReports extends ListWatchReports {
  /** Called with every observed state: the node's plan, or null when it has none. */
  readonly onPlan: (plan: ObservedPlan | null) => void;
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
type PlanObject = z.infer<typeof planSchema>;
const listSchema = z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }), items: z.array(planSchema) });

/** Follows the plan of this node, by a list and a watch of this one object. It does not watch yet. */
export function watchPlan(
  { node, ...options }: PlanWatchOptions,
  { onPlan, ...reports }: PlanWatchReports,
): ListWatch<PlanObject> {
  const collection = {
    resource: 'nodeplans',
    path: NODE_PLANS,
    selector: { fieldSelector: `metadata.name=${node}` },
  };
  return new ListWatch<PlanObject>(collection, options, {
    ...reports,
    readList: (document) => {
      const { metadata, items } = listSchema.parse(document);
      return { ...metadata, items };
    },
    readObject: (object) => {
      const item = planSchema.parse(object);
      return { ...item.metadata, item };
    },
    onList: ([plan]) => onPlan(plan === undefined ? null : observedPlan(plan)),
    onPresent: (plan) => onPlan(observedPlan(plan)),
    onDeleted: () => onPlan(null),
    explain: explained,
  });
}

function observedPlan({ metadata: { uid }, spec, status }: PlanObject): ObservedPlan {
  return { uid, spec, reported: status?.agentVersion !== undefined };
}

/** No such path: that says nothing of the plan, since the watch would have delivered a deletion of plans that were there. */
function explained(error: WatchError): WatchError {
  if (error.status !== HTTP_STATUS.notFound) return error;
  return new WatchError('the API server does not know nodeplans: install the CustomResourceDefinitions of the chart', {
    refused: true,
    status: HTTP_STATUS.notFound,
  });
}
