import { stringify } from 'yaml';
import * as z from 'zod';
import { type Release, type Rendered, ValuesError } from './chart.ts';

/** Where the sidecar keeps what outlives its pod; the chart mounts a folder of the node there. */
const STATE = '/var/lib/keepalived-ingress-vip-sidecar';
/**
 * The release's objects that no static pod may name: settings come with the pod, and so does the key that nodes know each other by, where
 * it is given; access to the API comes by a kubeconfig.
 */
const REPLACED_VOLUMES = ['config', 'api-access', 'connections'];
/** What of a pod the API server or the scheduler makes use of. The kubelet would refuse a static pod for some of it, and ignore the rest. */
const NOT_FOR_KUBELETS = [
  'serviceAccountName',
  'automountServiceAccountToken',
  'imagePullSecrets',
  'nodeSelector',
  'affinity',
  'tolerations',
];
/**
 * The classes that every cluster has, and their values
 * (https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/). Nobody translates a class for a kubelet.
 */
const PRIORITIES: ReadonlyMap<unknown, number> = new Map([
  ['system-node-critical', 2_000_001_000],
  ['system-cluster-critical', 2_000_000_000],
]);
/** All containers are asked to end at the same time: the proxy serves until another node has the addresses, which takes less than a second. */
const SERVES_ON = { preStop: { exec: { command: ['sleep', '3'] } } };
/** Volumes that a kubelet mounts without an API server. */
const VOLUMES = ['hostPath', 'emptyDir', 'downwardAPI'];

const volumeSchema = z.looseObject({ name: z.string() });
const containerSchema = z.looseObject({
  name: z.string(),
  restartPolicy: z.string().optional(),
  args: z.array(z.string()).optional(),
  env: z.array(z.looseObject({ name: z.string(), valueFrom: z.looseObject({}).optional() })).default([]),
  envFrom: z.array(z.unknown()).default([]),
  volumeMounts: z.array(volumeSchema).default([]),
});
const workloadSchema = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    template: z.object({
      metadata: z.looseObject({}),
      spec: z.looseObject({
        initContainers: z.array(containerSchema),
        containers: z.array(containerSchema),
        volumes: z.array(volumeSchema),
      }),
    }),
  }),
});
const securitySchema = z.looseObject({ runAsUser: z.number().optional(), runAsGroup: z.number().optional() });
const pathSchema = z.looseObject({ path: z.string() });
type Container = z.infer<typeof containerSchema>;
type Volume = z.infer<typeof volumeSchema>;

function volumeProblems(volumes: readonly Volume[]): string[] {
  return volumes
    .filter((volume) => !VOLUMES.some((kind) => kind in volume))
    .map(({ name }) => {
      if (name === 'auth') {
        return 'keepalived.vrrpVersion is 2, whose password is in a Secret, and a static pod cannot have one; set it to 3';
      }
      if (name === 'service-ca') {
        return 'keepalived.checkServiceCa is an object of the cluster, which a static pod cannot have; leave it out';
      }
      if (name.startsWith('bgp-')) {
        return 'bgp.enabled is true, but a static pod has no ConfigMap with its configuration; set it to false';
      }
      return `pod.extraVolumes: ${name} is an object of the cluster, which a static pod cannot have; give a hostPath, or leave it out`;
    });
}

function environmentProblems(containers: readonly Container[]): string[] {
  const bound = containers.flatMap(({ name, env, envFrom }) => [
    ...env
      .filter(({ valueFrom }) => valueFrom !== undefined && !('fieldRef' in valueFrom))
      .map((each) => [name, each.name]),
    ...(envFrom.length > 0 ? [[name, 'envFrom']] : []),
  ]);
  return bound.map(
    ([container, name]) =>
      `extraEnv of the container ${container}: ${name} comes from an object of the cluster, which a static pod cannot have; give its value`,
  );
}

