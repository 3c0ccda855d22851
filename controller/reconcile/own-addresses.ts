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
/** For so long it is remembered that an address was held, and that a node took a word back: a failover is over by then. */
const MEMORY_MS = 10 * 60_000;

/**
 * What was made of a node's word when it was first heard; it stays so until the node takes it back. One that was taken back does not
 * count at once again: a node that changes its mind all the time would have the plan change with it.
 */
interface Word {
  readonly verdict: 'counts' | 'disputed' | 'withdrawn';
  /** When that began, by a clock that only grows. */
  readonly atMs: number;
}

type WordsOfNode = ReadonlyMap<string, Word>;

/** What is remembered from one look to the next; addresses in canonical form. */
export interface OwnWords {
  /** By node, then by address. */
  readonly words: ReadonlyMap<string, WordsOfNode>;
  /** By address: when it was held last, whoever held it. */
  readonly heldMs: ReadonlyMap<string, number>;
}

/** Before anything was heard. */
export const NO_WORDS: OwnWords = { words: new Map(), heldMs: new Map() };

/** What agents' lists come to. */
export interface OwnAddresses {
  readonly memory: OwnWords;
  readonly addresses: NodeAddresses;
}

interface Look {
  /** Addresses that pools ask for, in canonical form. */
  readonly asked: ReadonlySet<string>;
  /** By address in canonical form. */
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
  /** Of a clock that only grows. */
  readonly nowMs: number;
}

function lately(atMs: number, { nowMs }: Look): boolean {
  return nowMs - atMs < MEMORY_MS;
}

function heldAt(before: OwnWords['heldMs'], look: Look): Map<string, number> {
  const kept = [...before].filter(([, atMs]) => lately(atMs, look));
  const now = [...look.holders].flatMap(([address, claims]) =>
    claims.length > 0 ? [[address, look.nowMs] as const] : [],
  );
  return new Map([...kept, ...now]);
}

/** What is left of words that the node does not say any more. */
function withdrawn(before: WordsOfNode, listed: ReadonlySet<string>, look: Look): [string, Word][] {
  return [...before].flatMap(([address, { verdict, atMs }]): [string, Word][] => {
    if (listed.has(address)) return [];
    const word: Word = { verdict: 'withdrawn', atMs: verdict === 'withdrawn' ? atMs : look.nowMs };
    return lately(word.atMs, look) ? [[address, word]] : [];
  });
}

/** An address that somebody served was no node's own when that began; also its holder may not know it again after a restart. */
function verdictOn(known: Word | undefined, wasHeld: boolean, counting: number): Word['verdict'] {
  if (known !== undefined && known.verdict !== 'withdrawn') return known.verdict;
  return known === undefined && !wasHeld && counting < WORDS_OF_A_NODE ? 'counts' : 'disputed';
}

function weigh({ status }: NodePlan, before: WordsOfNode, heldMs: OwnWords['heldMs'], look: Look): WordsOfNode {
  const subnets = (status?.addresses ?? []).map((subnet) => canonicalAddress(subnet));
  const listed = new Set(subnets.filter((address) => look.asked.has(address)));
  const words = new Map(withdrawn(before, listed, look));
  let counting = [...listed].filter((address) => before.get(address)?.verdict === 'counts').length;
  for (const address of [...listed].sort(compareText)) {
    const known = before.get(address);
    const remembered = known?.verdict === 'withdrawn' && !lately(known.atMs, look) ? undefined : known;
    const verdict = verdictOn(remembered, heldMs.has(address), counting);
    if (verdict === 'counts' && known?.verdict !== 'counts') counting += 1;
    words.set(address, known?.verdict === verdict ? known : { verdict, atMs: look.nowMs });
  }
  return words;
}

function nodesBy(words: OwnWords['words'], wanted: Word['verdict']): Map<string, string> {
  const entries = [...words].flatMap(([node, own]) =>
    [...own].filter(([, { verdict }]) => verdict === wanted).map(([address]) => [address, node] as const),
  );
  // Of two that list it, the first by name is named.
  return new Map(entries.sort(([, a], [, b]) => compareText(b, a)));
}

/**
 * Finds out which addresses of pools are nodes' own. Pure.
 *
 * A word counts when nobody held the address as it was first heard, nor some minutes before. It then counts until it is taken back, and one
 * that does not goes on not to count, also when the holder fails: a node that lies could wait for that.
 *
 * @param plans of all nodes, with their status
 * @param look what pools ask for, and who holds what
 * @param before what the last look remembered
 */
export function ownAddresses(plans: readonly NodePlan[], look: Look, before: OwnWords): OwnAddresses {
  const heldMs = heldAt(before.heldMs, look);
  const words = new Map(
    plans
      .map((plan) => {
        const { name } = plan.metadata;
        return [name, weigh(plan, before.words.get(name) ?? new Map(), heldMs, look)] as const;
      })
      .filter(([, own]) => own.size > 0),
  );
  return {
    memory: { words, heldMs },
    addresses: { counting: nodesBy(words, 'counts'), disputed: nodesBy(words, 'disputed') },
  };
}
