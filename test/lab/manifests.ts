import type {
  KubernetesObject,
  V1ConfigMap,
  V1Container,
  V1EnvVar,
  V1PodTemplateSpec,
  V1Secret,
  V1Volume,
  V1VolumeProjection,
} from '@kubernetes/client-node';
import { parseAllDocuments, parse as parseYaml } from 'yaml';
import * as z from 'zod';

/**
 * Reads a release as `helm template` renders it: what the lab must start, with which files, arguments and variables.
 * Only what a pod's behaviour depends on is read; where the lab cannot do what a manifest asks, it says so. That the objects are what
 * Kubernetes takes is checked elsewhere, with its own schemas (`npm run check:chart`).
 */

/** DaemonSet or Deployment. */
interface Workload extends KubernetesObject {
  readonly spec: { readonly template: V1PodTemplateSpec };
}

/** The settings that the lab itself looks at; the sidecar's own schema is the strict one. */
const settingsSchema = z.looseObject({
  vrrp: z.looseObject({ addresses: z.array(z.string()).default([]) }),
  controlPlaneLoadBalancing: z
    .looseObject({
      keepalived: z.looseObject({ vrrpInstances: z.array(z.looseObject({ virtualIPs: z.array(z.string()) })) }),
    })
    .optional(),
  server: z.looseObject({ port: z.number() }),
});

/** What a file of a volume contains: text, a field of the pod, or what the cluster gives every pod. */
export type FileContent = string | { readonly field: string } | { readonly cluster: 'token' | 'ca.crt' };

export type VolumeSource =
  | { readonly kind: 'memory' }
  | { readonly kind: 'host'; readonly path: string }
  /** From ConfigMaps, Secrets and projections, by the files' names. */
  | { readonly kind: 'files'; readonly files: Readonly<Record<string, FileContent>> };

export interface VolumeMount {
  readonly volume: string;
  readonly path: string;
  readonly readOnly: boolean;
}

/** A variable with its value, or the field of the pod that has it (`spec.nodeName`). */
export type Variable = { readonly name: string } & ({ readonly value: string } | { readonly field: string });

export interface ReleaseContainer {
  readonly name: string;
  /** Replaces the image's entry point. */
  readonly command: readonly string[] | undefined;
  readonly args: readonly string[];
  readonly env: readonly Variable[];
  readonly mounts: readonly VolumeMount[];
  readonly preStop: readonly string[] | undefined;
  readonly uid: number;
  readonly gid: number;
  /** Capabilities without `CAP_`; `drop: [ALL]` is the only drop that the lab knows. */
  readonly capabilities: readonly string[];
}

/** What the lab needs to know of a rendered release. */
export interface Release {
  /** Name of the DaemonSet or Deployment. */
  readonly workload: string;
  readonly podLabels: Readonly<Record<string, string>>;
  /** In the order in which they start: native sidecars first. */
  readonly containers: readonly ReleaseContainer[];
  readonly volumes: Readonly<Record<string, VolumeSource>>;
  /** The virtual addresses without their prefix lengths, in the order of the settings. */
  readonly addresses: readonly string[];
  /** Where the sidecar answers `/status`, as seen on the node. */
  readonly sidecarUrl: string;
  /** Whether every container gets the service account's files without asking. */
  readonly automountServiceAccount: boolean;
  /** The pod template as text: when it changes, Kubernetes restarts the pods. */
  readonly podTemplate: string;
}

function readObjects(rendered: string): KubernetesObject[] {
  const contents = parseAllDocuments(rendered).map((document) => document.toJS() as KubernetesObject | null);
  return contents.filter((content) => content !== null && content !== undefined);
}

/** The controller of pools is not started: what it would plan, tests do. */
function isController({ metadata }: KubernetesObject): boolean {
  return metadata?.labels?.['app.kubernetes.io/component'] === 'controller';
}

function findWorkload(objects: readonly KubernetesObject[]): Workload {
  const found = objects.filter(
    (object): object is Workload => /^(DaemonSet|Deployment)$/.test(object.kind ?? '') && !isController(object),
  );
  const [workload] = found;
  if (workload === undefined || found.length > 1) {
    throw new Error(`the release has ${found.length} DaemonSets and Deployments instead of one`);
  }
  if (workload.spec.template.spec?.hostNetwork !== true) {
    throw new Error(`${workload.metadata?.name} does not use the host's network: it could not hold an address`);
  }
  return workload;
}

/** Which keys appear, and under which names; all keys when it is not given. */
type Keys = { readonly optional?: boolean; readonly items?: readonly { key: string; path: string }[] };
type ContentByName = Readonly<Record<string, FileContent>>;

/** What is in every namespace of a cluster and in no release. */
const CLUSTER_OBJECTS: Readonly<Record<string, ContentByName>> = {
  'ConfigMap/kube-root-ca.crt': { 'ca.crt': { cluster: 'ca.crt' } },
};

/** The files that Kubernetes mounts into every container unless the pod says no. */
export const SERVICE_ACCOUNT_FILES: ContentByName = {
  'ca.crt': { cluster: 'ca.crt' },
  token: { cluster: 'token' },
  namespace: { field: 'metadata.namespace' },
};

/** The content of a ConfigMap or Secret of the release. */
function readData(
  objects: readonly KubernetesObject[],
  kind: 'ConfigMap' | 'Secret',
  name: string,
): ContentByName | undefined {
  const found = objects.find((object) => object.kind === kind && object.metadata?.name === name);
  if (found === undefined) return CLUSTER_OBJECTS[`${kind}/${name}`];
  const { data = {}, stringData = {} } = found as V1ConfigMap & V1Secret;
  if (kind === 'ConfigMap') return data;
  const decoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()] as const);
  return { ...Object.fromEntries(decoded), ...stringData };
}

