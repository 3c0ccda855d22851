import { type AddressOwner, claimName, type ServiceAddress } from '../../../api/service-address.ts';
import { canonicalAddress, type Family, familyOf } from '../../../common/addresses.ts';
import { allocate } from '../allocate.ts';
import type {
  Allocation,
  AllocationInput,
  ClaimChange,
  ExternalVerdict,
  LoadBalancerService,
  ServicePool,
} from '../types.ts';
import { applied, CLASS } from './scenes.ts';
import type { World } from './world.ts';

/*
 * What is promised of addresses, said once more and simply: not by what decides.
 */

const OWN = 'keepalived-ingress-vip.io/';

function must(holds: boolean, promise: string, ...details: readonly unknown[]): void {
  if (!holds) throw new Error(`${promise}: ${JSON.stringify(details)}`);
}

function isServed({ type, loadBalancerClass, metadata }: LoadBalancerService): boolean {
  return type === 'LoadBalancer' && loadBalancerClass === CLASS && !metadata.deleting;
}

function familiesOf({ ipFamilies }: LoadBalancerService): Family[] {
  return ipFamilies.map((family) => (family === 'IPv4' ? 4 : 6));
}

function listedOf({ annotations }: LoadBalancerService): string[] {
  const listed = annotations[`${OWN}addresses`] ?? '';
  return listed.split(',').flatMap((each) => canonicalAddress(each) ?? []);
}

function canBeRead(service: LoadBalancerService): boolean {
  const { annotations } = service;
  const isNonsense = annotations[`${OWN}addresses`] === 'nonsense';
  return !isNonsense && listedOf(service).every((address) => familiesOf(service).includes(familyOf(address)));
}

function wantedOf(service: LoadBalancerService, family: Family): number {
  const listed = listedOf(service).filter((address) => familyOf(address) === family).length;
  return Math.max(listed, Number(service.annotations[`${OWN}addresses-per-family`] ?? 1));
}

function namesOf(claim: ServiceAddress): string[] {
  return claim.spec.owners.map(({ uid }) => uid);
}

/** Those that have an address as load balancers. */
function balancersOf(claim: ServiceAddress): string[] {
  return claim.spec.owners.filter(({ by }) => by === undefined).map(({ uid }) => uid);
}

function isExternal({ externalIPs = [] }: LoadBalancerService, address: string): boolean {
  return externalIPs.includes(address);
}

/** Which addresses of a family a Service has as a load balancer. */
function hadBy(claims: Iterable<ServiceAddress>, uid: string, family: Family): string[] {
  return [...claims]
    .filter((claim) => familyOf(claim.spec.address) === family && balancersOf(claim).includes(uid))
    .map(({ spec }) => spec.address);
}

/** A living Service loses an address only by its own request, and never one that it asks for. */
function ownRequest(world: World, service: LoadBalancerService, address: string): boolean {
  const family = familyOf(address);
  if (!familiesOf(service).includes(family)) return true;
  if (!canBeRead(service) || listedOf(service).includes(address)) return false;
  return hadBy(world.claims.values(), service.metadata.uid, family).length > wantedOf(service, family);
}

/** Whoever lives has after a change what it had, and by what it had it. */
function guardOwner(world: World, change: ClaimChange, address: string, { uid, by }: AddressOwner): void {
  const service = world.services.get(uid);
  const now = change.kind === 'delete' ? undefined : change.spec.owners.find((owner) => owner.uid === uid);
  if (service === undefined || now?.by === by) return;
  const isBalancer = by === undefined && isServed(service);
  must(!isBalancer || ownRequest(world, service, address), 'no living Service is renumbered', service, change);
  must(now !== undefined || !isExternal(service, address), 'what spec.externalIPs has stays', service, change);
}

/** No claim is written that takes an address from who lives, or that is of nobody. */
export function guardClaim(world: World, change: ClaimChange): void {
  const stored = change.kind === 'create' ? undefined : world.claims.get(change.claim.metadata.name);
  for (const owner of stored?.spec.owners ?? []) guardOwner(world, change, stored?.spec.address ?? '', owner);
  if (change.kind === 'delete') return;
  const { address, owners, retained } = change.spec;
  must(canonicalAddress(address) === address, 'addresses are written in one way', change);
  must(owners.length > 0 !== (retained !== undefined), 'an address is somebody’s, or waits for somebody', change);
}

function share({ annotations }: LoadBalancerService): string | undefined {
  return annotations[`${OWN}share`];
}

