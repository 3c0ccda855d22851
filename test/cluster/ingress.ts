import { stringify } from 'yaml';
import { nginxConf } from '../support/nginx-conf.ts';
import { REAL_TIME_PRIORITY } from '../support/real-time.ts';
import type { Certificate } from './pki.ts';
import { SANDBOX_IMAGE } from './services.ts';

/** Namespace and name of the ingress, which is also the value of its pods' label `app`. */
export const INGRESS_NAMESPACE = 'ingress';
export const INGRESS_NAME = 'ingress';

/** nginx puts the node's name into its answers by itself: on the host's network a pod's host name is the node's. */
const NGINX_CONF = nginxConf(
  '/tmp',
  'worker_processes 1;',
  `  server { listen 80; listen [::]:80; return 200 "$hostname\\n"; }
  server {
    listen 8443 ssl;
    listen [::]:8443 ssl;
    ssl_certificate /etc/ingress-certificate/tls.crt;
    ssl_certificate_key /etc/ingress-certificate/tls.key;
    return 200 "$hostname\\n";
  }
  server { listen 127.0.0.1:10254; location = /healthz { return 200 "ok\\n"; } }`,
);

/**
 * An ingress as ingress-nginx is usually run on bare metal: a DaemonSet on the host's network, traffic on port 80 and, by TLS, on 8443
 * (answered with the node's name), health on 127.0.0.1:10254. A real nginx, without a controller. It has real-time priority, because all nodes share this
 * machine's processors: while a drain starts pods elsewhere, it would otherwise leave requests unanswered that no drain makes wait on
 * nodes with processors of their own. Gives YAML.
 */
export function ingressManifest({ cert, key }: Certificate): string {
  const labels = { app: INGRESS_NAME };
  const metadata = { name: INGRESS_NAME, namespace: INGRESS_NAMESPACE };
  const container = {
    name: 'nginx',
    image: SANDBOX_IMAGE,
    imagePullPolicy: 'IfNotPresent',
    args: ['chrt', '--rr', String(REAL_TIME_PRIORITY), 'nginx', '-e', 'stderr', '-c', '/etc/ingress/nginx.conf'],
    securityContext: { capabilities: { add: ['SYS_NICE'] } },
    readinessProbe: { httpGet: { host: '127.0.0.1', port: 10254, path: '/healthz' }, periodSeconds: 1 },
    // As ingress-nginx' own chart.
    resources: { requests: { cpu: '100m', memory: '90Mi' } },
    volumeMounts: [
      { name: 'config', mountPath: '/etc/ingress' },
      { name: 'certificate', mountPath: '/etc/ingress-certificate' },
    ],
  };
  const pod = {
    hostNetwork: true,
    terminationGracePeriodSeconds: 5,
    tolerations: [{ operator: 'Exists' }],
    priorityClassName: 'system-node-critical',
    containers: [container],
    volumes: [
      { name: 'config', configMap: { name: INGRESS_NAME } },
      { name: 'certificate', secret: { secretName: INGRESS_NAME } },
    ],
  };
  const objects = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: INGRESS_NAMESPACE } },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': cert, 'tls.key': key },
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'nginx.conf': NGINX_CONF } },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata,
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } },
    },
  ];
  return objects.map((object) => stringify(object)).join('---\n');
}