function readFiles(
  objects: readonly KubernetesObject[],
  kind: 'ConfigMap' | 'Secret',
  name = '',
  { optional = false, items }: Keys = {},
): ContentByName {
  const content = readData(objects, kind, name) ?? (optional ? {} : undefined);
  if (content === undefined) {
    throw new Error(`the pod wants the ${kind} ${name}, which is not part of the release: the lab has no others`);
  }
  if (items === undefined) return content;
  const picked = items.flatMap(({ key, path }) => {
    const value = content[key];
    return value === undefined ? [] : [[path, value] as const];
  });
  if (picked.length < items.length && !optional) {
    throw new Error(`the pod wants keys of the ${kind} ${name} that it does not have`);
  }
  return Object.fromEntries(picked);
}

function readProjection(objects: readonly KubernetesObject[], source: V1VolumeProjection): ContentByName {
  const { serviceAccountToken, configMap, secret, downwardAPI } = source;
  const fields = (downwardAPI?.items ?? []).map(({ path, fieldRef }) => [path, { field: fieldRef?.fieldPath ?? '' }]);
  return {
    ...(serviceAccountToken === undefined ? {} : { [serviceAccountToken.path]: { cluster: 'token' } as const }),
    ...(configMap === undefined ? {} : readFiles(objects, 'ConfigMap', configMap.name, configMap)),
    ...(secret === undefined ? {} : readFiles(objects, 'Secret', secret.name, secret)),
    ...Object.fromEntries(fields),
  };
}

function readVolume(objects: readonly KubernetesObject[], volume: V1Volume): VolumeSource {
  const { emptyDir, hostPath, configMap, secret, projected } = volume;
  if (emptyDir !== undefined) return { kind: 'memory' };
  if (hostPath !== undefined) return { kind: 'host', path: hostPath.path };
  if (configMap !== undefined) {
    return { kind: 'files', files: readFiles(objects, 'ConfigMap', configMap.name, configMap) };
  }
  if (secret !== undefined) {
    return { kind: 'files', files: readFiles(objects, 'Secret', secret.secretName, secret) };
  }
  if (projected !== undefined) {
    const parts = (projected.sources ?? []).map((source) => readProjection(objects, source));
    return { kind: 'files', files: Object.assign({}, ...parts) as ContentByName };
  }
  throw new Error(`volume ${volume.name} is of a kind that the lab does not know: ${Object.keys(volume).join(', ')}`);
}

function readVariable(container: string, { name, value = '', valueFrom }: V1EnvVar): Variable {
  if (valueFrom === undefined) return { name, value };
  const field = valueFrom.fieldRef?.fieldPath;
  if (field === undefined) {
    throw new Error(`variable ${name} of ${container} comes from something that the lab does not know`);
  }
  return { name, field };
}

/** Always without new privileges and with a read-only root: the lab's containers know nothing laxer. */
function readContainer(raw: V1Container): ReleaseContainer {
  const { runAsUser = 0, runAsGroup = 0, capabilities } = raw.securityContext ?? {};
  if (!capabilities?.drop?.includes('ALL')) {
    throw new Error(`container ${raw.name} does not drop all capabilities: the lab knows no runtime's default set`);
  }
  const mounts = raw.volumeMounts ?? [];
  return {
    name: raw.name,
    command: raw.command,
    args: raw.args ?? [],
    env: (raw.env ?? []).map((variable) => readVariable(raw.name, variable)),
    mounts: mounts.map(({ name, mountPath, readOnly = false }) => ({ volume: name, path: mountPath, readOnly })),
    preStop: raw.lifecycle?.preStop?.exec?.command,
    uid: runAsUser,
    gid: runAsGroup,
    capabilities: capabilities.add ?? [],
  };
}

/** The settings file among the volumes: `config.yaml` of a ConfigMap. */
function readSettings(volumes: Release['volumes']): z.infer<typeof settingsSchema> {
  for (const volume of Object.values(volumes)) {
    const text = volume.kind === 'files' ? volume.files['config.yaml'] : undefined;
    if (typeof text === 'string') {
      return settingsSchema.parse(parseYaml(text));
    }
  }
  throw new Error('the release has no volume with a config.yaml');
}

/** The virtual addresses without their prefix lengths: the node's own, then those of the control plane. */
function addressesOf({ vrrp, controlPlaneLoadBalancing }: z.infer<typeof settingsSchema>): string[] {
  const instances = controlPlaneLoadBalancing?.keepalived.vrrpInstances ?? [];
  const all = [...vrrp.addresses, ...instances.flatMap(({ virtualIPs }) => virtualIPs)];
  return all.map((address) => address.replace(/\/.*$/, ''));
}

/**
 * Reads the output of `helm template`. Pure.
 * @throws Error when it asks for something that the lab cannot do.
 */
export function readRelease(rendered: string): Release {
  const objects = readObjects(rendered);
  const workload = findWorkload(objects);
  const { metadata, spec } = workload.spec.template;
  const sidecars = (spec?.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  const present = (spec?.volumes ?? []).map((volume) => [volume.name, readVolume(objects, volume)] as const);
  const volumes = Object.fromEntries(present);
  const settings = readSettings(volumes);
  return {
    workload: workload.metadata?.name ?? '',
    podLabels: metadata?.labels ?? {},
    containers: [...sidecars, ...(spec?.containers ?? [])].map(readContainer),
    volumes,
    addresses: addressesOf(settings),
    sidecarUrl: `http://127.0.0.1:${settings.server.port}`,
    automountServiceAccount: spec?.automountServiceAccountToken ?? true,
    podTemplate: JSON.stringify(workload.spec.template),
  };
}