function clash(a: LoadBalancerService, b: LoadBalancerService): boolean {
  return a.ports.some((one) => b.ports.some((other) => one.port === other.port && one.protocol === other.protocol));
}

/** What a decision gives: to whom, and what was said of the address before. */
interface Gift {
  readonly service: LoadBalancerService;
  readonly address: string;
  readonly before: ServiceAddress | undefined;
  readonly after: ServiceAddress;
  readonly pool: ServicePool | undefined;
}

function giftsOf(input: AllocationInput, after: readonly ServiceAddress[]): Gift[] {
  return after.flatMap((claim) => {
    const before = input.claims.find(({ metadata }) => metadata.name === claim.metadata.name);
    const pool = input.pools.find(({ name }) => name === claim.spec.pool);
    const known = before === undefined ? [] : namesOf(before);
    return namesOf(claim)
      .filter((uid) => !known.includes(uid))
      .flatMap((uid) => {
        const service = input.services.find(({ metadata }) => metadata.uid === uid);
        return service === undefined ? [] : [{ service, address: claim.spec.address, before, after: claim, pool }];
      });
  });
}

function isByField(claim: ServiceAddress, { metadata: { uid } }: LoadBalancerService): boolean {
  return claim.spec.owners.some((owner) => owner.uid === uid && owner.by === 'ExternalIPs');
}

/** By spec.externalIPs a Service has what that says, of a pool that lets it. */
function externalHolds(input: AllocationInput, gift: Gift): void {
  const { service, address, pool, after } = gift;
  if (!isByField(after, service)) return;
  must(isExternal(service, address), 'only what spec.externalIPs has is placed for it', gift);
  must(
    isByField(gift.before ?? after, service) || (pool !== undefined && admits(pool, service)),
    'a pool lets it',
    gift,
  );
  must(pool?.spec.services?.fence === true || !isFenced(input, service), 'no field gets around a fence', gift);
  must(pool?.spec.services?.disabled !== true || isReturned(gift), 'a pool gives nothing new', gift);
}

/** Those that have an address together agreed to, and can be told apart, when the last of them came. */
function sharingHolds(input: AllocationInput, { service, after }: Gift): void {
  for (const uid of namesOf(after)) {
    const other = input.services.find(({ metadata }) => metadata.uid === uid);
    if (other === undefined || other === service) continue;
    const keys = [share(service), share(other)].filter((key) => key !== undefined);
    const byField = isByField(after, service) && isByField(after, other);
    const agreed = keys.length === 2 ? keys[0] === keys[1] : byField;
    must(agreed && !clash(service, other), 'only who agreed to shares an address', service, other);
  }
}

/** Whether the Service says which address it wants. */
function isNamed({ service, address, after }: Gift): boolean {
  return listedOf(service).includes(address) || isByField(after, service);
}

function isAdopted({ service, address }: Gift): boolean {
  return service.ingress.some(({ ip }) => ip === address);
}

/** Whether it was its own before, or that of one whose place it took. */
function isReturned({ before, service: { metadata } }: Gift): boolean {
  const had = [...(before?.spec.owners ?? []), before?.spec.retained];
  return had.some((owner) => owner?.namespace === metadata.namespace && owner.name === metadata.name);
}

function admits(pool: ServicePool, { metadata: { namespace } }: LoadBalancerService): boolean {
  const { namespaces = [namespace] } = pool.spec.services ?? {};
  return !pool.deleting && pool.spec.services !== undefined && namespaces.includes(namespace);
}

/** Whether a fence keeps a Service from all pools but its own. */
function isFenced({ pools }: AllocationInput, { metadata: { namespace } }: LoadBalancerService): boolean {
  return pools.some(
    ({ spec, deleting }) => !deleting && spec.services?.fence === true && spec.services.namespaces?.includes(namespace),
  );
}

/** Whoever gets another address has none waiting. */
function stickyHolds(input: AllocationInput, gift: Gift, after: readonly ServiceAddress[]): void {
  const { service, address } = gift;
  if (isAdopted(gift) || isReturned(gift) || isNamed(gift)) return;
  const wanted = service.annotations[`${OWN}pool`];
  const waiting = after.filter(({ spec }) => {
    const pool = input.pools.find(({ name }) => name === spec.pool);
    return (
      spec.retained?.namespace === service.metadata.namespace &&
      spec.retained.name === service.metadata.name &&
      familyOf(spec.address) === familyOf(address) &&
      pool !== undefined &&
      admits(pool, service) &&
      (wanted === undefined || wanted === pool.name) &&
      (pool.spec.services?.fence === true || !isFenced(input, service)) &&
      !input.unavailable.has(spec.address) &&
      input.claims.some(({ spec: { address: known } }) => known === spec.address)
    );
  });
  // What it gives up in the same decision begins to wait only then.
  const waited = waiting.filter(({ spec }) => {
    const before = input.claims.find(({ spec: { address: known } }) => known === spec.address);
    return before !== undefined && before.spec.retained?.name === service.metadata.name;
  });
  must(waited.length === 0, 'a Service that comes back has its address back', gift, waited);
}