/** A text that the kubelet takes as it is: `$(NAME)` stands for a variable otherwise. */
function literal(text: string): string {
  return text.replaceAll('$(', () => '$$(');
}

function sidecarOf(
  container: Container,
  { settings, connectionsKey }: Pick<Rendered, 'settings' | 'connectionsKey'>,
  configMap: string,
): Container {
  const args = [
    ...['--config', `${STATE}/config.yaml`],
    ...(container.args ?? []).slice(2),
    ...['--kubeconfig', `${STATE}/kubeconfig`],
    ...['--release-settings', configMap],
  ];
  const key = connectionsKey === '' ? [] : [{ name: 'CONNECTIONS_KEY', value: literal(connectionsKey) }];
  return { ...container, args, env: [...container.env, { name: 'FIRST_SETTINGS', value: literal(settings) }, ...key] };
}

function withoutReplaced<T extends { readonly name: string }>(entries: readonly T[]): T[] {
  return entries.filter(({ name }) => !REPLACED_VOLUMES.includes(name));
}

/**
 * The release's pod as a static one (https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/): the same containers, without
 * anything that an API server would have to give. They start at the same time, and are ended so: the sidecar gives the addresses away on
 * its own SIGTERM. Pure.
 * @returns the pod as YAML
 * @throws {ValuesError} with a sentence for each part of it that a static pod cannot have
 */
export function staticPodOf({ workload, ...given }: Rendered, { namespace }: Pick<Release, 'namespace'>): string {
  const { metadata, spec } = workloadSchema.parse(workload);
  const { initContainers, containers, volumes, ...rest } = spec.template.spec;
  const own = withoutReplaced(volumes);
  const problems = [...volumeProblems(own), ...environmentProblems([...initContainers, ...containers])];
  if (problems.length > 0) throw new ValuesError(problems.map((problem) => `ERROR: ${problem}`).join('\n'));
  const configMap = `${namespace}/${metadata.name}`;
  const staticContainer = (container: Container): unknown => {
    const own = container.name === 'sidecar' ? sidecarOf(container, given, configMap) : container;
    const { envFrom: _envFrom, restartPolicy: _restartPolicy, ...made } = own;
    const more = container.name === 'proxy' ? { lifecycle: SERVES_ON } : {};
    return { ...made, ...more, volumeMounts: withoutReplaced(container.volumeMounts) };
  };
  // What ends before the others begin is left away: who puts a pod on a node also makes its folder.
  const lasting = initContainers.filter(({ restartPolicy }) => restartPolicy !== undefined);
  const kept = Object.entries(rest).filter(([key]) => !NOT_FOR_KUBELETS.includes(key));
  const priority = PRIORITIES.get(rest.priorityClassName);
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...spec.template.metadata, name: metadata.name, namespace },
    spec: {
      ...Object.fromEntries(kept),
      ...(priority === undefined ? {} : { priority }),
      // All at once: a kubelet looks once a second whether the container before has started or ended, and the address would wait for it.
      containers: [...lasting, ...containers].map(staticContainer),
      volumes: own,
    },
  };
  // Kubelets read YAML 1.1, in which `yes` is no text.
  const text = stringify(pod, { lineWidth: 0, version: '1.1', aliasDuplicateObjects: false });
  return `# Before, on each node: ${folderCommand(own, lasting)}\n${text}`;
}

/** Makes the folder of the node, as the user of the sidecar's container. */
function folderCommand(volumes: readonly Volume[], containers: readonly Container[]): string {
  const volume = volumes.find(({ name }) => name === 'sidecar-state');
  const sidecar = containers.find(({ name }) => name === 'sidecar');
  const { runAsUser = 65_532, runAsGroup = 65_532 } = securitySchema.parse(sidecar?.securityContext ?? {});
  return `install -d -o ${runAsUser} -g ${runAsGroup} ${pathSchema.parse(volume?.hostPath).path}`;
}
