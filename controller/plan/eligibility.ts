import type { NodeSelector, Toleration } from '../../api/virtual-ip-pool.ts';
import { compareText } from '../../common/compare-text.ts';
import { selects } from '../labels.ts';
import type { Placement, PlanningNode, Taint } from './types.ts';

/** Nodes for a demand, each list sorted by name. */
export interface Eligibility {
  readonly eligible: readonly PlanningNode[];
  /** Chosen by the selector, and tolerated, but no sidecar runs there. Empty for one without a selector: it asks for sidecars' nodes only. */
  readonly withoutSidecar: readonly PlanningNode[];
}

/** Taints of this prefix are a node's conditions and its cordon, of which VRRP and the local checks know better. */
const CONDITION_TAINTS = 'node.kubernetes.io/';

/**
 * Whether a toleration is for a taint
 * (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/): no effect is every effect, no key with `Exists` is
 * every taint.
 */
export function tolerates({ key = '', operator = 'Equal', value = '', effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== taint.effect) return false;
  if (operator === 'Exists') return key === '' || key === taint.key;
  return key !== '' && key === taint.key && value === (taint.value ?? '');
}

function keepsAway({ key, effect }: Taint): boolean {
  return (effect === 'NoSchedule' || effect === 'NoExecute') && !key.startsWith(CONDITION_TAINTS);
}

function isTolerated(taints: readonly Taint[], tolerations: readonly Toleration[]): boolean {
  return taints.filter(keepsAway).every((taint) => tolerations.some((toleration) => tolerates(toleration, taint)));
}

function hasRequirements({ matchLabels = {}, matchExpressions = [], anyLabel = [] }: NodeSelector): boolean {
  return Object.keys(matchLabels).length + matchExpressions.length + anyLabel.length > 0;
}

/** Finds the nodes that may hold a demand's addresses. Whether a node is Ready or cordoned is no matter here. */
export function eligibleNodes(
  { nodeSelector, tolerations }: Pick<Placement, 'nodeSelector' | 'tolerations'>,
  nodes: readonly PlanningNode[],
): Eligibility {
  const chosen = nodes
    .filter(({ labels, taints }) => selects(nodeSelector, labels) && isTolerated(taints, tolerations))
    .sort((a, b) => compareText(a.name, b.name));
  return {
    eligible: chosen.filter(({ hasSidecar }) => hasSidecar),
    withoutSidecar: hasRequirements(nodeSelector) ? chosen.filter(({ hasSidecar }) => !hasSidecar) : [],
  };
}
