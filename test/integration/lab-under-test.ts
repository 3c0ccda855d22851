import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { afterAll, beforeAll } from 'vitest';
import type { Prober } from '../clients/prober.ts';
import { takeDown } from '../lab/down.ts';
import { injectFault } from '../lab/fault-control.ts';
import type { FaultName } from '../lab/fault-names.ts';
import { readyMachine } from '../lab/machine.ts';
import { DEFAULT_NETWORK, type NetworkName } from '../lab/networks.ts';
import { nodeDirectory } from '../lab/node-directory.ts';
import { labProber } from '../lab/probe.ts';
import { RUNTIME_VOLUME } from '../lab/runtime-files.ts';
import { type LabState, readState } from '../lab/state.ts';
import { holdersOf } from '../lab/status.ts';
import { networkOf } from '../lab/targets.ts';
import { bringUp, waitForOneHolder } from '../lab/up.ts';
import { monotonicMs } from '../support/clock.ts';
import { canMakeNamespaces, command } from '../support/needs.ts';
import { inNetns } from '../support/netns.ts';
import { waitFor } from '../support/wait.ts';

/** Values for quick API checks: an outage is noticed within 1.5 s, and 2.5 s later the holder counts it too. */
export const QUICK_API = ['IntervalX=0.5', 'TimeoutX=0.5', 'FailAfterX=2'].map(
  (text) => `keepalived.checkKubeApi${text.replace('X', '')}`,
);

const LIMIT_MS = 20_000;
const REQUEST_LIMIT_MS = 5000;
const quiet = (): void => undefined;

/** What a lab needs of the machine. */
export const LAB_NEEDS = [canMakeNamespaces, command('nginx'), command('mmdebstrap'), command('curl')];

/** Two checkouts on one machine may be tested at the same time; one checkout finds and removes what its own broken run left. */
export const CHECKOUT_SUFFIX = createHash('sha256')
  .update(import.meta.dirname)
  .digest('hex')
  .slice(0, 2);

/** A lab that a test file works on, with the questions that tests ask of it. */
export class LabUnderTest {
  readonly name: string;
  readonly #set: readonly string[];
  readonly #network: NetworkName;
  readonly #nodes: number;

  /** @param options.nodes how many, by default three */
  constructor(options: { name: string; set?: readonly string[]; network?: NetworkName; nodes?: number }) {
    this.name = `${options.name}${CHECKOUT_SUFFIX}`;
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
    afterAll(() => takeDown(this.name));
  }

  /** The lab's state as its last command left it. */
  get state(): LabState {
    return readState(this.name);
  }

  get nodes(): string[] {
    return this.state.nodes.map(({ name }) => name);
  }

  /** The first virtual address. */
  get address(): string {
    return this.state.release.addresses[0] ?? '';
  }

  /** Names of the nodes that have the address on an interface. */
  holders(address = this.address): Promise<string[]> {
    return holdersOf(networkOf(this.state), address);
  }

  /** Waits for exactly one holder of every address. */
  oneHolder(limitMs = LIMIT_MS): Promise<string> {
    return waitForOneHolder(this.state, { limitMs });
  }

  /**
   * Waits until every node could take over, one holds the address, and every sidecar has been told so by its keepalived: what begins
   * afterwards is not mixed up with the end of what came before.
   */
  async ready(): Promise<string> {
    await waitFor('every node to be fit', () => this.nodes.every((node) => this.#isFit(node)), { limitMs: LIMIT_MS });
    // With failback the first to hold it may not be the one that keeps it: who does is asked anew each time.
    return waitFor(
      'every sidecar to know the holder for the master',
      async () => {
        const holder = await this.oneHolder();
        return (await this.#agreeOn(holder)) ? holder : undefined;
      },
      { limitMs: LIMIT_MS },
    );
  }

  /** Waits until the holder is another node than `from`. */
  movedFrom(from: string, limitMs = LIMIT_MS): Promise<string> {
    return waitFor(
      `the address to leave ${from}`,
      async () => {
        const holders = await this.holders();
        return holders.length === 1 && holders[0] !== from ? holders[0] : undefined;
      },
      { limitMs },
    );
  }

  /** Asks a sidecar, inside its node's network. */
  async ask(node: string, path: string): Promise<string> {
    const { sidecarUrl } = this.state.release;
    const url = new URL(path, sidecarUrl);
    if (path === '/metrics') url.port = String(Number(url.port) + 1);
    return this.fetch(this.#host(node).netns, url.href);
  }

  /** What a sidecar tells of itself. */
  async status(node: string): Promise<Record<string, never>> {
    return JSON.parse(await this.ask(node, '/status'));
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

  /** Fetches a URL from inside a network namespace. */
  async fetch(netns: string, url: string): Promise<string> {
    const [program, ...args] = inNetns(netns, ['curl', '-s', '-m', '3', url]);
    return (await execa(program, args, { timeout: REQUEST_LIMIT_MS, reject: false })).stdout;
  }

  /** Content of a file in a node's runtime directory; empty when it is not there. */
  runtimeFile(node: string, file: string): string {
    const path = `${nodeDirectory(this.name, node).volume(RUNTIME_VOLUME)}/${file}`;
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  }

  /** Runs a client beside `body` and gives what it saw; body's faults are the client's outages. */
  async probed<T>(
    body: (prober: Prober) => Promise<T>,
  ): Promise<{ value: T; longestOutageMs: number; failed: number }> {
    const prober = labProber(this.state, 'regular');
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

  /** Injects a fault, by default on the holder and its first interface. */
  async fault(name: FaultName, node?: string, nic?: string): Promise<void> {
    await injectFault(this.name, name, node, nic);
  }

  #host(node: string) {
    const host = networkOf(this.state).nodes.find(({ name }) => name === node);
    if (host === undefined) throw new Error(`no node ${node}`);
    return host;
  }

  #isFit(node: string): boolean {
    const [gate, offset, pulse] = ['gate', 'offset', 'pulse'].map((kind) =>
      Number(this.runtimeFile(node, `track/vip.${kind}`)),
    );
    return gate === 1 && (offset ?? -255) >= -30 && pulse === 0;
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
