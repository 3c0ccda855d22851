import { join } from 'node:path';
import { execa, type Options } from 'execa';
import { adminKubeconfig, type ClusterState } from './state.ts';

const LIMIT_MS = 60_000;

/** Runs kubectl and gives what it wrote to standard output. @throws Error with what it said when it fails. */
export type Kubectl = (args: readonly string[], options?: Options) => Promise<string>;

/**
 * A kubectl for a kubeconfig.
 * @param program path of kubectl
 */
export function kubectlFor(program: string, kubeconfig: string): Kubectl {
  return async (args, options = {}) => {
    const result = await execa(program, args, { env: { KUBECONFIG: kubeconfig }, timeout: LIMIT_MS, ...options });
    return String(result.stdout ?? '');
  };
}

/** The kubectl of a cluster, of the same version as its API servers. */
export function clusterKubectl(state: Pick<ClusterState, 'shape' | 'parts'>): Kubectl {
  return kubectlFor(join(state.parts.kubernetes, 'kubectl'), adminKubeconfig(state.shape.name));
}
