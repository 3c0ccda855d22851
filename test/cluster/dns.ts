import { stringify } from 'yaml';
import type { ImageArchive } from '../../scripts/images.ts';
import { ensureTool } from '../../scripts/tools.ts';
import type { Say } from '../support/print.ts';
import { plainImageArchive } from './plain-image.ts';
import { CLUSTER_DOMAIN, DNS_SERVICE_IP } from './plan.ts';

/** Namespace of the cluster's DNS, and name of its Deployment. */
export const DNS_NAMESPACE = 'kube-system';
export const DNS_NAME = 'coredns';

const IMAGE = 'docker.io/keepalived-ingress-vip/test-coredns:1';
const PORT = 53;
const READY_PORT = 8181;

/** Names of outside are nobody's here: there is no network outside. An answer may be kept for as long as Kubernetes' own set-up has it. */
const COREFILE = `.:${PORT} {
    errors
    health
    ready
    kubernetes ${CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {
        pods insecure
        ttl 30
    }
    cache 30
    loadbalance
}
`;

/** The image of CoreDNS, built when it is asked for the first time (some minutes). */
export async function dnsImage(say: Say): Promise<ImageArchive> {
  const program = await ensureTool('coredns');
  return plainImageArchive({ ref: IMAGE, program, path: '/coredns', args: ['-conf', '/etc/coredns/Corefile'] }, say);
}

/** A cluster's DNS as installers set it up, with one pod (Kubernetes, "Customizing DNS Service"). Gives YAML. */
export function dnsManifest(): string {
  const metadata = { name: DNS_NAME, namespace: DNS_NAMESPACE };
  const labels = { 'k8s-app': 'kube-dns' };
  const cluster = { name: `system:${DNS_NAME}` };
  const read = ['list', 'watch'];
  const container = {
    name: DNS_NAME,
    image: IMAGE,
    imagePullPolicy: 'IfNotPresent',
    resources: { requests: { cpu: '10m', memory: '40Mi' } },
    readinessProbe: { httpGet: { path: '/ready', port: READY_PORT }, periodSeconds: 1 },
    volumeMounts: [{ name: 'config', mountPath: '/etc/coredns', readOnly: true }],
  };
  const pod = {
    serviceAccountName: DNS_NAME,
    priorityClassName: 'system-cluster-critical',
    dnsPolicy: 'Default',
    tolerations: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }],
    containers: [container],
    volumes: [{ name: 'config', configMap: { name: DNS_NAME } }],
  };
  const port = (protocol: string) => ({ name: `dns-${protocol.toLowerCase()}`, port: PORT, protocol });
  const rbac = 'rbac.authorization.k8s.io';
  const objects = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: cluster,
      rules: [
        { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: read },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: cluster,
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', ...cluster },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { Corefile: COREFILE } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...metadata, name: 'kube-dns' },
      spec: { clusterIP: DNS_SERVICE_IP, selector: labels, ports: [port('UDP'), port('TCP')] },
    },
  ];
  return objects.map((object) => stringify(object)).join('---\n');
}
