import type { NodePlan } from '../../api/node-plan.ts';
import { compareText } from '../plan/addresses.ts';
import type { NodeAddresses } from '../plan/types.ts';
import { type Claim, canonicalAddress } from './holders.ts';

/*
 * Which addresses of pools are some node's own, by what agents list. To give such an address to another node would cut the node off; so it
 * is taken out of the plan. But a list is one node's word, and an address that others serve must not go for it.
 */

/** More addresses of a node that pools ask for, too, are no typing error. */
const WORDS_OF_A_NODE = 8;

/** What was made of a node's word when it was first heard; it stays so until the node takes it back. */
type Verdict = 'counts' | 'disputed';

/** What is remembered from one look to the next: by node, then by address in canonical form. */
export type OwnWords = ReadonlyMap<string, ReadonlyMap<string, Verdict>>;

/** What agents' lists come to. */
export interface OwnAddresses {
  readonly words: OwnWords;
  readonly addresses: NodeAddresses;
}

interface Look {
  /** Addresses that pools ask for, in canonical form. */
  readonly asked: ReadonlySet<string>;
  /** By address in canonical form. */
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
}

/** An address that somebody serves was no node's own when that began; also its holder may not know it again after a restart. */
function isServed(address: string, { holders }: Look): boolean {
  return (holders.get(address) ?? []).length > 0;
}

function weigh(
  { status }: NodePlan,
  before: ReadonlyMap<string, Verdict> | undefined,
  look: Look,
): ReadonlyMap<string, Verdict> {
  const listed = new Set((status?.addresses ?? []).map((subnet) => canonicalAddress(subnet)));
  const words = new Map<string, Verdict>();
  const known = [...(before ?? [])].filter(([address]) => listed.has(address) && look.asked.has(address));
  for (const [address, verdict] of known) words.set(address, verdict);
  for (const address of [...listed].filter((each) => look.asked.has(each)).sort(compareText)) {
    if (words.has(address)) continue;
    const counting = [...words.values()].filter((verdict) => verdict === 'counts').length;
    const counts = counting < WORDS_OF_A_NODE && !isServed(address, look);
    words.set(address, counts ? 'counts' : 'disputed');
  }
  return words;
}

function nodesBy(words: OwnWords, wanted: Verdict): Map<string, string> {
  const entries = [...words].flatMap(([node, own]) =>
    [...own].filter(([, verdict]) => verdict === wanted).map(([address]) => [address, node] as const),
  );
  // Of two that list it, the first by name is named.
  return new Map(entries.sort(([, a], [, b]) => compareText(b, a)));
}

/**
 * Finds out which addresses of pools are nodes' own. Pure.
 *
 * A word counts when nobody held the address as it was first heard. It then counts until it is taken back, and one that does not goes on
 * not to count, also when the holder fails: a node that lies could wait for that.
 *
 * @param plans of all nodes, with their status
 * @param look what pools ask for, and who holds what
 * @param before what the last look remembered
 */
export function ownAddresses(plans: readonly NodePlan[], look: Look, before: OwnWords): OwnAddresses {
  const words = new Map(
    plans
      .map((plan) => [plan.metadata.name, weigh(plan, before.get(plan.metadata.name), look)] as const)
      .filter(([, own]) => own.size > 0),
  );
  return { words, addresses: { counting: nodesBy(words, 'counts'), disputed: nodesBy(words, 'disputed') } };
}
