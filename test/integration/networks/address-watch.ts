import type { ChildProcess } from 'node:child_process';
import type { HostPlan } from '../../lab/network-plan.ts';
import { type AddressChange, monitorAddresses, parseAddressLine } from '../../support/address-monitor.ts';
import { monotonicMs } from '../../support/clock.ts';
import { courseOf, type HoldingChange, placesAfter, spells } from '../../support/holdings.ts';
import { ip } from '../../support/netns.ts';

/** Tells a moment (ms of CLOCK_MONOTONIC) by what was being done. */
type When = (atMs: number) => string;

/** Remembers every address that came to a node or left it, from its start on. */
export class AddressWatch {
  readonly #changes = new Map<string, HoldingChange[]>();
  readonly #monitors: ChildProcess[];

  private constructor(nodes: readonly HostPlan[]) {
    this.#monitors = nodes.map(({ name, netns }) =>
      monitorAddresses(netns, (atMs, change) => this.#take(name, atMs, change)),
    );
  }

  /** Begins to watch, with what the nodes have now. */
  static async start(nodes: readonly HostPlan[]): Promise<AddressWatch> {
    const watch = new AddressWatch(nodes);
    await Promise.all(nodes.map((node) => watch.#seed(node)));
    return watch;
  }

  /** What is there and was not told to be new. */
  async #seed({ name, netns }: HostPlan): Promise<void> {
    const lines = (await ip(['-o', 'address', 'show'], netns)).split('\n');
    for (const change of lines.flatMap((line) => parseAddressLine(line) ?? [])) {
      const isKnown = this.changes(change.address).some(
        ({ node, interface: on }) => node === name && on === change.interface,
      );
      if (!isKnown) this.#take(name, monotonicMs(), change);
    }
  }

  #take(node: string, atMs: number, change: AddressChange): void {
    const known = this.#changes.get(change.address) ?? [];
    this.#changes.set(change.address, known);
    known.push({ atMs, node, ...change });
  }

  stop(): void {
    for (const monitor of this.#monitors) monitor.kill('SIGKILL');
  }

  changes(address: string): readonly HoldingChange[] {
    return this.#changes.get(address) ?? [];
  }

  /** The nodes that have an address now. */
  holders(address: string): string[] {
    return [...new Set(placesAfter(this.changes(address)).map(({ node }) => node))];
  }

  /**
   * What nobody may ever see: two holders for longer than a take-over takes, or the address on another interface than its own.
   * @param when tells a moment by what was being done
   */
  violations(address: string, nic: string, limitMs: (fromMs: number, toMs: number) => number, when: When): string[] {
    const changes = this.changes(address);
    const doubled = spells(changes, monotonicMs(), (holders) => holders > 1).filter(
      ({ fromMs, toMs }) => toMs - fromMs > limitMs(fromMs, toMs),
    );
    const strays = changes.filter(({ interface: on, added }) => added && on !== nic);
    return [
      ...doubled.map(({ fromMs, toMs, nodes }) => {
        const took = `${((toMs - fromMs) / 1000).toFixed(1)} s`;
        const span = `from ${when(fromMs)} to ${when(toMs)}`;
        return `${address}: ${nodes.join(' and ')} had it for ${took}, ${span} (${courseOf(changes, fromMs, toMs)})`;
      }),
      ...strays.map(
        ({ node, interface: on, atMs }) => `${address}: ${node} had it on ${on} instead of ${nic}, from ${when(atMs)}`,
      ),
    ];
  }
}
