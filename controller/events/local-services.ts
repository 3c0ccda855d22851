import type { AddressOwner, ServiceAddress } from '../../api/service-address.ts';
import type { ClusterEvent } from '../kubernetes/cluster-api.ts';
import { serviceReference } from '../kubernetes/references.ts';
import type { Plan } from '../plan/types.ts';

/** A Service, by what Events name it. */
interface Named {
  readonly metadata: AddressOwner;
}

/** What of the cluster tells what is wrong. */
interface KnownFaults {
  readonly claims: readonly ServiceAddress[];
  /** Services to whose endpoints no connection can be held, though that is asked for. */
  readonly local: { readonly unprobed: readonly Named[] };
}

/** Why a Service's address is at no node although the Service has it. */
export const TOO_MANY_LOCAL = 'TooManyLocalServices';

/**
 * Addresses that get no VRRP instance because there are more Services with externalTrafficPolicy Local than router ids, each in canonical
 * form with a sentence on what to do. Pure.
 */
export function withoutInstance({ demands }: Pick<Plan, 'demands'>): Map<string, string> {
  const local = [...demands.values()].filter(({ name, pool, everywhere }) => name !== pool && everywhere !== true);
  const left = local.flatMap(({ addresses }) => addresses.filter(({ slot }) => slot === undefined));
  return new Map(
    left.map(({ address }) => [
      address,
      `no VRRP router id is free for ${address}, so that no node has it: with externalTrafficPolicy Local every selector takes one; set it to Cluster, let Services have one selector, or, where fewer than 255 ids are in use, widen controller.virtualRouterIds or set services.multicastGroup`,
    ]),
  );
}

/** Why no connections are held to a Service's endpoints although that is asked for. */
export const NOTHING_TO_HOLD = 'NothingToHold';

const NO_TCP =
  'it has no TCP port, so that no connection can be held to its endpoints: where they are is known by the health check of kube-proxy alone; set the annotation keepalived-ingress-vip.io/probe to tcp:<a TCP port of the pods>, or do not ask for it';

function unprobedFaults(unprobed: readonly Named[]): [string, ClusterEvent][] {
  return unprobed.map(({ metadata: { namespace, name, uid } }) => {
    const regarding = serviceReference({ namespace, name, uid });
    const event = { regarding, type: 'Warning', reason: NOTHING_TO_HOLD, action: 'Probe', note: NO_TCP } as const;
    return [`${uid} ${NOTHING_TO_HOLD}`, event];
  });
}

/** What is wrong with Services' addresses, each thing under the key by which it is announced once. Pure. */
export function serviceFaults(
  plan: Pick<Plan, 'demands'> | undefined,
  { claims, local: { unprobed } }: KnownFaults,
): Map<string, ClusterEvent> {
  const faults = new Map<string, ClusterEvent>();
  if (plan === undefined) return faults;
  for (const [key, event] of unprobedFaults(unprobed)) faults.set(key, event);
  const without = withoutInstance(plan);
  for (const { spec } of claims) {
    const note = without.get(spec.address);
    if (note === undefined) continue;
    for (const owner of spec.owners) {
      const regarding = serviceReference(owner);
      faults.set(`${owner.uid} ${spec.address}`, {
        ...{ regarding, type: 'Warning', reason: TOO_MANY_LOCAL, action: 'Plan', note },
      });
    }
  }
  return faults;
}
