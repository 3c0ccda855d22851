import { SANDBOX_IMAGE } from '../cluster/services.ts';
import { applyManifest } from '../environment/pools.ts';
import type { Site } from '../environment/site.ts';
import { INTERFACE } from '../support/netns.ts';

/*
 * A stand-in for kube-vip and its cloud provider, with the names of their objects: it puts given addresses on a node's interface as kube-vip
 * does, and nothing else. Who has an address is not elected, and what the provider writes on a Service is written by whoever uses this.
 */

const NAMESPACE = 'kube-system';
const [PROVIDER, SPEAKER, CONFIG] = ['kube-vip-cloud-provider', 'kube-vip-ds', 'kubevip'];
const NODES_CONFIG = 'kube-vip-stand-in';
const ROLLOUT_SECONDS = 60;

/** Puts the addresses in its node's file on the interface. At its end it takes off those that are not to stay. */
const SCRIPT = `
mine=$(cat "/etc/stand-in/$NODE" 2>/dev/null || :)
for each in $mine; do ip address replace "$each/32" dev ${INTERFACE}; done
end() {
  [ -e "/etc/stand-in/$NODE.leaves" ] || for each in $mine; do ip address del "$each/32" dev ${INTERFACE}; done
  exit 0
}
trap end TERM
while :; do sleep 3600 & wait $!; done
`;

/** What each node has. */
export interface StandInNode {
  readonly node: string;
  readonly addresses: readonly string[];
  /** It leaves its addresses on the interface when it ends, as some versions do (kube-vip's issue 1413). */
  readonly leaves?: true;
}

function workload(
  kind: string,
  name: string,
  spec: object,
  container: object,
  volumes: readonly object[] = [],
): object {
  const labels = { app: name };
  const pod = {
    hostNetwork: true,
    terminationGracePeriodSeconds: 5,
    containers: [{ name, image: SANDBOX_IMAGE, imagePullPolicy: 'IfNotPresent', ...container }],
    volumes,
  };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: NAMESPACE },
    spec: { ...spec, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } },
  };
}

function filesOf({ node, addresses, leaves }: StandInNode): [string, string][] {
  return [[node, addresses.join('\n')], ...(leaves ? ([[`${node}.leaves`, '']] as [string, string][]) : [])];
}

/** The stand-in's objects. Pure. @param config data of the ConfigMap of the cloud provider's pools */
export function standInObjects(config: Readonly<Record<string, string>>, nodes: readonly StandInNode[]): object[] {
  const configMap = (name: string, data: Readonly<Record<string, string>>) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: NAMESPACE },
    data,
  });
  const speaker = {
    args: ['bash', '-c', SCRIPT],
    env: [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
    securityContext: { capabilities: { add: ['NET_ADMIN'] } },
    volumeMounts: [{ name: 'nodes', mountPath: '/etc/stand-in' }],
  };
  return [
    configMap(CONFIG, config),
    configMap(NODES_CONFIG, Object.fromEntries(nodes.flatMap(filesOf))),
    workload('Deployment', PROVIDER, { replicas: 1 }, { args: ['sleep', 'infinity'] }),
    workload('DaemonSet', SPEAKER, {}, speaker, [{ name: 'nodes', configMap: { name: NODES_CONFIG } }]),
  ];
}

/** Installs the stand-in, and waits until its pods run. */
export async function installStandIn(
  site: Site,
  config: Readonly<Record<string, string>>,
  nodes: readonly StandInNode[],
): Promise<void> {
  await applyManifest(site, { apiVersion: 'v1', kind: 'List', items: standInObjects(config, nodes) });
  for (const name of [`deployment/${PROVIDER}`, `daemonset/${SPEAKER}`]) {
    const rollout = ['rollout', 'status', name, '-n', NAMESPACE, `--timeout=${ROLLOUT_SECONDS}s`];
    await site.kubectl(rollout, { timeout: (ROLLOUT_SECONDS + 5) * 1000 });
  }
}

/** What there still is of the stand-in's pods, by name. */
export async function podsOfStandIn(site: Site): Promise<string> {
  return site.kubectl(['get', 'pods', '-n', NAMESPACE, '-l', `app in (${PROVIDER},${SPEAKER})`, '-o', 'name']);
}
