import type { PodAccess } from '../../common/kubernetes-access.ts';
import { createProbe } from '../probes/create-probe.ts';
import { endpointOf } from '../probes/endpoint.ts';
import { KubernetesApiProbe } from '../probes/kubernetes-api.ts';
import type { Probe } from '../probes/types.ts';
import type { CheckSpec } from './check-spec.ts';
import { HeldEndpoint } from './held-endpoint.ts';
import { RunningCheck, type RunningCheckDependencies } from './running-check.ts';

/** What is the same for every check of a node. */
export interface CheckOptions {
  readonly kubeApi: PodAccess;
  readonly userAgent: string;
}

/** What a spec becomes. */
export type RunningSpec = RunningCheck | HeldEndpoint;

type Spec<K extends CheckSpec['kind']> = CheckSpec & { readonly kind: K };

/** Makes the check that a spec asks for; it does nothing before it is started. */
export function createCheck(
  spec: CheckSpec,
  options: CheckOptions,
  dependencies: Omit<RunningCheckDependencies, 'probe'>,
): RunningSpec {
  switch (spec.kind) {
    case 'service':
      return createServiceCheck(spec, options, dependencies);
    case 'kubelet':
      return new RunningCheck({ timing: spec.settings }, { ...dependencies, probe: kubeletProbe(spec, options) });
    case 'kubeApi':
      return new RunningCheck({ timing: spec.settings }, { ...dependencies, probe: kubeApiProbe(spec, options) });
    case 'apiServer':
      return new RunningCheck({ timing: spec.timing }, { ...dependencies, probe: apiServerProbe(spec, options) });
    case 'localEndpoints':
      return createLocalEndpointsCheck(spec, options, dependencies);
    case 'heldEndpoint':
      return new HeldEndpoint({ host: spec.address, port: spec.port }, dependencies);
  }
}

/**
 * The check of a service: its URL, and held connections to its port and to the traffic ports. A port that refuses two connections in a
 * row counts as a failed service at once, by the kernel's word and without waiting for the probe, which is asked as well.
 */
function createServiceCheck(
  { settings, ca }: Spec<'service'>,
  { userAgent }: CheckOptions,
  dependencies: Omit<RunningCheckDependencies, 'probe'>,
): RunningCheck {
  const { url, timeoutSeconds, expectedStatuses, host, tripwire } = settings;
  const { host: watchedHost, port } = endpointOf(url);
  const ports = new Set([...(tripwire.enabled ? [port] : []), ...tripwire.ports]);
  return new RunningCheck(
    { timing: settings, refusedIsFinal: true, tripwires: { host: watchedHost, ports } },
    { ...dependencies, probe: createProbe({ url, timeoutSeconds, expectedStatuses, host, ca, userAgent }) },
  );
}

/**
 * The check whether the node has a ready endpoint. kube-proxy refuses while it opens the port anew, so that a refusal is asked again; a
 * first answer that does not come is none, for a node must be able to hold the address where no other can.
 */
function createLocalEndpointsCheck(
  { url, timing }: Spec<'localEndpoints'>,
  { userAgent }: CheckOptions,
  dependencies: Omit<RunningCheckDependencies, 'probe'>,
): RunningCheck {
  const { timeoutSeconds } = timing;
  return new RunningCheck(
    { timing, refusedIsFinal: true, silenceFails: true },
    {
      ...dependencies,
      probe: createProbe({ url, timeoutSeconds, expectedStatuses: [200], host: '', ca: undefined, userAgent }),
    },
  );
}

function kubeletProbe({ settings: { url, timeoutSeconds } }: Spec<'kubelet'>, { userAgent }: CheckOptions): Probe {
  return createProbe({ url, timeoutSeconds, expectedStatuses: [200], host: '', ca: undefined, userAgent });
}

function kubeApiProbe(
  { settings: { url, timeoutSeconds } }: Spec<'kubeApi'>,
  { kubeApi, userAgent }: CheckOptions,
): Probe {
  const target = url !== '' ? url : `${kubeApi.url ?? 'https://kubernetes.default.svc'}/readyz`;
  return new KubernetesApiProbe({ ...kubeApi, url: target, timeoutSeconds, userAgent });
}

function apiServerProbe(
  { url, name, timing: { timeoutSeconds } }: Spec<'apiServer'>,
  { kubeApi, userAgent }: CheckOptions,
): Probe {
  return new KubernetesApiProbe({ ...kubeApi, url, host: name, timeoutSeconds, userAgent });
}
