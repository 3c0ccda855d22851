import type { Condition } from '../../api/conditions.ts';
import { CONTROL_PLANE_INGRESS_POOL } from '../../api/control-plane-ingress.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import type { Progress } from './decide.ts';

/*
 * What is said of an ingress. Conditions and reasons are those of MetalK8s' operator
 * (operator/pkg/controller/clusterconfig/controlplane/ingress.go), `Ready` and the reason AddressChanging are ours.
 */

/** One thing that is said. */
export interface IngressVerdict {
  readonly type: string;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

/** What becomes of the pool. */
export type PoolWork =
  | { readonly kind: 'none' }
  | { readonly kind: 'Creation' | 'Update' | 'Deletion' }
  /** Why the pool is not as it should be. */
  | { readonly kind: 'failed'; readonly why: string };

/** What verdicts are made of. */
export interface VerdictInput {
  readonly progress: Progress;
  /** Why the Service does not have its addresses; undefined: it has, or there is none. */
  readonly serviceProblem: string | undefined;
  /** The pool as it is stored. */
  readonly pool: VirtualIpPool | undefined;
  readonly work: PoolWork;
}

type Said = Omit<IngressVerdict, 'type'>;

const NO_VIP: Said = { status: 'False', reason: 'NoVIP', message: 'Nothing to do, no Virtual IP to setup' };
const POOL = `The VirtualIPPool ${CONTROL_PLANE_INGRESS_POOL}`;

function poolConfigured({ progress, work }: VerdictInput): Said {
  if (work.kind === 'failed') return { status: 'Unknown', reason: 'ObjectUpdateError', message: work.why };
  if (work.kind !== 'none') {
    const message = `${work.kind} of the VirtualIPPool ${CONTROL_PLANE_INGRESS_POOL} in progress`;
    return { status: 'False', reason: 'ObjectUpdateInProgress', message };
  }
  if (progress.pool === undefined) return NO_VIP;
  return { status: 'True', reason: 'Configured', message: 'All objects properly configured' };
}

function poolReady({ progress, pool, work }: VerdictInput): Said {
  if (progress.pool === undefined) return NO_VIP;
  if (pool === undefined) return { status: 'False', reason: 'PoolNotCreated', message: `${POOL} does not exist yet` };
  const ready = pool.status?.conditions?.find(({ type }) => type === 'Ready');
  if (work.kind !== 'none' || (ready !== undefined && ready.observedGeneration !== pool.metadata.generation)) {
    const message = `The latest changes on the VirtualIPPool ${CONTROL_PLANE_INGRESS_POOL} are not yet applied`;
    return { status: 'False', reason: 'PoolNotUpToDate', message };
  }
  if (ready === undefined) return { status: 'Unknown', reason: 'PoolNotReady', message: `${POOL} is not yet Ready` };
  if (ready.status === 'True') {
    return { status: 'True', reason: 'Ready', message: 'The Control Plane Ingress Virtual IP is Ready' };
  }
  const message = `${POOL} is not yet Ready: Reason: ${ready.reason}, Message: ${ready.message}`;
  return { status: ready.status, reason: 'PoolNotReady', message };
}

function configured({ progress, serviceProblem }: VerdictInput, pool: Said): Said {
  const { wanted, waiting, ip, endpoint } = progress;
  if ('reason' in wanted) return { status: 'Unknown', ...wanted };
  if (serviceProblem !== undefined) return { status: 'Unknown', reason: 'ObjectUpdateError', message: serviceProblem };
  if (pool.reason === 'ObjectUpdateError' || pool.reason === 'ObjectUpdateInProgress') return pool;
  if (waiting !== undefined) {
    const stays = ip === undefined ? '' : `; until then ${ip} stays`;
    return { status: 'False', reason: 'AddressChanging', message: `${waiting}${stays}` };
  }
  return { status: 'True', reason: 'Configured', message: `All objects properly configured: ${endpoint}` };
}

function all(verdicts: readonly Said[]): Said {
  const failing = verdicts.find(({ status, reason }) => status !== 'True' && reason !== 'NoVIP');
  return failing ?? { status: 'True', reason: 'AllWell', message: 'the address that is asked for is in force' };
}

/** Says what there is to say. Pure. */
export function verdictsOf(input: VerdictInput): IngressVerdict[] {
  const pool = poolConfigured(input);
  const ready = poolReady(input);
  const whole = configured(input, pool);
  return [
    { type: 'ControlPlaneIngressConfigured', ...whole },
    { type: 'ControlPlaneIngressVirtualIPConfigured', ...pool },
    { type: 'ControlPlaneIngressVirtualIPReady', ...ready },
    { type: 'Ready', ...all([whole, pool, ready]) },
  ];
}
