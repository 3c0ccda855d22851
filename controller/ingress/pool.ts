import type { ControlPlaneIngressSpec } from '../../api/control-plane-ingress.ts';
import { CONTROL_PLANE_INGRESS_PORT } from '../../api/defaults.ts';
import type { VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';

/** Nodes of the control plane have one of these labels, by whoever installed them. */
export const CONTROL_PLANE_LABELS = ['control-plane', 'master', 'controlplane'].map(
  (role) => `node-role.kubernetes.io/${role}`,
);

/** And perhaps taints of these: MetalK8s' bootstrap and infra among them. */
export const TOLERATED_TAINTS = ['control-plane', 'master', 'controlplane', 'etcd', 'bootstrap', 'infra'].map(
  (role) => `node-role.kubernetes.io/${role}`,
);

/** Port of the ingress. Pure. */
export function portOf({ port = CONTROL_PLANE_INGRESS_PORT }: ControlPlaneIngressSpec): number {
  return port;
}

/** The pool that has nodes of the control plane hold some addresses while they serve the ingress. Pure. */
export function ingressPool(spec: ControlPlaneIngressSpec, addresses: readonly string[]): VirtualIpPoolSpec {
  return {
    addresses: [...addresses],
    nodeSelector: { anyLabel: [...CONTROL_PLANE_LABELS] },
    tolerations: TOLERATED_TAINTS.map((key) => ({ key, operator: 'Exists' })),
    healthCheck: spec.healthCheck ?? { httpGet: { scheme: 'HTTPS', port: portOf(spec) } },
  };
}
