import { Clients } from '../clients/clients.ts';
import { type ClientKind, Prober, type ProberOptions } from '../clients/prober.ts';
import { AddressWatch } from '../support/address-watch.ts';
import type { Instant } from '../support/clock.ts';
import type { FaultFilter } from '../support/faults.ts';
import { holdersIn } from '../support/held-addresses.ts';
import { named } from '../support/named.ts';
import { fetchIn, type NamedNetns } from '../support/netns.ts';
import { countsNoFailure } from './fitness.ts';

/** How a client asks. */
export type Cadence = Omit<ProberOptions, 'kind' | 'netns' | 'addresses'>;

/**
 * Nodes with the product on them, clients beside them, and the means to break and to repair: namespaces of the lab, or machines of a real
 * Kubernetes. What the last command left is looked at each time, so it may be made before it is up.
 */
export abstract class Environment<Fault extends string, Host extends NamedNetns = NamedNetns> {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** The nodes, with the namespaces of their networks. */
  abstract get hosts(): readonly Host[];

  /**
   * Breaks something.
   * @param node by default the one that holds the address
   * @throws Error when it is broken already, or there is nothing to damage
   */
  abstract inject(fault: Fault, node?: string): Promise<{ readonly injectedAt: Instant }>;

  /** Repairs what was broken. */
  abstract heal(which?: FaultFilter<Fault>): Promise<unknown>;

  /** The virtual addresses that each node holds now, by the node's name, from the kernel; a node that is off is left out. */
  abstract held(): Promise<Readonly<Record<string, readonly string[]>>>;

  /** The nodes that could take an address over. */
  abstract fitNodes(): string[];

  /** Where a sidecar tells of itself, as seen on its node. */
  protected abstract get sidecarUrl(): string;

  /** The namespace of a kind of client. */
  abstract clientNetns(kind: ClientKind): string;

  /** The nodes' names. */
  get nodes(): string[] {
    return this.hosts.map(({ name }) => name);
  }

  /** A node with its namespace. @throws Error when there is none of this name */
  host(node: string): Host {
    return named('node', this.hosts, node);
  }

  /** The nodes that have an address (without prefix length) on an interface now. */
  async holders(address: string): Promise<string[]> {
    return holdersIn(await this.held(), address);
  }

  /** Begins to watch the addresses of all nodes. End it with `stop`. */
  watch(): AddressWatch {
    const watch = new AddressWatch();
    watch.watch(this.hosts);
    return watch;
  }

  /** A client that does not run yet. */
  prober(kind: ClientKind, addresses: readonly string[], cadence: Cadence = {}): Prober {
    return new Prober({ kind, netns: this.clientNetns(kind), addresses, ...cadence });
  }

  /** A client, and what it sees; it does not run yet. @param quietMs service is steady when no attempt has failed for so long */
  clients(kind: ClientKind, addresses: readonly string[], cadence: Cadence, quietMs?: number): Clients {
    return new Clients(() => this.prober(kind, addresses, cadence), addresses, quietMs);
  }

  /** What the sidecar of a node answers, asked on its node; '' when it does not. */
  ask(node: string, path: string): Promise<string> {
    return fetchIn(this.host(node).netns, this.urlOf(path));
  }

  /** Where a sidecar has a page, as seen on its node. */
  protected urlOf(path: string): string {
    const url = new URL(path, this.sidecarUrl);
    if (path === '/metrics') url.port = String(Number(url.port) + 1);
    return url.href;
  }

  /** Those nodes on which some check counts failures, or whose sidecar does not answer: what they decide next rests on a fault of before. */
  async countingNodes(nodes: readonly string[]): Promise<string[]> {
    const clear = await Promise.all(nodes.map(async (node) => countsNoFailure(await this.ask(node, '/metrics'))));
    return nodes.filter((_, index) => clear[index] !== true);
  }
}
