import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';
import type { Band } from '../../api/bands.ts';
import type { Prober } from '../clients/prober.ts';
import type { Cadence } from '../environment/environment.ts';
import { LabEnvironment } from '../environment/lab.ts';
import { takeDown } from '../lab/down.ts';
import { readyMachine } from '../lab/machine.ts';
import { DEFAULT_NETWORK, type NetworkName } from '../lab/networks.ts';
import { bringUp, waitForOneHolder } from '../lab/up.ts';
import { monotonicMs } from '../support/clock.ts';
import { canMakeNamespaces, command } from '../support/needs.ts';
import { NetnsAsker } from '../support/netns-asker.ts';
import { waitFor } from '../support/wait.ts';

/** Values for quick API checks: an outage is noticed within 1.5 s, and 2.5 s later the holder counts it too. */
export const QUICK_API = ['IntervalX=0.5', 'TimeoutX=0.5', 'FailAfterX=2'].map(
  (text) => `keepalived.checkKubeApi${text.replace('X', '')}`,
);

const quiet = (): void => undefined;

/** What a lab needs of the machine. */
export const LAB_NEEDS = [canMakeNamespaces, command('nginx'), command('mmdebstrap'), command('curl')];

/** As many as a lab's name leaves room for. */
const SUFFIX_LETTERS = 2;
/** What a name may have. */
const LETTERS = 36;

/**
 * Two checkouts on one machine may be tested at the same time; one checkout finds and removes what its own broken run left. Of all that such a name
 * can be, so that two rarely have the same.
 */
export const CHECKOUT_SUFFIX = (
  createHash('sha256')
    .update(import.meta.dirname)
    .digest()
    .readUInt32BE() %
  LETTERS ** SUFFIX_LETTERS
)
  .toString(LETTERS)
  .padStart(SUFFIX_LETTERS, '0');

/** A lab that a test file works on, with the questions that tests ask of it. */
export class LabUnderTest extends LabEnvironment {
  readonly #set: readonly string[];
  readonly #network: NetworkName;
  readonly #nodes: number;
  readonly #askers = new Map<string, NetnsAsker>();

  /** @param options.nodes how many, by default three */
  constructor(options: { name: string; set?: readonly string[]; network?: NetworkName; nodes?: number }) {
    super(`${options.name}${CHECKOUT_SUFFIX}`);
    this.#set = options.set ?? [];
    this.#network = options.network ?? DEFAULT_NETWORK;
    this.#nodes = options.nodes ?? 3;
  }

  /** Brings the lab up before the tests of the block and removes it after them, whatever happened. */
  register(): void {
    beforeAll(async () => {
      await takeDown(this.name);
      const machine = await readyMachine(quiet);
      const values = { files: [], set: this.#set };
      await bringUp({ name: this.name, nodes: this.#nodes, network: this.#network, values }, machine, quiet);
      await this.ready();
    });
    afterAll(async () => {
      for (const asker of this.#askers.values()) asker.stop();
      await takeDown(this.name);
    });
  }

  override ask(node: string, path: string): Promise<string> {
    const asker = this.#askers.get(node) ?? new NetnsAsker(this.host(node).netns);
    this.#askers.set(node, asker);
    return asker.ask(this.urlOf(path));
  }

  /** Waits for exactly one holder of every address. */
  oneHolder(): Promise<string> {
    return waitForOneHolder(this.state);
  }

  /**
   * Waits until every node could take over, one holds the address, and every sidecar has been told so by its keepalived: what begins
   * afterwards is not mixed up with the end of what came before.
   */
  async ready(): Promise<string> {
    await waitFor('every node to be fit', () => this.fitNodes().length === this.nodes.length);
    // With failback the first to hold it may not be the one that keeps it: who does is asked anew each time.
    return waitFor('every sidecar to know the holder for the master', async () => {
      const holder = await this.oneHolder();
      return (await this.#agreeOn(holder)) ? holder : undefined;
    });
  }

  /** Waits until the holder is another node than `from`. */
  movedFrom(from: string): Promise<string> {
    return waitFor(`the address to leave ${from}`, async () => {
      const holders = await this.holders();
      return holders.length === 1 && holders[0] !== from ? holders[0] : undefined;
    });
  }

  /** What a sidecar tells of itself. */
  async status(node: string): Promise<Record<string, never>> {
    return JSON.parse(await this.ask(node, '/status'));
  }

  /** Whether every node is in a band. */
  async allIn(band: Band): Promise<boolean> {
    const statuses: Record<string, { band?: number } | null>[] = await Promise.all(
      this.nodes.map((node) => this.status(node)),
    );
    return statuses.every(({ fitness }) => fitness?.band === band);
  }

  /** Sum of a metric over its labels. */
  async metric(node: string, name: string): Promise<number> {
    const lines = (await this.ask(node, '/metrics'))
      .split('\n')
      .filter((line) => line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Changes of VRRP state so far, as metrics' lines by node: two answers differ in what happened between them. */
  async transitions(): Promise<Record<string, string[]>> {
    const lines = this.nodes.map(async (node) => {
      const metrics = (await this.ask(node, '/metrics')).split('\n');
      return [node, metrics.filter((line) => line.startsWith('keepalived_vip_transitions_total{'))] as const;
    });
    return Object.fromEntries(await Promise.all(lines));
  }

  /** Content of a file in a node's runtime directory; empty when it is not there. */
  runtimeFile(node: string, file: string): string {
    const path = `${this.runtime(node)}/${file}`;
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  }

  /**
   * Runs a client beside `body` and gives what it saw; body's faults are the client's outages.
   * @param cadence how it asks
   * @param addresses what it asks, by default the addresses of the settings
   */
  async probed<T>(
    body: (prober: Prober) => Promise<T>,
    cadence: Cadence = {},
    addresses: readonly string[] = this.state.release.addresses,
  ): Promise<{ value: T; longestOutageMs: number; failed: number }> {
    const prober = this.prober('regular', addresses, cadence);
    await prober.start();
    try {
      const sinceMs = monotonicMs();
      const value = await body(prober);
      await prober.stop();
      const seen = prober.report(sinceMs).addresses;
      return {
        value,
        longestOutageMs: Math.max(...seen.map(({ longestOutageMs }) => longestOutageMs)),
        failed: seen.reduce((sum, { failed }) => sum + failed, 0),
      };
    } finally {
      await prober.stop();
    }
  }

  /** A sidecar that was started after its keepalived does not know the state before the next change: it counts none either. */
  async #agreeOn(holder: string): Promise<boolean> {
    const agreed = this.nodes.map(async (node) => {
      const answer = await this.ask(node, '/status');
      const state = answer === '' ? undefined : JSON.parse(answer).vrrp?.state;
      return state === 'UNKNOWN' || state === (node === holder ? 'MASTER' : 'BACKUP');
    });
    return (await Promise.all(agreed)).every(Boolean);
  }
}
