import type { ChildProcess } from 'node:child_process';
import { type AddressChange, monitorAddresses, parseAddressLine } from './address-monitor.ts';
import { monotonicMs } from './clock.ts';
import { type HoldingChange, placesAfter } from './holdings.ts';
import { ip, type NamedNetns } from './netns.ts';

/** Watches the addresses on nodes as the kernel tells of them. A node that reboots must be watched anew. */
export class AddressWatch {
  readonly #changes = new Map<string, HoldingChange[]>();
  readonly #monitors = new Map<string, ChildProcess>();

  /** Begins to watch, with what the nodes have now. */
  static async start(nodes: readonly NamedNetns[]): Promise<AddressWatch> {
    const watch = new AddressWatch();
    watch.watch(nodes);
    await Promise.all(nodes.map((node) => watch.#seed(node)));
    return watch;
  }

  /** Begins to watch nodes, also those whose watch ended with them. What they have already is not told. */
  watch(nodes: readonly NamedNetns[]): void {
    for (const { name, netns } of nodes) {
      this.#monitors.get(name)?.kill('SIGKILL'); // it may look at the namespace of before a reboot
      this.#monitors.set(
        name,
        monitorAddresses(netns, (atMs, change) => this.#take(name, atMs, change)),
      );
    }
  }

  stop(): void {
    for (const monitor of this.#monitors.values()) monitor.kill('SIGKILL');
    this.#monitors.clear();
  }

  /** What has been seen of an address since then, in order. */
  changes(address: string, sinceMs = 0): readonly HoldingChange[] {
    return (this.#changes.get(address) ?? []).filter(({ atMs }) => atMs >= sinceMs);
  }

  /** The nodes that have an address now, as far as they were watched when it came. */
  holders(address: string): string[] {
    return [...new Set(placesAfter(this.changes(address)).map(({ node }) => node))];
  }

  /** The moments since then at which the address came to another node than `from`. */
  arrivals(address: string, sinceMs: number, from: string): readonly HoldingChange[] {
    return this.changes(address, sinceMs).filter(({ added, node }) => added && node !== from);
  }

  /** How often the address came to another node than it was on. */
  moves(address: string, sinceMs: number, from: string): number {
    const path = this.changes(address, sinceMs)
      .filter(({ added }) => added)
      .map(({ node }) => node);
    return [from, ...path].filter((node, index, all) => index > 0 && node !== all[index - 1]).length;
  }

  /** What is there and was not told to be new. */
  async #seed({ name, netns }: NamedNetns): Promise<void> {
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
}
