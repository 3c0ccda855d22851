import type { PoolServices } from '../../api/pool-services.ts';
import { PRIORITY_LIMITS } from '../../api/pool-services.ts';
import type { VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';
import { selects } from '../labels.ts';
import { labelsOf, listOf, type ManifestObject, mapOf, textsOf } from './documents.ts';
import { readRanges, type TranslatedPool, type Translation } from './pool.ts';
import { endsOfOctets } from './ranges.ts';
import { oneSelector } from './selectors.ts';

/*
 * MetalLB's pools and layer-2 advertisements (https://metallb.io/apis/), and what they are here.
 */

const GROUP = 'metallb.io/';
/** What says how addresses are announced by BGP. */
const OF_BGP: ReadonlySet<string> = new Set(['BGPAdvertisement', 'BGPPeer', 'BFDProfile', 'Community']);

/** Whether an object is MetalLB's. Pure. */
export function isMetalLb({ apiVersion }: ManifestObject): boolean {
  return apiVersion.startsWith(GROUP);
}

function specOf({ content }: ManifestObject): Readonly<Record<string, unknown>> {
  return mapOf(content.spec);
}

function titleOf({ kind, name }: ManifestObject): string {
  return `${kind} ${name}`;
}

/** A part of a pool, and what could not be said in it. */
interface Part<T> {
  readonly part: T;
  readonly warnings: readonly string[];
}

/** Without a number a pool comes last there. */
function priorityOf(
  { priority }: Readonly<Record<string, unknown>>,
  hasOrder: boolean,
): Pick<PoolServices, 'priority'> {
  if (typeof priority === 'number' && priority > 0) return { priority };
  return hasOrder ? { priority: PRIORITY_LIMITS.most } : {};
}

function servicesOf(pool: ManifestObject, hasOrder: boolean): Part<PoolServices> {
  const { autoAssign, serviceAllocation } = specOf(pool);
  const allocation = mapOf(serviceAllocation);
  const namespaces = textsOf(allocation.namespaces);
  const [ofNamespaces, ofServices] = [
    oneSelector(allocation.namespaceSelectors),
    oneSelector(allocation.serviceSelectors),
  ];
  // There one of the two suffices, here both must match.
  const both = namespaces.length > 0 && ofNamespaces.selector !== undefined;
  const what = `${titleOf(pool)}: spec.serviceAllocation`;
  const warnings = [
    ...(both
      ? [
          `${what}.namespaceSelectors is left out, since here namespaces and selector must both match; add its namespaces to spec.services.namespaces`,
        ]
      : []),
    ...(ofNamespaces.isNarrower && !both
      ? [`${what}.namespaceSelectors: only the first is taken; name the others in its matchExpressions`]
      : []),
    ...(ofServices.isNarrower
      ? [`${what}.serviceSelectors: only the first is taken; name the others in its matchExpressions`]
      : []),
  ];
  const part: PoolServices = {
    ...(autoAssign === false ? { autoAssign } : {}),
    ...priorityOf(allocation, hasOrder),
    ...(namespaces.length === 0 ? {} : { namespaces }),
    ...(ofNamespaces.selector === undefined || both ? {} : { namespaceSelector: ofNamespaces.selector }),
    ...(ofServices.selector === undefined ? {} : { serviceSelector: ofServices.selector }),
    // By one key Services of all namespaces share there.
    sharing: 'AnyNamespace',
  };
  return { part, warnings };
}

/** What no router that filters .0 and .255 is to get. */
function excludedOf(pool: ManifestObject, ranges: NonNullable<VirtualIpPoolSpec['ranges']>): Part<readonly string[]> {
  if (specOf(pool).avoidBuggyIPs !== true) return { part: [], warnings: [] };
  const ends = endsOfOctets(ranges);
  if (ends !== undefined) return { part: ends, warnings: [] };
  const warning = `${titleOf(pool)}: spec.avoidBuggyIPs is left out, for more addresses end in .0 and .255 than spec.exclude takes; divide the pool`;
  return { part: [], warnings: [warning] };
}

/** Whether an advertisement is of a pool: without a choice it is of all. */
function isOf(advertisement: ManifestObject, pool: ManifestObject): boolean {
  const { ipAddressPools, ipAddressPoolSelectors } = specOf(advertisement);
  const [names, selectors] = [textsOf(ipAddressPools), listOf(ipAddressPoolSelectors)];
  if (names.length === 0 && selectors.length === 0) return true;
  return names.includes(pool.name) || selectors.some((selector) => selects(mapOf(selector), pool.labels));
}

function nodesOf(advertisement: ManifestObject): Part<Pick<VirtualIpPoolSpec, 'nodeSelector'>> {
  const selectors = listOf(specOf(advertisement).nodeSelectors).map(mapOf);
  const [first = {}] = selectors;
  const labels = labelsOf(first.matchLabels);
  const isPlain = listOf(first.matchExpressions).length === 0 && selectors.length === 1;
  if (selectors.length === 0) return { part: {}, warnings: [] };
  if (isPlain) return { part: { nodeSelector: labels }, warnings: [] };
  const warning = `${titleOf(advertisement)}: spec.nodeSelectors is left out, since spec.nodeSelector of a pool takes one set of labels; give the nodes a label of their own, and select it`;
  return { part: {}, warnings: [warning] };
}

function interfaceOf(advertisement: ManifestObject): Part<Pick<VirtualIpPoolSpec, 'interface'>> {
  const [first, ...more] = textsOf(specOf(advertisement).interfaces);
  if (first === undefined) return { part: {}, warnings: [] };
  if (more.length === 0) return { part: { interface: first }, warnings: [] };
  const warning = `${titleOf(advertisement)}: spec.interfaces is left out, since an address is on one interface; the one whose subnet has it is taken, unless spec.interface of the pool names another`;
  return { part: {}, warnings: [warning] };
}

function placeOf(pool: ManifestObject, advertisements: readonly ManifestObject[]): Part<Partial<VirtualIpPoolSpec>> {
  const own = advertisements.filter((advertisement) => isOf(advertisement, pool));
  const [only, ...more] = own;
  if (only === undefined) {
    const warning = `${titleOf(pool)}: no L2Advertisement is of it, so that it was announced by BGP or not at all; its addresses are held by one node each here`;
    return { part: {}, warnings: [warning] };
  }
  if (more.length > 0) {
    const warning = `${titleOf(pool)}: several L2Advertisements are of it; their nodes and interfaces are left out, see spec.nodeSelector and spec.interface`;
    return { part: {}, warnings: [warning] };
  }
  const [nodes, on] = [nodesOf(only), interfaceOf(only)];
  return { part: { ...nodes.part, ...on.part }, warnings: [...nodes.warnings, ...on.warnings] };
}

function poolOf(
  pool: ManifestObject,
  advertisements: readonly ManifestObject[],
  hasOrder: boolean,
): Part<TranslatedPool> {
  const { ranges, warnings } = readRanges(textsOf(specOf(pool).addresses), `${titleOf(pool)}: spec.addresses`);
  const [services, excluded, place] = [
    servicesOf(pool, hasOrder),
    excludedOf(pool, ranges),
    placeOf(pool, advertisements),
  ];
  const spec: VirtualIpPoolSpec = {
    ranges,
    ...(excluded.part.length === 0 ? {} : { exclude: [...excluded.part] }),
    // All of a subnet is given there: a Service may have its first or last address.
    avoidNetworkAndBroadcast: false,
    services: services.part,
    ...place.part,
  };
  const all = [...warnings, ...services.warnings, ...excluded.warnings, ...place.warnings];
  return { part: { name: pool.name, spec }, warnings: all };
}

function hasPriority(pool: ManifestObject): boolean {
  return Number(mapOf(specOf(pool).serviceAllocation).priority ?? 0) > 0;
}

/** Makes pools of MetalLB's objects. Pure. */
export function fromMetalLb(objects: readonly ManifestObject[]): Translation {
  const pools = objects.filter(({ kind }) => kind === 'IPAddressPool');
  const advertisements = objects.filter(({ kind }) => kind === 'L2Advertisement');
  const hasOrder = pools.some(hasPriority);
  const made = pools.map((pool) => poolOf(pool, advertisements, hasOrder));
  const others = objects.filter((object) => !pools.includes(object) && !advertisements.includes(object));
  const left = others.map((object) =>
    OF_BGP.has(object.kind)
      ? `${titleOf(object)}: is left out, since pools say nothing of BGP`
      : `${titleOf(object)}: is left out, since nothing here is like it`,
  );
  return { pools: made.map(({ part }) => part), warnings: [...made.flatMap(({ warnings }) => warnings), ...left] };
}
