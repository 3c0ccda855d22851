import type { NodePlan } from '../../api/node-plan.ts';
import { canonical } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import type { NodeAddresses } from '../plan/types.ts';
import type { Claim } from './holders.ts';

/*
 * Which addresses of pools are some node's own, by what agents list. To give such an address to another node would cut the node off; so it
 * is taken out of the plan. But a list is one node's word, and an address that others serve must not go for it.
 */

/** More addresses of a node that pools ask for, too, are no typing error. */
const WORDS_OF_A_NODE = 8;
/** For so long it is remembered that an address was held: a failover is over by then. */
const HELD_MEMORY_MS = 10 * 60_000;
/** A word is taken back when it was not said for so long: an agent that restarts, or changes its mind all the time, changes no plan. */
const TAKEN_BACK_MS = 10_000;

/** What was made of a node's word when it was first heard; it stays so until the node takes it back. */
interface Word {
  readonly verdict: 'counts' | 'disputed';
  /** Since when the node does not say it any more, by a clock that only grows; undefined: it does. */
  readonly unsaidMs: number | undefined;
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
  /** When the answer changes by time alone; undefined: never. */
  readonly reviewAtMs: number | undefined;
}

interface Look {
  /** Addresses that pools ask for, in canonical form. */
  readonly asked: ReadonlySet<string>;
  /** By address in canonical form. */
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
  /** Of a clock that only grows. */
  readonly nowMs: number;
}

function heldAt(before: OwnWords['heldMs'], { holders, nowMs }: Look): Map<string, number> {
  const kept = [...before].filter(([, atMs]) => nowMs - atMs < HELD_MEMORY_MS);
  const held = [...holders].filter(([, claims]) => claims.length > 0);
  return new Map([...kept, ...held.map(([address]) => [address, nowMs] as const)]);
}

/** What is left of what the node said before: all that it says still, or did a moment ago. */
function lasting(before: WordsOfNode, listed: ReadonlySet<string>, { asked, nowMs }: Look): [string, Word][] {
  return [...before].flatMap(([address, { verdict, unsaidMs = nowMs }]): [string, Word][] => {
    if (!asked.has(address)) return [];
    if (listed.has(address)) return [[address, { verdict, unsaidMs: undefined }]];
    return nowMs - unsaidMs < TAKEN_BACK_MS ? [[address, { verdict, unsaidMs }]] : [];
  });
}

function weigh({ status }: NodePlan, before: WordsOfNode, heldMs: OwnWords['heldMs'], look: Look): WordsOfNode {
  const subnets = (status?.addresses ?? []).map((subnet) => canonical(subnet));
  const listed = new Set(subnets.filter((address) => look.asked.has(address)));
  const words = new Map(lasting(before, listed, look));
  let counting = [...words.values()].filter(({ verdict }) => verdict === 'counts').length;
  for (const address of [...listed].filter((each) => !words.has(each)).sort(compareText)) {
    // What somebody served was no node's own when that began; also its holder may not know it again after a restart.
    const counts = counting < WORDS_OF_A_NODE && !heldMs.has(address);
    if (counts) counting += 1;
    words.set(address, { verdict: counts ? 'counts' : 'disputed', unsaidMs: undefined });
  }
  return words;
}

function reviewAt(words: OwnWords['words']): number | undefined {
  const unsaid = [...words.values()].flatMap((own) => [...own.values()].map(({ unsaidMs }) => unsaidMs));
  const known = unsaid.filter((atMs) => atMs !== undefined);
  return known.length === 0 ? undefined : Math.min(...known) + TAKEN_BACK_MS;
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
  const addresses = { counting: nodesBy(words, 'counts'), disputed: nodesBy(words, 'disputed') };
  return { memory: { words, heldMs }, addresses, reviewAtMs: reviewAt(words) };
}
