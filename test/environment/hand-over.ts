import { setTimeout as delay } from 'node:timers/promises';
import type { WatchedRun } from '../bench/undisturbed.ts';
import { findOutages, type Outage } from '../clients/outages.ts';
import { CLIENT_KINDS, type ClientKind, Prober } from '../clients/prober.ts';
import { healFaults, injectFault } from '../cluster/fault-control.ts';
import type { ClusterFaultName } from '../cluster/fault-names.ts';
import { planCluster } from '../cluster/plan.ts';
import { type ClusterState, clusterKubectl, clusterState } from '../cluster/state.ts';
import { holdersOf } from '../cluster/status.ts';
import { AddressWatch } from '../support/address-watch.ts';
import { monotonicMs } from '../support/clock.ts';
import { waitFor } from '../support/wait.ts';
import { countingNodes, fitNodes } from './fitness.ts';

/** What happens to the holder: one of the cluster's faults, or a rolling update of the release. */
export type Happening = ClusterFaultName | 'rolling-update';

/** What is expected of the address, and how long to look. */
export interface Expectation {
  /** `move`: another node must get it. `stay`: it must not move as long as we look. `either`: what it does is reported. */
  readonly address: 'move' | 'stay' | 'either';
  /** How long to look where it stays; a `move` may take as long. */
  readonly withinMs: number;
  /** How many nodes must be able to take over before it happens; all of them by default. */
  readonly fit?: number;
  /** Leave the repair of what ended to Kubernetes, however long that waits. */
  readonly leaveToKubernetes?: boolean;
  /** Another fault is there before it happens, and lasts: checks may count failures. */
  readonly faultUnderWay?: boolean;
}

/** One happening on the holder, and its repair, as two clients saw it. Times in milliseconds. */
export interface ClusterRun {
  readonly from: string;
  /** Who holds the address afterwards. */
  readonly to: string;
  /** How often the address came to another node, until the repair. */
  readonly moves: number;
  /** From the fault to the address on another node; undefined when it did not move. */
  readonly movedAfterMs: number | undefined;
  /** Longest time without service until the repair, by kind of client. */
  readonly outageMs: Readonly<Record<ClientKind, number>>;
  /** Why attempts failed until the repair, each reason once. */
  readonly reasons: readonly string[];
  /** Longest time without service from the repair on. */
  readonly healOutageMs: Readonly<Record<ClientKind, number>>;
  /** From the end of the repair to exactly one holder. */
  readonly oneHolderMs: number;
  /** Attempts that the machine was too busy to make: with many of them a figure says little. */
  readonly missedSlots: number;
}

const QUIET_MS = 500;
const CALM_LIMIT_MS = 120_000;
const LOOK_MS = 10;
const ROLLOUT_LIMIT_MS = 180_000;

function namesOf(nodes: readonly string[]): string {
  return nodes.join(', ') || 'no node';
}

/** A cluster with a release on it, watched by two clients: one that knows the address, and one that forgets it before each attempt. */
export class ClusterBench {
  readonly #cluster: string;
  readonly #address: string;
  readonly #namespace: string;
  readonly #workload: string;
  readonly #probers: Readonly<Record<ClientKind, Prober>>;
  readonly #watch = new AddressWatch();

  /**
   * @param address the virtual address, without prefix length
   * @param release where the release is: `{ namespace: 'vip', workload: 'daemonset/keepalived-ingress-vip' }`
   */
  constructor(cluster: string, address: string, release: { readonly namespace: string; readonly workload: string }) {
    this.#cluster = cluster;
    this.#address = address;
    this.#namespace = release.namespace;
    this.#workload = release.workload;
    const { client, newcomer } = planCluster(this.#state.shape);
    const addresses = [address];
    this.#probers = {
      regular: new Prober({ kind: 'regular', netns: client.netns, addresses, realTime: true }),
      newcomer: new Prober({ kind: 'newcomer', netns: newcomer.netns, addresses, realTime: true }),
    };
  }

  async start(): Promise<void> {
    this.#watchNodes();
    for (const kind of CLIENT_KINDS) await this.#probers[kind].start();
  }

  async stop(): Promise<void> {
    this.#watch.stop();
    for (const kind of CLIENT_KINDS) await this.#probers[kind].stop();
  }

  get #state(): ClusterState {
    return clusterState(this.#cluster).read();
  }

