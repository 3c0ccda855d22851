import type { ClusterEvent } from '../../kubernetes/cluster-api.ts';
import type { FollowedService } from '../../kubernetes/load-balancer-service.ts';
import { serviceReference } from '../../kubernetes/references.ts';
import type { ClaimChange } from '../../services/types.ts';
import { addressOf, gains } from './claim-changes.ts';

function released({ metadata }: FollowedService, change: ClaimChange): ClusterEvent {
  const address = addressOf(change);
  const isKept = change.kind === 'update' && change.spec.retained !== undefined;
  const note = isKept
    ? `${address} is given up, and kept for a Service of this name`
    : `${address} is given up, and may be given to others`;
  return {
    regarding: serviceReference(metadata),
    type: 'Normal',
    reason: 'AddressReleased',
    action: 'Release',
    note,
  };
}

/** What a load balancer gets is told when its status says so; of spec.externalIPs nothing else tells. */
function placed({ metadata }: FollowedService, change: ClaimChange): ClusterEvent[] {
  const isGained = gains(change).some(({ uid, by }) => uid === metadata.uid && by === 'ExternalIPs');
  if (!isGained || change.kind === 'delete') return [];
  const note = `spec.externalIPs: ${change.spec.address} is placed, as one of pool ${change.spec.pool}`;
  return [
    { regarding: serviceReference(metadata), type: 'Normal', reason: 'AddressAllocated', action: 'Allocate', note },
  ];
}

/** What a Service is told when a claim was written. Pure. */
export function claimNews(service: FollowedService, change: ClaimChange): ClusterEvent[] {
  const { uid } = service.metadata;
  const has = change.kind !== 'delete' && change.spec.owners.some((owner) => owner.uid === uid);
  const isReleased = !has && change.releases.some((owner) => owner.uid === uid);
  return [...placed(service, change), ...(isReleased ? [released(service, change)] : [])];
}
