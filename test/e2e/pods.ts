import { type InstallOptions, NAMESPACE, RELEASE } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';

/** A pod of a release, as the API server tells of it. */
export interface ReleasePod {
  readonly name: string;
  readonly uid: string;
  /** Undefined while no node was found for it. */
  readonly node: string | undefined;
  readonly phase: string;
  readonly ready: boolean;
  /** Restarts of all its containers together. */
  readonly restarts: number;
  /** Why no node was found, e.g. `Unschedulable`. */
  readonly unscheduled: string | undefined;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}

interface ContainerStatus {
  readonly restartCount: number;
}

interface PodObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly Condition[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

/** The part of the sidecar's `/status` that the tests look at; docs/operations.md describes it. */
export interface SidecarStatus {
  readonly node: string;
  readonly holder: boolean;
  readonly holderSince: string;
  readonly addresses: readonly { readonly address: string; readonly interface: string; readonly present: boolean }[];
  readonly fitness: { readonly draining: boolean };
  readonly checks: Readonly<
    Record<
      'service' | 'kubelet' | 'kubeApi',
      {
        readonly enabled: boolean;
        readonly target: string;
        readonly healthy: boolean;
        readonly intervalSeconds: number;
        readonly failureThreshold: number;
      }
    >
  >;
  /** Only where there are addresses of the control plane. */
  readonly controlPlane?: {
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly message: string }[];
    readonly instances: readonly { readonly name: string; readonly holder: boolean }[];
  };
  readonly config: { readonly version: string; readonly loadedAt: string; readonly rejected: unknown };
  readonly keepalived: { readonly pid: number };
}

const DEFAULT_PORT = 10270;

function podOf({ metadata, spec, status }: PodObject): ReleasePod {
  const condition = (type: string) => status.conditions?.find((each) => each.type === type);
  const scheduled = condition('PodScheduled');
  return {
    name: metadata.name,
    uid: metadata.uid,
    node: spec.nodeName,
    phase: status.phase,
    ready: condition('Ready')?.status === 'True',
    restarts: [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].reduce(
      (sum, { restartCount }) => sum + restartCount,
      0,
    ),
    unscheduled: scheduled?.status === 'False' ? scheduled.reason : undefined,
  };
}

/** The pods of a release, ordered by name. */
export async function releasePods(site: Site, options: InstallOptions = {}): Promise<ReleasePod[]> {
  const { release = RELEASE, namespace = NAMESPACE } = options;
  const selector = `app.kubernetes.io/instance=${release},app.kubernetes.io/component=node`;
  const list = await site.kubectl(['get', 'pods', '-n', namespace, '-l', selector, '-o', 'json']);
  return (JSON.parse(list) as { readonly items: readonly PodObject[] }).items
    .map(podOf)
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

/** What the sidecar of a pod tells of itself. @param port of its status server */
export async function sidecarStatus(
  site: Site,
  pod: string,
  { namespace = NAMESPACE, port = DEFAULT_PORT }: { readonly namespace?: string; readonly port?: number } = {},
): Promise<SidecarStatus> {
  const ask = ['curl', '--silent', '--show-error', '--max-time', '20', `http://127.0.0.1:${port}/status`];
  return JSON.parse(await site.kubectl(['exec', '-n', namespace, pod, '-c', 'keepalived', '--', ...ask]));
}
