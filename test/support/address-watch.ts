import type { ChildProcess } from 'node:child_process';
import type { MachinePlan } from '../cluster/plan.ts';
import { monitorAddresses } from './address-monitor.ts';

/** An address that came to a node, or left it, at the moment at which it was seen (ms of CLOCK_MONOTONIC). */
export interface AddressEvent {
  readonly atMs: number;
  readonly node: string;
  readonly address: string;
  readonly added: boolean;
}

/** Watches the addresses on nodes as the kernel tells of them. A node that reboots must be watched anew. */
export class AddressWatch {
  readonly #events: AddressEvent[] = [];
  readonly #monitors = new Map<string, ChildProcess>();

  /** Begins to watch nodes, also those whose watch ended with them. */
  watch(nodes: readonly MachinePlan[]): void {
    for (const node of nodes) {
      const monitor = this.#monitors.get(node.name);
      if (monitor !== undefined) monitor.kill('SIGKILL'); // it may look at the namespace of before a reboot
      this.#monitors.set(node.name, this.#monitor(node));
    }
  }

  stop(): void {
    for (const monitor of this.#monitors.values()) monitor.kill('SIGKILL');
    this.#monitors.clear();
  }

  /** What has been seen of an address since then, in order. */
  events(address: string, sinceMs: number): AddressEvent[] {
    return this.#events.filter((event) => event.address === address && event.atMs >= sinceMs);
  }

  /** How often the address came to another node than it was on. */
  moves(address: string, sinceMs: number, from: string): number {
    const path = this.events(address, sinceMs)
      .filter(({ added }) => added)
      .map(({ node }) => node);
    return [from, ...path].filter((node, index, all) => index > 0 && node !== all[index - 1]).length;
  }

  #monitor({ name, netns }: MachinePlan): ChildProcess {
    return monitorAddresses(netns, (atMs, change) => {
      this.#events.push({ atMs, node: name, ...change });
    });
  }
}
