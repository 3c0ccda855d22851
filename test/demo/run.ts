import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { findOutages, type Outage } from '../clients/outages.ts';
import { CLIENT_KINDS, type ClientKind, type Prober } from '../clients/prober.ts';
import type { LabEnvironment } from '../environment/lab.ts';
import type { FaultName } from '../lab/fault-names.ts';
import { nodeDirectory } from '../lab/node-directory.ts';
import { waitForOneHolder } from '../lab/up.ts';
import { AddressWatch } from '../support/address-watch.ts';
import { monotonicMs, wallToMonotonicMs } from '../support/clock.ts';
import type { Say } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { GateWatch } from './gate-watch.ts';
import { buildTimeline, parseLog, type TimelineEntry } from './timeline.ts';

/** One step of the demo and what clients saw of it. */
export interface DemoStep {
  readonly step: string;
  readonly node: string;
  readonly holderBefore: string;
  readonly holderAfter: string;
  /** Empty for a healing. */
  readonly timeline: readonly TimelineEntry[];
  readonly outages: Readonly<Record<ClientKind, readonly Outage[]>>;
}

/** What the demo showed. */
export interface DemoResult {
  readonly address: string;
  readonly nodes: readonly string[];
  readonly steps: readonly DemoStep[];
  /** What went otherwise than it should; empty when all is well. */
  readonly problems: readonly string[];
}

/** Longest time in which another node has to take over. */
const TAKEOVER_LIMIT_MS = 10_000;
/** After a take-over: late effects (a second election, a forgotten ARP entry) would show in this time. */
const WATCH_AFTER_FAULT_MS = 1500;
/** After a healing: an address that wants back would move in this time. */
const WATCH_AFTER_HEALING_MS = 3500;

/** The show itself, on a lab that is up: everything it starts ends with `stop`. */
export class DemoRun {
  readonly #lab: LabEnvironment;
  readonly #address: string;
  readonly #watch = new AddressWatch();
  readonly #gates = new GateWatch();
  readonly #probers: Readonly<Record<ClientKind, Prober>>;
  readonly #signal: AbortSignal;
  readonly #say: Say;

  constructor(lab: LabEnvironment, dependencies: { readonly signal: AbortSignal; readonly say: Say }) {
    this.#lab = lab;
    this.#address = lab.address;
    if (this.#address === '') throw new Error('the lab has no virtual address');
    const { addresses } = lab.state.release;
    this.#probers = { regular: lab.prober('regular', addresses), newcomer: lab.prober('newcomer', addresses) };
    this.#signal = dependencies.signal;
    this.#say = dependencies.say;
  }

  /** Begins to watch, and clients to ask. @throws Error where no sidecar has written a gate yet */
  async start(): Promise<void> {
    this.#watch.watch(this.#lab.hosts);
    this.#gates.watch(this.#lab);
    await Promise.all(CLIENT_KINDS.map((kind) => this.#probers[kind].start()));
  }

  async stop(): Promise<void> {
    this.#watch.stop();
    this.#gates.stop();
    await Promise.all(CLIENT_KINDS.map((kind) => this.#probers[kind].stop()));
  }

  /** The node that holds the address. */
  holder(): Promise<string> {
    return waitForOneHolder(this.#lab.state, { signal: this.#signal });
  }

  /** Breaks the holder and watches another node take over. */
  async break(fault: FaultName): Promise<DemoStep> {
    const before = await this.holder();
    this.#say(`${fault} on ${before}`);
    const { injectedAt } = await this.#lab.inject(fault, before);
    const faultMs = injectedAt.monotonicMs;
    const served = () => this.#servedElsewhere(before, faultMs);
    const limit = { limitMs: TAKEOVER_LIMIT_MS, signal: this.#signal };
    await waitFor('the address on another node, and an answer from there', served, limit);
    await delay(WATCH_AFTER_FAULT_MS, undefined, { signal: this.#signal });
    const timeline = buildTimeline({
      fault,
      node: before,
      address: this.#address,
      faultMs,
      gates: this.#gates.events,
      changes: this.#watch.changes(this.#address),
      log: parseLog(readFileSync(nodeDirectory(this.#lab.name, before).log('sidecar'), 'utf8')),
      attempts: this.#probers.regular.attempts(this.#address, faultMs),
      toMonotonicMs: wallToMonotonicMs,
    });
    const holderAfter = timeline.find(({ event }) => event === 'new holder')?.node ?? 'nobody';
    return {
      step: fault,
      node: before,
      holderBefore: before,
      holderAfter,
      timeline,
      outages: this.#outagesSince(faultMs),
    };
  }

  /** Repairs what is broken and watches where the address is afterwards. */
  async repair(fault: FaultName, node: string): Promise<DemoStep> {
    const holderBefore = await this.holder();
    const startMs = monotonicMs();
    await this.#lab.heal({ fault, node });
    this.#say(`${fault} on ${node} is healed`);
    await delay(WATCH_AFTER_HEALING_MS, undefined, { signal: this.#signal });
    const holderAfter = await this.holder();
    const step = `${fault} healed`;
    return { step, node, holderBefore, holderAfter, timeline: [], outages: this.#outagesSince(startMs) };
  }

  #servedElsewhere(node: string, sinceMs: number): boolean {
    const moved = this.#watch.arrivals(this.#address, sinceMs, node).length > 0;
    const attempts = this.#probers.regular.attempts(this.#address, sinceMs);
    return moved && attempts.some((attempt) => attempt.ok && attempt.who !== node);
  }

  /** The outages that ended after `sinceMs`: the attempts of just before are needed to see where they began. */
  #outagesSince(sinceMs: number): Record<ClientKind, Outage[]> {
    const of = (kind: ClientKind) =>
      findOutages(this.#probers[kind].attempts(this.#address)).filter((outage) => outage.toMs >= sinceMs);
    return { regular: of('regular'), newcomer: of('newcomer') };
  }
}
