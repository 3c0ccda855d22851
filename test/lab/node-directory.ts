import { join } from 'node:path';
import { labDirectory } from './names.ts';

/** Where a node's files are. */
export interface NodeDirectory {
  readonly path: string;
  readonly ingress: string;
  readonly kubelet: string;
  /** Stands for the node's root directory: what hostPath volumes lead to. */
  readonly host: string;
  /** Token and certificate of the service account, as every pod has them. */
  readonly serviceAccount: string;
  /** What emptyDir, ConfigMap and Secret volumes lead to. */
  readonly volume: (name: string) => string;
  /** Log of a container: all its starts, one after the other. */
  readonly log: (container: string) => string;
}

/** The paths of a node. Pure. */
export function nodeDirectory(lab: string, node: string): NodeDirectory {
  const path = join(labDirectory(lab), 'nodes', node);
  return {
    path,
    ingress: join(path, 'ingress'),
    kubelet: join(path, 'kubelet'),
    host: join(path, 'host'),
    serviceAccount: join(path, 'serviceaccount'),
    volume: (name) => join(path, 'volumes', name),
    log: (container) => join(path, `${container}.log`),
  };
}
