import { SERVICES_DEFAULTS } from '../../api/defaults.ts';
import type { PoolServices } from '../../api/pool-services.ts';
import { PROBE } from './annotations.ts';
import type { LoadBalancerService } from './types.ts';

/** That connections are to be held to a Service's endpoints. */
export interface ProbeWish {
  /** Port of the pods; absent: the first TCP port that the Service sends to. */
  readonly port?: number;
}

/** What the annotation says; undefined: nothing. */
export type ReadProbe = ProbeWish | { readonly problem: string } | undefined;

const HIGHEST_PORT = 65_535;

/** Reads the annotation by which a Service asks for held connections. Pure. */
export function readProbe({ annotations }: Pick<LoadBalancerService, 'annotations'>): ReadProbe {
  const value = annotations[PROBE]?.trim() ?? '';
  if (value === '') return undefined;
  if (value === 'tcp') return {};
  const port = /^tcp:([0-9]{1,5})$/.exec(value)?.[1];
  if (port !== undefined && Number(port) >= 1 && Number(port) <= HIGHEST_PORT) return { port: Number(port) };
  const problem = `annotation ${PROBE}: "${value}" is neither tcp nor tcp:<port of the pods>: connections are held, and what a pod answers is for its readinessProbe to judge`;
  return { problem };
}

/** How nodes know whether they have an endpoint of a Service. */
export type EndpointHealth =
  | { readonly kind: 'Always' }
  | { readonly kind: 'Endpoints' }
  | ({ readonly kind: 'Probe' } & ProbeWish);

/** By what the Service says, else by what its pool does. Pure. */
export function endpointHealth(service: LoadBalancerService, pool: PoolServices | undefined): EndpointHealth {
  const wish = readProbe(service);
  if (wish !== undefined && !('problem' in wish)) return { kind: 'Probe', ...wish };
  return { kind: pool?.health ?? SERVICES_DEFAULTS.health };
}

/** Whether there is anything that a connection can be held to. Pure. */
export function canHold({ ports }: LoadBalancerService, { port }: ProbeWish): boolean {
  return port !== undefined || ports.some(({ protocol }) => protocol === 'TCP');
}
