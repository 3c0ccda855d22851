import { SANDBOX_IMAGE } from '../cluster/services.ts';
import { applyManifest } from '../environment/pools.ts';
import { nginxConf } from '../support/nginx-conf.ts';
import { REAL_TIME_PRIORITY } from '../support/real-time.ts';
import { site } from './here.ts';

/** A pod that is to end serves so long, while endpoints and addresses follow. */
const PRE_STOP_SECONDS = 3;

/** Answers with the address that it sees the client at. */
const CONF = nginxConf(
  '/tmp',
  'worker_processes 1;',
  '  server { listen 8080; return 200 "$remote_addr\\n"; }\n  server { listen 8081; return 200 "ok\\n"; }',
);

/** What runs in such a pod, of whatever kind it is. Of real-time priority, as the ingress is: what else runs here would let clients wait. */
export function echoPodSpec(): object {
  return {
    terminationGracePeriodSeconds: 2 * PRE_STOP_SECONDS,
    containers: [
      {
        name: 'nginx',
        image: SANDBOX_IMAGE,
        imagePullPolicy: 'IfNotPresent',
        args: ['chrt', '--rr', String(REAL_TIME_PRIORITY), 'nginx', '-e', 'stderr', '-c', '/etc/echo/nginx.conf'],
        securityContext: { capabilities: { add: ['SYS_NICE'] } },
        readinessProbe: { httpGet: { port: 8081, path: '/' }, periodSeconds: 1 },
        lifecycle: { preStop: { sleep: { seconds: PRE_STOP_SECONDS } } },
        volumeMounts: [{ name: 'config', mountPath: '/etc/echo' }],
      },
    ],
    volumes: [{ name: 'config', configMap: { name: 'echo' } }],
  };
}

function podOn(node: string, namespace: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `echo-${node}`, namespace, labels: { app: 'echo' } },
    spec: { nodeName: node, ...echoPodSpec() },
  };
}

/** Makes a namespace for pods that answer with the address of the client. */
export async function createEchoNamespace(namespace: string): Promise<void> {
  await site.kubectl(['create', 'namespace', namespace]);
  const metadata = { name: 'echo', namespace };
  await applyManifest(site, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'nginx.conf': CONF } });
}

/** Removes such a pod at once, as if its node had gone. */
export async function removeEcho(node: string, namespace: string): Promise<void> {
  const now = ['--force', '--grace-period=0', '--wait=true', '--timeout=60s'];
  await site.kubectl(['delete', 'pod', `echo-${node}`, '-n', namespace, ...now], { timeout: 70_000 });
}

/** Makes such a pod on a node, labelled `app: echo`, and waits until it is ready. */
export async function createEcho(node: string, namespace: string): Promise<void> {
  await applyManifest(site, podOn(node, namespace));
  const args = ['wait', 'pod', `echo-${node}`, '-n', namespace, '--for=condition=Ready', '--timeout=60s'];
  await site.kubectl(args, { timeout: 70_000 });
}
