import type { NodePlan } from '../../api/node-plan.ts';
import { canonical } from '../../common/addresses.ts';
import { toldAddresses } from './holders.ts';

/*
 * Which router ids are foreign routers'. Nodes hear them and say so in their NodePlans' status. To believe it costs an outage, because the
 * group with the id gets another one; not to believe it may cost a longer one, because nobody has the addresses. A node's word counts for
 * what it listens to, and alone only so often.
 */

/** One node's word alone makes so many groups change their ids within {@link LONE_WORD_MS}. */
const LONE_WORDS = 2;
/** An agent remembers for as long what it heard. */
const LONE_WORD_MS = 24 * 60 * 60_000;

/** That a node was believed although no other said the same. */
interface LoneWord {
  readonly node: string;
  readonly id: number;
  readonly atMs: number;
}

/** What is remembered from one look to the next. */
export type LoneWords = readonly LoneWord[];

/** What is made of the nodes' words. */
export interface ForeignWords {
  readonly words: LoneWords;
  /** Foreign routers use these: who has one gives it up, and nobody gets it. */
  readonly believed: ReadonlySet<number>;
  /** It was said, but that does not suffice: nobody gives one up, and nobody gets it while there are others. */
  readonly doubted: ReadonlySet<number>;
}

type NodesById = ReadonlyMap<number, ReadonlySet<string>>;

function nodesById(entries: readonly (readonly [id: number, node: string])[]): NodesById {
  const nodes = new Map<number, Set<string>>();
  for (const [id, node] of entries) nodes.set(id, (nodes.get(id) ?? new Set()).add(node));
  return nodes;
}

/** By unicast a node hears only its peers. */
function listeners(plans: readonly NodePlan[]): NodesById {
  return nodesById(
    plans.flatMap(({ metadata, spec }) =>
      spec.instances
        .filter(({ peers }) => peers === undefined)
        .map(({ virtualRouterId }) => [virtualRouterId, metadata.name] as const),
    ),
  );
}

function speakers(plans: readonly NodePlan[]): NodesById {
  return nodesById(
    plans.flatMap(({ metadata, status }) => (status?.foreignRouterIds ?? []).map((id) => [id, metadata.name] as const)),
  );
}

/**
 * Ids in which a node of the plan may speak otherwise than its neighbours expect, and be taken for a foreign router; to give an id up is an
 * outage. A node that has not carried out its newest plan may speak as it was told before, and one that has an address of the instance
 * itself objects to it, under whichever id.
 */
function unsettledIds(plans: readonly NodePlan[]): ReadonlySet<number> {
  const unsettled = plans.flatMap((plan) => {
    const { spec, status } = plan;
    return status?.observedPlan === spec.plan ? objectedInstances(plan) : spec.instances;
  });
  return new Set(unsettled.map(({ virtualRouterId }) => virtualRouterId));
}

function objectedInstances(plan: NodePlan): NodePlan['spec']['instances'] {
  const { spec, status } = plan;
  const told = toldAddresses(plan);
  const own = new Set((status?.addresses ?? []).map(canonical).filter((address) => told.has(address)));
  if (own.size === 0) return [];
  return spec.instances.filter(({ addresses }) => addresses.some((address) => own.has(canonical(address))));
}

/** Weighs what is said of one id; a lone word that is believed is added to those before. */
function isBelieved(
  id: number,
  saying: ReadonlySet<string>,
  listening: ReadonlySet<string>,
  words: LoneWord[],
  nowMs: number,
) {
  if (words.some((word) => word.id === id && saying.has(word.node))) return true;
  // Nobody listens to an id that was given up: then all count that remember it.
  const counting = listening.size === 0 ? [...saying] : [...saying].filter((node) => listening.has(node));
  if (counting.length !== 1) return counting.length > 1;
  const [node = ''] = counting;
  if (listening.size === 0 || words.filter((word) => word.node === node).length >= LONE_WORDS) return false;
  words.push({ node, id, atMs: nowMs });
  return true;
}

/**
 * Finds out which router ids foreign routers use. Pure.
 *
 * Believed is what two nodes say that run an instance of the id by multicast: a foreign router on the network is heard by all of them. One
 * that says it alone is believed, too, because the others may look minutes later, but for two ids a day only: so no node can make the ids
 * of all groups change again and again.
 *
 * @param plans of all nodes, with their status
 * @param before what the last look remembered
 * @param nowMs of a clock that only grows
 */
export function foreignWords(plans: readonly NodePlan[], before: LoneWords, nowMs: number): ForeignWords {
  const words = before.filter(({ atMs }) => nowMs - atMs < LONE_WORD_MS);
  const [said, listening, unsettled] = [speakers(plans), listeners(plans), unsettledIds(plans)];
  const believed = new Set<number>();
  const doubted = new Set<number>();
  for (const [id, saying] of [...said].sort(([a], [b]) => a - b)) {
    const settled = !unsettled.has(id);
    const counts = settled && isBelieved(id, saying, listening.get(id) ?? new Set(), words, nowMs);
    (counts ? believed : doubted).add(id);
  }
  return { words, believed, doubted };
}
