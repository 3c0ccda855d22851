import { type HoldingInstance, holdingInstances, type NodePlan, type PlannedPool } from '../../../api/node-plan.ts';
import { canonical, type Family, familyOf } from '../../../common/addresses.ts';
import { compareText } from '../../../common/compare-text.ts';
import type { NodeEndpoints, RememberedGroup } from '../../plan/types.ts';

/** What nodes were last to do for addresses that are placed by themselves. */
export interface PlannedLocal {
  /** Name of the pool that they are of. */
  readonly pool: string;
  /** Where nodes ask whether they have an endpoint; undefined: nowhere. */
  readonly port: number | undefined;
  /** At which of their addresses, where a plan says so. */
  readonly family: Family | undefined;
  readonly groups: readonly RememberedGroup[];
  /** Endpoints that nodes hold connections to; undefined: none are held. */
  readonly endpoints: NodeEndpoints | undefined;
  /** Those of them that every fit node has; in canonical form. */
  readonly everywhere: readonly string[];
}

/** A node that has an instance in its plan. */
interface Member {
  readonly node: string;
  readonly instance: HoldingInstance;
}

function byPreference(a: Member, b: Member): number {
  const leaving = Number(a.instance.leaving === true) - Number(b.instance.leaving === true);
  return leaving || a.instance.rank - b.instance.rank || compareText(a.node, b.node);
}

/** Where plans differ, because not all of them were written yet, the node that is preferred has the word. */
function groupOf(slot: number, members: readonly Member[]): RememberedGroup[] {
  const sorted = members.toSorted(byPreference);
  const [first] = sorted;
  if (first === undefined) return [];
  const addresses = new Set(sorted.flatMap(({ instance }) => instance.addresses.map(canonical)));
  const nodes = sorted.filter(({ instance }) => instance.leaving !== true).map(({ node }) => node);
  const { virtualRouterId, multicastGroup } = first.instance;
  const group = { slot, virtualRouterId, addresses: [...addresses], nodes };
  return [multicastGroup === undefined ? group : { ...group, multicastGroup }];
}

function slotOf({ name, pool }: HoldingInstance): number {
  return Number(name.slice(pool.length + 1));
}

function groupsOf(members: readonly Member[]): RememberedGroup[] {
  const bySlot = Map.groupBy(members, ({ instance }) => slotOf(instance));
  return [...bySlot].flatMap(([slot, own]) => groupOf(slot, own));
}

function membersByPool(plans: readonly NodePlan[]): Map<string, Member[]> {
  const members = plans.flatMap(({ metadata, spec }) =>
    [...holdingInstances(spec), ...(spec.spares ?? []).map((spare) => ({ ...spare, addresses: [] }))].map(
      (instance) => {
        return { node: metadata.name, instance };
      },
    ),
  );
  return Map.groupBy(members, ({ instance }) => instance.pool);
}

/** What a plan has of addresses that are placed by themselves, besides instances. */
interface Part {
  readonly node: string;
  readonly name: string;
  readonly pool: string;
  readonly localEndpoints?: PlannedPool['localEndpoints'];
  /** Those that go to lo. */
  readonly everywhere: readonly string[];
}

function hostFamily(parts: readonly Part[]): Family | undefined {
  const host = parts.find(({ localEndpoints }) => localEndpoints?.host !== undefined)?.localEndpoints?.host;
  return host === undefined ? undefined : familyOf(host);
}

function endpointsOf(parts: readonly Part[]): NodeEndpoints | undefined {
  const named = parts.flatMap(({ node, localEndpoints }) =>
    localEndpoints?.endpoints === undefined ? [] : [[node, localEndpoints.endpoints] as const],
  );
  return named.length === 0 ? undefined : new Map(named);
}

function partsOf({ metadata: { name: node }, spec: { pools, loopback = [] } }: NodePlan): Part[] {
  const byVrrp = pools.flatMap(({ name, ofPool, localEndpoints }) =>
    ofPool === undefined ? [] : [{ node, name, pool: ofPool, localEndpoints, everywhere: [] }],
  );
  const onLo = loopback.filter(({ name, pool }) => name !== pool);
  return [
    ...byVrrp,
    ...onLo.map(({ addresses, ...part }) => ({ node, ...part, everywhere: addresses.map(canonical) })),
  ];
}

function plannedOf(parts: readonly Part[], members: readonly Member[]): PlannedLocal[] {
  const [first] = parts;
  if (first === undefined) return [];
  const { pool, localEndpoints } = first;
  const everywhere = [...new Set(parts.flatMap((part) => part.everywhere))];
  return [
    {
      ...{ pool, port: localEndpoints?.port, family: hostFamily(parts), everywhere },
      ...{ groups: groupsOf(members), endpoints: endpointsOf(parts) },
    },
  ];
}

/**
 * What NodePlans have of addresses that are placed by themselves: they are the only memory of it, for what nobody was told needs none. Pure.
 * @returns by name
 */
export function plannedLocal(plans: readonly NodePlan[]): Map<string, PlannedLocal> {
  const members = membersByPool(plans);
  const byName = Map.groupBy(plans.flatMap(partsOf), ({ name }) => name);
  return new Map(
    [...byName].flatMap(([name, parts]) =>
      plannedOf(parts, members.get(name) ?? []).map((planned) => [name, planned] as const),
    ),
  );
}
