import { execa, type Options } from 'execa';

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
