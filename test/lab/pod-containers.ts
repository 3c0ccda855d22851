import type { Container } from '../support/container.ts';
import { startPodContainer } from './pod.ts';
import { labState } from './state.ts';
import { targetOf } from './targets.ts';

/** A container of a node's pod, as it was started last. @throws Error when the pod has none of that name */
export function podContainer(lab: string, node: string, name: string): Container {
  const nodes = labState(lab).read().nodes;
  const found = nodes.find((each) => each.name === node)?.containers[name];
  if (found === undefined) throw new Error(`${node} has no container ${name}`);
  return found;
}

/** Starts a container of a node's pod that has ended, as the kubelet does. */
export async function restartPodContainer(lab: string, node: string, name: string): Promise<void> {
  await labState(lab).change(async (state) => {
    const fresh = await startPodContainer(targetOf(state, node).pod, name);
    const nodes = state.nodes.map((each) =>
      each.name === node ? { ...each, containers: { ...each.containers, [name]: fresh } } : each,
    );
    return { ...state, nodes };
  });
}
