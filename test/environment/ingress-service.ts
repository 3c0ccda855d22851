import type { HostPlan } from '../cluster/plan.ts';

/** What a Service of the ingress is. */
export interface IngressService {
  readonly name: string;
  readonly namespace: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Without its ports. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** By default 80. */
  readonly port?: number;
}

const INGRESS_PORT = 80;

/** A Service of the ingress on some nodes, which answers with the node's name, and its endpoints. Pure. */
export function ingressService(
  nodes: readonly Pick<HostPlan, 'name' | 'ipv4'>[],
  { name, namespace, annotations = {}, spec, port = INGRESS_PORT }: IngressService,
): object[] {
  const ports = [{ name: 'http', port: INGRESS_PORT, protocol: 'TCP' }];
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace, annotations },
      spec: { ...spec, ports: [{ name: 'http', port, targetPort: INGRESS_PORT, protocol: 'TCP' }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports,
      endpoints: nodes.map(({ name: nodeName, ipv4 }) => ({ addresses: [ipv4], nodeName })),
    },
  ];
}