function addressesOf({ ranges }: ServicePool, family: Family): string[] {
  return Array.from({ length: ranges.size(family) }, (_, index) => ranges.at(family, index));
}

/** The pool that gives an address that several have. */
function giverOf({ pools }: AllocationInput, address: string): ServicePool | undefined {
  return pools
    .filter(({ deleting, spec, ranges }) => !deleting && spec.services !== undefined && ranges.has(address))
    .sort((a, b) => a.createdMs - b.createdMs || (a.name < b.name ? -1 : 1))[0];
}

/** What was written by a clock that was ahead counts from now on. */
function beganMs({ nowMs }: AllocationInput, since = ''): number {
  const sinceMs = Date.parse(since);
  return sinceMs > nowMs + 60_000 ? nowMs : sinceMs;
}

/** Whether an address waited long enough by what the pool says that has it when the decision begins. */
function hasEnded(input: AllocationInput, address: string, spec: ServiceAddress['spec'] | undefined): boolean {
  const known = input.pools.find(({ name }) => name === spec?.pool);
  const isOfIt =
    known !== undefined && !known.deleting && known.spec.services !== undefined && known.ranges.has(address);
  const pool = isOfIt ? known : giverOf(input, address);
  const seconds = spec?.retained?.retainSeconds ?? pool?.spec.services?.retainSeconds ?? 86_400;
  return beganMs(input, spec?.retained?.since) + seconds * 1000 <= input.nowMs;
}

/** A stranger gets what waits for another only when nothing is free, and what waited longest. */
function retentionHolds(input: AllocationInput, gift: Gift, after: readonly ServiceAddress[]): void {
  const { before, service, address, pool } = gift;
  const waited = before?.spec.retained;
  if (waited === undefined || pool === undefined || isAdopted(gift) || isNamed(gift)) return;
  if (isReturned(gift)) return;
  if (
    waited.namespace === service.metadata.namespace &&
    waited.sharingKey !== undefined &&
    waited.sharingKey === share(service)
  )
    return;
  if (gift.after.spec.owners[0]?.uid !== service.metadata.uid) return;
  // What is had, published or asked for by name when the decision begins is not free in it.
  const asked = input.services.flatMap((each) => [...listedOf(each), ...(each.externalIPs ?? [])]);
  const published = input.services.flatMap(({ ingress }) => ingress.map(({ ip = '' }) => ip));
  const claimed = new Set([...[...after, ...input.claims].map(({ spec }) => spec.address), ...published, ...asked]);
  const free = addressesOf(pool, familyOf(address)).filter(
    (each) => !claimed.has(each) && !input.unavailable.has(each) && giverOf(input, each)?.name === pool.name,
  );
  const ended = hasEnded(input, address, before?.spec);
  must(ended || free.length === 0, 'what waits for another is not given while something is free', gift, free);
  const longer = after.filter(
    ({ spec }) =>
      spec.retained !== undefined &&
      spec.pool === pool.name &&
      before?.spec.pool === pool.name &&
      familyOf(spec.address) === familyOf(address) &&
      !input.unavailable.has(spec.address) &&
      beganMs(input, spec.retained.since) < beganMs(input, waited.since) &&
      !asked.includes(spec.address) &&
      input.claims.some(
        (known) => known.spec.retained?.since === spec.retained?.since && known.spec.address === spec.address,
      ),
  );
  must(ended || longer.length === 0, 'what waited longest is given first', gift, longer);
}

/** Whether a living Service gives something up, so that the next decision may have more to say. */
function givesUp(input: AllocationInput, { claims, services }: Allocation): boolean {
  const living = new Set(input.services.filter(isServed).map(({ metadata }) => metadata.uid));
  const known = new Set(input.services.map(({ metadata }) => metadata.uid));
  const isElsewhere = services.some(
    ({ service, serves, addresses }) => serves && service.ingress.some(({ ip = '' }) => !addresses.includes(ip)),
  );
  return (
    isElsewhere ||
    claims.some(({ releases }) => releases.some(({ uid, by }) => (by === undefined ? living : known).has(uid)))
  );
}

