import { canonicalAddress } from '../../common/addresses.ts';
import { ADDRESSES } from './annotations.ts';
import { ownerKey } from './ledger.ts';
import { type RequestInput, request } from './requests.ts';
import type { Settlement } from './settle.ts';
import type { Asking } from './sharing.ts';
import type { ExternalRefusal, ExternalVerdict, LoadBalancerService, Refusal, ServicesSettings } from './types.ts';
import { externalWishOf, ownerOf } from './wishes.ts';

/*
 * spec.externalIPs: a Service of any type names addresses itself, and kube-proxy serves them on whatever node the packets come to
 * (https://kubernetes.io/docs/concepts/services-networking/service/#external-ips). Those of a pool that lets it have them are placed.
 */

/** Most addresses of the field that are placed: each is a claim, and held by a node. */
export const MOST_EXTERNAL = 64;

/** A Service as it asks by spec.externalIPs; undefined: nothing is placed for it. Pure. */
export function externalAsking(service: LoadBalancerService, settings: ServicesSettings): Asking | undefined {
  const { externalIPs = [] } = service;
  if (settings.externalIPs === 'Off' || externalIPs.length === 0) return undefined;
  const listed = new Set(externalIPs.flatMap((address) => canonicalAddress(address) ?? []));
  const wish = externalWishOf(service, [...listed], settings);
  return { service, owner: { ...ownerOf(service, wish), by: 'ExternalIPs' }, wish };
}

/**
 * Which nodes have an endpoint is said by kube-proxy at the port that Kubernetes gives to type LoadBalancer alone
 * (https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/#ServiceSpec).
 */
function localRefusal({ service: { externalTrafficPolicy, healthCheckNodePort }, wish }: Asking): Refusal | undefined {
  if (externalTrafficPolicy === 'Cluster' || healthCheckNodePort !== undefined) return undefined;
  const fix = `set it to Cluster, or make the Service one of type LoadBalancer with annotation ${ADDRESSES.own}: ${wish.listed.join()}`;
  const message = `with spec.externalTrafficPolicy Local it is known of type LoadBalancer alone which nodes have endpoints; ${fix}`;
  return { reason: 'LocalNotServed', message };
}

/** What is decided by, besides requests. */
interface Placing extends RequestInput {
  readonly settlement: Settlement;
}

function isHad({ ledger }: RequestInput, { owner }: Asking, address: string): boolean {
  return ledger.get(address)?.owners.some(({ uid }) => uid === owner.uid) === true;
}

/** Why it gets nothing new, whatever it names. */
function hindrance({ admission }: RequestInput, { service, wish }: Asking): Refusal | undefined {
  return wish.problem ?? admission.unknownNamespace(service);
}

/** Gives a Service those addresses of spec.externalIPs that it may have. @returns those that it may not */
export function placeExternal(placing: Placing, asking: Asking): ExternalRefusal[] {
  // It keeps what it has until it is gone: nodes serve it so long.
  if (asking.service.metadata.deleting) return [];
  const missing = asking.wish.listed.filter((address) => !isHad(placing, asking, address));
  const room = MOST_EXTERNAL - placing.ledger.of(ownerKey(asking.owner)).length;
  return missing.flatMap((address, index) => {
    const refusal = hindrance(placing, asking) ?? (index < room ? place(placing, asking, address) : tooMany());
    return refusal === undefined ? [] : [{ address, placed: false, refusal }];
  });
}

function tooMany(): Refusal {
  const message = `of one Service at most ${MOST_EXTERNAL} addresses of spec.externalIPs are placed; divide them among several`;
  return { reason: 'InvalidRequest', message };
}

function place(placing: Placing, asking: Asking, address: string): Refusal | undefined {
  const found = request(placing, address, asking);
  if (found.refusal !== undefined) return found.refusal;
  const local = localRefusal(asking);
  if (local === undefined) placing.settlement.give(asking, found.pick);
  return local;
}

/** What would be refused today of what it has. */
function complaints({ ledger, sharers }: Pick<RequestInput, 'ledger' | 'sharers'>, asking: Asking): ExternalRefusal[] {
  return ledger.of(ownerKey(asking.owner)).flatMap((entry) => {
    const refusal = localRefusal(asking) ?? sharers.quarrel(entry, asking);
    return refusal === undefined ? [] : [{ address: entry.address, placed: true, refusal }];
  });
}

/** What is said of each of them. */
export function externalVerdicts(
  input: Pick<RequestInput, 'ledger' | 'sharers'>,
  external: readonly Asking[],
  refused: ReadonlyMap<string, readonly ExternalRefusal[]>,
): ExternalVerdict[] {
  return external.map((asking) => {
    const { service, owner } = asking;
    const addresses = input.ledger.of(ownerKey(owner)).map(({ address }) => address);
    return { service, addresses, refused: [...(refused.get(owner.uid) ?? []), ...complaints(input, asking)] };
  });
}

/** A refusal as it is told. Pure. */
export function externalText({ address, placed, refusal: { message } }: ExternalRefusal): string {
  return placed
    ? `spec.externalIPs: ${address} is placed, but ${message}`
    : `spec.externalIPs: ${address} is not placed: ${message}`;
}
