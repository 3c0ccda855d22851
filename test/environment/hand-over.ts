import { setTimeout as delay } from 'node:timers/promises';
import { type Clients, longestOf } from '../clients/clients.ts';
import type { Outage } from '../clients/outages.ts';
import type { ClientKind } from '../clients/prober.ts';
import type { AddressWatch } from '../support/address-watch.ts';
import { monotonicMs } from '../support/clock.ts';
import type { WatchedRun } from '../support/undisturbed.ts';
import { waitFor } from '../support/wait.ts';
import type { Environment } from './environment.ts';

/** What is expected of the address, and how long to look. */
export interface Expectation {
  /** `move`: another node must get it. `stay`: it must not move as long as we look. `either`: what it does is reported. */
  readonly address: 'move' | 'stay' | 'either';
  /** How long to look where it stays; a `move` may take as long. */
  readonly withinMs: number;
  /** How many nodes must be able to take over before it happens; all of them by default. */
  readonly fit?: number;
  /** Leave the repair of what ended to the environment itself, however long that waits. */
  readonly leaveToItself?: boolean;
  /** Checks may count failures before it happens: another fault lasts, or nobody counts. */
  readonly mayCount?: boolean;
}

/** The longest time without service, by kind of client; of kinds that do not ask 0. In milliseconds. */
export type Outages = Readonly<Record<ClientKind, number>>;

/** One strike on the holder, and its repair, as clients saw it. Times in milliseconds. */
export interface HandOver {
  readonly from: string;
  /** Who had the address before the repair, if another node than the one that was struck had it. */
  readonly taker: string | undefined;
  /** Who holds the address afterwards. */
  readonly to: string;
  /** How often the address came to another node, until the repair. */
  readonly moves: number;
  /** From the fault to the address on another node; undefined when it did not move. */
  readonly movedAfterMs: number | undefined;
  /** Longest time without service until the repair. */
  readonly outageMs: Outages;
  /** Why attempts failed until the repair, each reason once. */
  readonly reasons: readonly string[];
  /** How long the repair took. */
  readonly healMs: number;
  /** Longest time without service from the repair on. */
  readonly healOutageMs: Outages;
  /** From the end of the repair to exactly one holder. */
  readonly oneHolderMs: number;
  /** Attempts that the machine was too busy to make: with many of them a figure says little. */
  readonly missedSlots: number;
}

/** Strikes a node; gives the instant immediately before the damage, in ms of CLOCK_MONOTONIC. */
export type Strike = (node: string) => Promise<number>;

/** Of which address, and how it is asked meanwhile. */
export interface HandOverOptions {
  /** Without prefix length. */
  readonly address: string;
  /** `regular` knows the address, `newcomer` forgets it before each attempt. */
  readonly kinds: readonly ClientKind[];
  /** Clients have real-time priority. */
  readonly realTime?: boolean;
  /** Service must have been steady for so long before and after a strike; longer than the slowest thing that can still happen. */
  readonly quietMs?: number;
}

const CALM_LIMIT_MS = 120_000;
const LOOK_MS = 5;

function namesOf(nodes: readonly string[]): string {
  return nodes.join(', ') || 'no node';
}

/** Hand-overs of one address, which clients watch: strike the holder, wait, repair, wait for peace. */
export class HandOvers<Fault extends string> {
  readonly #environment: Environment<Fault>;
  readonly #address: string;
  readonly #clients: ReadonlyMap<ClientKind, Clients>;
  #watch: AddressWatch | undefined;

