import type { Clients } from '../clients/clients.ts';
import type { Outage } from '../clients/outages.ts';
import type { ClientKind } from '../clients/prober.ts';
import { waitForShares } from '../environment/pools.ts';
import type { Site } from '../environment/site.ts';
import { monotonicMs } from '../support/clock.ts';
import { formatMs, type Say } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { commandBlocks } from './page.ts';
import { type Addresses, addressesNow, renumbered } from './services.ts';
import type { Step } from './steps.ts';
import type { Said, Terminal } from './terminal.ts';

const LIMIT = { limitMs: 120_000, everyMs: 200 };

/** What a step cost. */
export interface Walked {
  readonly what: string;
  readonly tookMs: number;
  /** The longest time that a client of each kind had no answer of an address. */
  readonly awayMs: Readonly<Record<ClientKind, number>>;
  /** Addresses that did not answer one of them for a time. */
  readonly away: number;
}

/** With what the page is walked. */
export interface Walking {
  readonly site: Site;
  readonly page: string;
  readonly terminal: Terminal;
  /** Ask every address all the time: one that knows which node has it, and one that asks the network each time. */
  readonly clients: Readonly<Record<ClientKind, Clients>>;
  /** What each Service had before the first step. */
  readonly before: Addresses;
  readonly say: Say;
  readonly signal: AbortSignal;
}

/** Every address once, though Services share some. Pure. */
export function distinct(addresses: Addresses): string[] {
  return [...new Set(addresses.values())];
}

/** Waits until every Service publishes what it did in the beginning. @throws Error that names those that do not */
async function waitForSame({ site, before }: Walking): Promise<void> {
  let wrong: string[] = [];
  await waitFor(
    'every Service to have the address that it had',
    async () => {
      wrong = renumbered(before, await addressesNow(site));
      return wrong.length === 0;
    },
    LIMIT,
    () => wrong.join('; '),
  );
}

interface Claims {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status?: { readonly holders?: readonly string[] };
  }[];
}

/** Waits until this release has every address: it is claimed, and held by one node, which the kernel says as well. */
async function waitForHeld({ site, before }: Walking): Promise<void> {
  let without: string[] = [];
  await waitFor(
    'every address to be held',
    async () => {
      const { items } = JSON.parse(await site.kubectl(['get', 'serviceaddresses', '-o', 'json'])) as Claims;
      const held = items.filter(({ status }) => status?.holders?.length === 1).map(({ metadata }) => metadata.name);
      without = distinct(before).filter((address) => !held.includes(address));
      return without.length === 0;
    },
    LIMIT,
    () => `not: ${without.join(', ')}`,
  );
  await waitForShares(site, distinct(before), undefined, LIMIT.limitMs);
}

function sayLongest(outages: readonly Outage[], say: Say): void {
  const longest = outages.toSorted((one, other) => other.durationMs - one.durationMs)[0];
  if (longest === undefined) return;
  const { durationMs, failedAttempts, reasons, before, after } = longest;
  say(`${formatMs(durationMs)}, ${failedAttempts} attempts (${reasons.join(', ')}), from ${before} to ${after}`);
}

/** What is to be seen after a step, besides that nobody was renumbered. */
export interface Expected {
  /** This release has each address, on an interface of one node. */
  readonly held?: true;
  /** Done after the commands: what the page leaves to the reader. */
  readonly after?: () => Promise<unknown>;
}

/**
 * Types a block of the page, and waits until all is as it is to be: every Service has the address that it had, and answers.
 * @param results gets what it cost
 */
export async function walk(
  walking: Walking,
  { what, section, block }: Step,
  results: Walked[],
  { held, after }: Expected = {},
): Promise<Said> {
  const { site, page, terminal, clients, before, say, signal } = walking;
  say(`one ${what}`);
  const fromMs = monotonicMs();
  const said = await terminal.run(commandBlocks(page, section)[block] ?? '', signal);
  await after?.();
  const wrong = renumbered(before, await addressesNow(site)).filter((text) => !text.endsWith(' has none'));
  if (wrong.length > 0) throw new Error(`one ${what}, and Services are renumbered: ${wrong.join('; ')}`);
  await waitForSame(walking);
  if (held) await waitForHeld(walking);
  const tookMs = monotonicMs() - fromMs;
  const { regular, newcomer } = clients;
  const awayMs = { regular: await regular.longestOutage(fromMs), newcomer: await newcomer.longestOutage(fromMs) };
  const isAway = (address: string) => [regular, newcomer].some((each) => each.outages(fromMs, { address }).length > 0);
  results.push({ what, tookMs, awayMs, away: distinct(before).filter(isAway).length });
  for (const each of [regular, newcomer]) sayLongest(each.outages(fromMs), say);
  say(
    `after ${formatMs(tookMs)}, away for ${formatMs(awayMs.regular)} at most, for newcomers ${formatMs(awayMs.newcomer)}`,
  );
  return said;
}

/** What each step cost, as rows of a table. Pure. */
export function walkedRows(results: readonly Walked[], count: number): string[][] {
  return [
    ['ONE', 'TOOK', 'LONGEST AWAY', 'FOR A NEWCOMER', 'ADDRESSES'],
    ...results.map(({ what, tookMs, awayMs, away }) => [
      what,
      formatMs(tookMs),
      formatMs(awayMs.regular),
      formatMs(awayMs.newcomer),
      `${away} of ${count}`,
    ]),
  ];
}
