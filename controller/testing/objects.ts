import type { NodePlanStatus } from '../../api/node-plan.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import type { StoredNodePlan } from '../kubernetes/stored.ts';

/** A pool with addresses, as it is stored. */
export function poolOf(
  name: string,
  addresses: readonly string[],
  changes: Partial<VirtualIpPool> = {},
): VirtualIpPool {
  return {
    metadata: {
      name,
      uid: `uid-${name}`,
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { addresses: [...addresses] },
    ...changes,
  };
}

/** A node's plan, which asks for what the node says that it holds, and nothing else; and what the node says. */
export function nodePlanOf(name: string, status?: NodePlanStatus, plan = 'p1'): StoredNodePlan {
  const addresses = (status?.held ?? []).map(({ address }) => address);
  const instance = { name: 'web-0', pool: 'web', virtualRouterId: 1, rank: 0, addresses };
  return {
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1' },
    spec: { plan, pools: [], instances: addresses.length === 0 ? [] : [instance] },
    ...(status === undefined ? {} : { status }),
  };
}

/** That an address is held since a minute of an hour. */
export function held(address: string, minute = 0): { address: string; since: string } {
  return { address, since: `2026-01-01T00:${String(minute).padStart(2, '0')}:00Z` };
}