/** Holds each decision to what is promised. */
export function guardDecision(input: AllocationInput, allocation: Allocation): void {
  const after = applied(input, allocation);
  const gifts = giftsOf(input, after.claims);
  for (const gift of gifts) {
    sharingHolds(input, gift);
    externalHolds(input, gift);
    stickyHolds(input, gift, after.claims);
    retentionHolds(input, gift, after.claims);
  }
  const names = new Set(after.claims.map(({ spec }) => spec.address));
  must(names.size === after.claims.length, 'no address is there twice');
  if (allocation.claims.length === 0) return;
  const again = allocate(after);
  must(
    again.claims.length === 0 || givesUp(input, allocation),
    'a decision that was carried out changes nothing when it is made again',
    allocation.claims,
    again.claims,
  );
  must(
    givesUp(input, allocation) || JSON.stringify(reasons(again)) === JSON.stringify(reasons(allocation)),
    'what is said is the same as long as nothing changes',
    reasons(allocation).filter((each, index) => JSON.stringify(each) !== JSON.stringify(reasons(again)[index])),
    reasons(again).filter((each, index) => JSON.stringify(each) !== JSON.stringify(reasons(allocation)[index])),
  );
}

function reasons({ services }: Allocation): unknown[] {
  return services
    .filter(({ serves }) => serves)
    .map(({ service, addresses, reason, message }) => [service.metadata.uid, addresses, reason, message]);
}

/** Whether a Service goes on to have an address. */
function isOwner(world: World, address: string, { uid, by }: AddressOwner): boolean {
  const service = world.services.get(uid);
  if (service === undefined) return false;
  return by === undefined ? isServed(service) : isExternal(service, address);
}

function restOfClaim(world: World, { metadata, spec }: ServiceAddress): void {
  must(metadata.name === claimName(spec.address), 'a claim is named after its address', spec);
  const alive = spec.owners.every((owner) => isOwner(world, spec.address, owner));
  must(alive, 'an address is of a Service that lives', spec);
  if (spec.owners.length > 0) return;
  const pool = world.pools.get(spec.pool);
  const seconds = spec.retained?.retainSeconds ?? pool?.spec.services?.retainSeconds ?? 86_400;
  const endMs = Date.parse(spec.retained?.since ?? '') + seconds * 1000;
  const isInTime = endMs > world.nowMs && endMs <= world.nowMs + seconds * 1000 + 60_000;
  must(isInTime, 'an address waits for its time', spec);
  must(pool?.ranges.has(spec.address) === true, 'an address waits that its pool has', spec);
}

/** Nothing leaks: what is stored when controllers have nothing left to do. */
export function guardRest(world: World): void {
  for (const claim of world.claims.values()) restOfClaim(world, claim);
  for (const service of world.services.values()) restOf(world, service);
  for (const verdict of allocate(world.view()).external) externalRest(world, verdict);
}

function externalRest(world: World, { service, addresses, refused }: ExternalVerdict): void {
  const { uid } = service.metadata;
  const balanced = [...world.claims.values()].filter((claim) => balancersOf(claim).includes(uid));
  const said = [...addresses, ...refused, ...balanced.map(({ spec }) => spec)].map((each) =>
    typeof each === 'string' ? each : each.address,
  );
  const isSaid = (service.externalIPs ?? []).every((address) => said.includes(address));
  must(isSaid, 'each externalIP is placed, or refused', service);
}

function restOf(world: World, service: LoadBalancerService): void {
  const { uid, finalizers, deleting } = service.metadata;
  if (!isServed(service)) {
    must(!deleting, 'a Service that is deleted goes', service);
    must(service.conditions.length === 0, 'a Service that is not ours has nothing of ours', service);
    return;
  }
  const has = [...world.claims.values()]
    .filter((claim) => balancersOf(claim).includes(uid))
    .map(({ spec }) => spec.address);
  must(has.length === 0 || finalizers.length === 1, 'a Service with an address has the finalizer', service);
  const says = service.ingress.map(({ ip }) => ip);
  const isTold = has.length > 0 || service.conditions.length > 0;
  const isSaid = !isTold || [...has].sort().join() === says.sort().join();
  must(isSaid, 'a Service publishes what it has', service, has);
  for (const family of familiesOf(service)) {
    const count = hadBy(world.claims.values(), uid, family).length;
    must(!canBeRead(service) || count <= wantedOf(service, family), 'a Service has no more than it asks for', service);
  }
}