  /** Lets it happen on the holder, waits for what is expected, repairs, and waits for peace. @throws Error when peace does not come. */
  async run(happening: Happening, expectation: Expectation): Promise<WatchedRun<ClusterRun>> {
    const from = await this.calm(expectation);
    this.#watchNodes();
    const missed = this.#missedSlots();
    const beginMs = monotonicMs();
    const strike = this.#strike(happening, from);
    strike.catch(() => undefined); // looked at below, when what it did has been waited for
    const movedAtMs = await this.#waitForMove(beginMs, from, expectation);
    const faultMs = await strike;
    await this.#steady();
    const healing = monotonicMs();
    const moves = this.#watch.moves(this.#address, beginMs, from);
    const outageMs = this.#longestOutages(faultMs, healing);
    const outages = CLIENT_KINDS.flatMap((kind) => this.#outages(kind, faultMs, healing));
    const reasons = [...new Set(outages.flatMap((each) => each.reasons))];
    const unexpectedMoves = expectation.address === 'stay' ? this.#movesFrom(from, beginMs) : [];
    const healStartMs = monotonicMs();
    if (expectation.leaveToKubernetes !== true) await healFaults(this.#cluster);
    const healedMs = monotonicMs();
    const oneHolderMs = await this.#oneHolder(healedMs);
    const to = await this.calm(expectation);
    if (expectation.leaveToKubernetes === true) await healFaults(this.#cluster);
    const healOutageMs = this.#longestOutages(healStartMs, Number.POSITIVE_INFINITY);
    const healOutages = CLIENT_KINDS.flatMap((kind) => this.#outages(kind, healStartMs, Number.POSITIVE_INFINITY));
    await delay(Math.random() * 200); // faults come at any moment of the advertisement interval
    const run = {
      from,
      to,
      moves,
      movedAfterMs: movedAtMs === undefined ? undefined : movedAtMs - faultMs,
      outageMs,
      reasons,
      healOutageMs,
      oneHolderMs,
      missedSlots: this.#missedSlots() - missed,
    };
    return { run, failings: [...outages, ...unexpectedMoves, ...healOutages] };
  }

  /** Waits until service is steady, the nodes are fit and count no failures, and exactly one holds the address; gives its name. */
  async calm({ fit, faultUnderWay = false }: Pick<Expectation, 'fit' | 'faultUnderWay'> = {}): Promise<string> {
    const sinceMs = monotonicMs();
    let seen = '';
    return waitFor(
      'a calm cluster',
      async () => {
        const state = this.#state;
        const able = fitNodes(state);
        const holders = await holdersOf(state, this.#address);
        const wanted = fit ?? planCluster(state.shape).nodes.length;
        seen = `can hold the address: ${namesOf(able)}; hold it: ${namesOf(holders)}`;
        const [holder] = holders;
        const good = able.length >= wanted && holders.length === 1 && holder !== undefined && able.includes(holder);
        if (!good || !this.#quietSince(sinceMs)) return undefined;
        // Nodes that began to count failures at different times would judge the next fault at different times, too.
        const counting = faultUnderWay ? [] : await countingNodes(state, able);
        seen += `; count failures of a check: ${namesOf(counting)}`;
        return counting.length === 0 ? holder : undefined;
      },
      { limitMs: CALM_LIMIT_MS, everyMs: 100 },
      () => seen,
    );
  }

  #watchNodes(): void {
    this.#watch.watch(planCluster(this.#state.shape).nodes);
  }

  /** Does it; gives the instant immediately before the damage. */
  async #strike(happening: Happening, node: string): Promise<number> {
    if (happening !== 'rolling-update')
      return (await injectFault(this.#cluster, happening, node)).injectedAt.monotonicMs;
    const atMs = monotonicMs();
    const kubectl = clusterKubectl(this.#state);
    await kubectl(['-n', this.#namespace, 'rollout', 'restart', this.#workload]);
    await kubectl(['-n', this.#namespace, 'rollout', 'status', this.#workload], { timeout: ROLLOUT_LIMIT_MS });
    return atMs;
  }

  async #waitForMove(sinceMs: number, from: string, expectation: Expectation): Promise<number | undefined> {
    const moved = () =>
      this.#watch.events(this.#address, sinceMs).find(({ added, node }) => added && node !== from)?.atMs;
    const limit = { limitMs: expectation.withinMs, everyMs: LOOK_MS };
    if (expectation.address === 'move') return waitFor(`another holder than ${from}`, moved, limit);
    return waitFor('a move that is not expected', moved, limit).catch(() => undefined);
  }

  #movesFrom(from: string, sinceMs: number): { fromMs: number; toMs: number }[] {
    const arrivals = this.#watch.events(this.#address, sinceMs).filter(({ added, node }) => added && node !== from);
    return arrivals.map(({ atMs }) => ({ fromMs: atMs, toMs: atMs }));
  }

  /** Service has been steady for a while. */
  async #steady(): Promise<void> {
    const sinceMs = monotonicMs();
    await waitFor('steady service', () => this.#quietSince(sinceMs), { limitMs: CALM_LIMIT_MS, everyMs: LOOK_MS });
  }

  #quietSince(sinceMs: number): boolean {
    if (monotonicMs() - sinceMs < QUIET_MS) return false;
    const from = monotonicMs() - QUIET_MS;
    return CLIENT_KINDS.every((kind) => {
      const attempts = this.#probers[kind].attempts(this.#address, from);
      return attempts.length > 0 && attempts.every(({ ok }) => ok);
    });
  }

  async #oneHolder(sinceMs: number): Promise<number> {
    const one = async () => (await holdersOf(this.#state, this.#address)).length === 1;
    await waitFor('exactly one holder', one, { limitMs: CALM_LIMIT_MS, everyMs: LOOK_MS });
    return monotonicMs() - sinceMs;
  }

  #longestOutages(fromMs: number, toMs: number): Record<ClientKind, number> {
    const longest = (kind: ClientKind) =>
      Math.max(0, ...this.#outages(kind, fromMs, toMs).map(({ durationMs }) => durationMs));
    return { regular: longest('regular'), newcomer: longest('newcomer') };
  }

  #outages(kind: ClientKind, fromMs: number, toMs: number): Outage[] {
    // The last success before the fault belongs to the outage.
    const attempts = this.#probers[kind].attempts(this.#address, fromMs - 100);
    return findOutages(attempts.filter(({ startMs }) => startMs < toMs));
  }

  #missedSlots(): number {
    const missed = CLIENT_KINDS.map((kind) => this.#probers[kind].report(Number.POSITIVE_INFINITY).missedSlots);
    return missed.reduce((sum, each) => sum + each, 0);
  }
}
