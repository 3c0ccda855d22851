import type { ServiceAddress } from '../../api/service-address.ts';
import { published } from './published.ts';
import { hasOurs, isAllocated, isParted, isServed } from './serving.ts';
import type { Lack } from './settle.ts';
import type { LoadBalancerService, Refusal, ServiceVerdict } from './types.ts';
import { partingVerdict, verdictOf } from './verdicts.ts';
import type { Work } from './work.ts';

/** By uid: addresses that Services have as load balancers by the claims as they are stored. */
function storedAddresses(claims: readonly ServiceAddress[]): Map<string, string[]> {
  const byOwner = new Map<string, string[]>();
  for (const { spec } of claims) {
    for (const { uid, by } of spec.owners) {
      if (by !== undefined) continue;
      const addresses = byOwner.get(uid);
      if (addresses === undefined) byOwner.set(uid, [spec.address]);
      else addresses.push(spec.address);
    }
  }
  return byOwner;
}

/** What a Service had, or publishes as ours, and has no more. */
function releasedBy(work: Work, service: LoadBalancerService, had: readonly string[]): string[] {
  const { ledger } = work;
  const { namespace, name, uid } = service.metadata;
  const held = ledger.of(uid);
  const isHeld = (address: string) => held.some((entry) => entry.address === address);
  const gone = [...had, ...(isParted(service) ? [] : published(service))].filter((address) => !isHeld(address));
  if (gone.length === 0) return [];
  const allocated = isAllocated(service);
  const isOurs = (address: string) => {
    const retained = ledger.get(address)?.retained;
    return allocated || (retained?.namespace === namespace && retained.name === name);
  };
  return [...new Set(gone)].filter((address) => had.includes(address) || isOurs(address));
}

/** What is said of every Service that is ours, and of those that give something up. */
export function verdictsOf(
  work: Work,
  lacks: ReadonlyMap<string, readonly Lack[]>,
  awaited: ReadonlyMap<string, Refusal>,
): ServiceVerdict[] {
  const { input, ledger, pools, sharers, admission } = work;
  const stored = storedAddresses(input.claims);
  const had = ({ metadata }: LoadBalancerService) => stored.get(metadata.uid) ?? [];
  const served = work.asking.map((asking) => {
    const { service, owner } = asking;
    const held = ledger.of(owner.uid);
    const quarrels = held.flatMap((entry) => sharers.quarrel(entry, asking) ?? []);
    const waitsFor = awaited.get(owner.uid);
    const unknown = held.length === 0 ? admission.unknownNamespace(service) : undefined;
    const released = releasedBy(work, service, had(service));
    return verdictOf(
      { asking, held, lacks: lacks.get(owner.uid) ?? [], quarrel: quarrels[0] ?? waitsFor ?? unknown, released },
      pools,
    );
  });
  const parting = input.services
    .filter((service) => !isServed(service, input.settings))
    .filter((service) => hasOurs(service, had(service).length > 0))
    .map((service) => partingVerdict(service, releasedBy(work, service, had(service))));
  return [...served, ...parting];
}