  constructor(environment: Environment<Fault>, { address, kinds, realTime = false, quietMs }: HandOverOptions) {
    this.#environment = environment;
    this.#address = address;
    this.#clients = new Map(
      kinds.map((kind) => [kind, environment.clients(kind, [address], { realTime }, quietMs)] as const),
    );
  }

  async start(): Promise<void> {
    for (const client of this.#clients.values()) await client.start();
  }

  async stop(): Promise<void> {
    this.#watch?.stop();
    for (const client of this.#clients.values()) await client.stop();
  }

  /**
   * Strikes the holder, waits for what is expected, repairs, and waits for peace.
   * @throws Error when what is expected does not happen, or peace does not come
   */
  async run(what: Fault | Strike, expectation: Expectation): Promise<WatchedRun<HandOver>> {
    const watch = this.#watchAnew();
    const from = await this.calm(expectation);
    const missed = this.#missedSlots();
    const beginMs = monotonicMs();
    const strike = this.#strike(what, from);
    strike.catch(() => undefined); // looked at below, when what it did has been waited for
    const movedAtMs = await this.#waitForMove(watch, beginMs, from, expectation);
    const faultMs = await strike;
    await this.#steady();
    const taker = (await this.#holders()).find((holder) => holder !== from);
    const healStartMs = monotonicMs();
    const moves = watch.moves(this.#address, beginMs, from);
    const outages = this.#outages(faultMs, healStartMs);
    const unexpected = expectation.address === 'stay' ? watch.arrivals(this.#address, beginMs, from) : [];
    const struck = typeof what === 'function' ? {} : { fault: what };
    if (expectation.leaveToItself !== true) await this.#environment.heal(struck);
    const healedMs = monotonicMs();
    const oneHolderMs = await this.#oneHolder(healedMs);
    const to = await this.calm(expectation);
    if (expectation.leaveToItself === true) await this.#environment.heal();
    const healOutages = this.#outages(healStartMs);
    await delay(Math.random() * 200); // faults come at any moment of the advertisement interval
    const run = {
      from,
      taker,
      to,
      moves,
      movedAfterMs: movedAtMs === undefined ? undefined : movedAtMs - faultMs,
      outageMs: longestByKind(outages),
      reasons: [...new Set([...outages.values()].flat().flatMap((each) => each.reasons))],
      healMs: healedMs - healStartMs,
      healOutageMs: longestByKind(healOutages),
      oneHolderMs,
      missedSlots: this.#missedSlots() - missed,
    };
    const failings = [
      ...[...outages.values()].flat(),
      ...unexpected.map(({ atMs }) => ({ fromMs: atMs, toMs: atMs })),
      ...[...healOutages.values()].flat(),
    ];
    return { run, failings };
  }

  /** Waits until service is steady, the nodes are fit and count no failures, and exactly one holds the address; gives its name. */
  async calm({ fit, mayCount = false }: Pick<Expectation, 'fit' | 'mayCount'> = {}): Promise<string> {
    const sinceMs = monotonicMs();
    const wanted = fit ?? this.#environment.nodes.length;
    let seen = '';
    return waitFor(
      'calm',
      async () => {
        if (!this.#isQuietSince(sinceMs)) return undefined;
        const able = this.#environment.fitNodes();
        const holders = await this.#holders();
        seen = `can hold the address: ${namesOf(able)}; hold it: ${namesOf(holders)}`;
        const [holder] = holders;
        const good = able.length >= wanted && holders.length === 1 && holder !== undefined && able.includes(holder);
        if (!good) return undefined;
        // Nodes that began to count failures at different times would judge the next fault at different times, too.
        const counting = mayCount ? [] : await this.#environment.countingNodes(able);
        seen += `; count failures of a check: ${namesOf(counting)}`;
        return counting.length === 0 ? holder : undefined;
      },
      { limitMs: CALM_LIMIT_MS, everyMs: 50 },
      () => (seen === '' ? 'service was not steady' : seen),
    );
  }

  /** A node that booted again has another namespace. Before the wait for calm, so that every monitor runs when the strike comes. */
  #watchAnew(): AddressWatch {
    this.#watch?.stop();
    this.#watch = this.#environment.watch();
    return this.#watch;
  }

  async #strike(what: Fault | Strike, node: string): Promise<number> {
    if (typeof what === 'function') return what(node);
    return (await this.#environment.inject(what, node)).injectedAt.monotonicMs;
  }

  async #waitForMove(
    watch: AddressWatch,
    sinceMs: number,
    from: string,
    { address, withinMs }: Expectation,
  ): Promise<number | undefined> {
    const moved = () => watch.arrivals(this.#address, sinceMs, from)[0]?.atMs;
    const limit = { limitMs: withinMs, everyMs: LOOK_MS };
    if (address === 'move') return waitFor(`another holder than ${from}`, moved, limit);
    return waitFor('a move that is not expected', moved, limit).catch(() => undefined);
  }

  /** Service has been steady for a while. */
  async #steady(): Promise<void> {
    const sinceMs = monotonicMs();
    await waitFor('steady service', () => this.#isQuietSince(sinceMs), { limitMs: CALM_LIMIT_MS, everyMs: LOOK_MS });
  }

  #isQuietSince(sinceMs: number): boolean {
    return [...this.#clients.values()].every((client) => client.isQuietSince(sinceMs));
  }

  #holders(): Promise<string[]> {
    return this.#environment.holders(this.#address);
  }

  async #oneHolder(sinceMs: number): Promise<number> {
    const one = async () => (await this.#holders()).length === 1;
    await waitFor('exactly one holder', one, { limitMs: CALM_LIMIT_MS, everyMs: LOOK_MS });
    return monotonicMs() - sinceMs;
  }

  #outages(fromMs: number, untilMs?: number): Map<ClientKind, Outage[]> {
    const filter = untilMs === undefined ? {} : { untilMs };
    return new Map([...this.#clients].map(([kind, client]) => [kind, client.outages(fromMs, filter)]));
  }

  #missedSlots(): number {
    return [...this.#clients.values()].reduce((sum, { missedSlots }) => sum + missedSlots, 0);
  }
}

function longestByKind(outages: ReadonlyMap<ClientKind, readonly Outage[]>): Outages {
  const longest = (kind: ClientKind) => longestOf(outages.get(kind) ?? []);
  return { regular: longest('regular'), newcomer: longest('newcomer') };
}
