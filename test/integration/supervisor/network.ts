import { afterAll, afterEach, beforeAll } from 'vitest';
import { ensureImageRoot } from '../../support/image-root.ts';
import { canMakeNamespaces, command, mustSkip } from '../../support/needs.ts';
import { addNetns, ip, ipBatch } from '../../support/netns.ts';
import { PREFIX } from './config.ts';
import { TestNode } from './node.ts';

/** Whether tests of the supervisor have to be skipped on this machine; see {@link mustSkip}. */
export function mustSkipSupervisor(what: string): boolean {
  return mustSkip(what, [canMakeNamespaces, command('mmdebstrap')]);
}

/** A switch, and nodes on it; every node is a network namespace with one interface, eth0. */
export class TestNetwork {
  readonly #name = `svt${process.pid}`;
  readonly #nodes: TestNode[] = [];

  get #switch(): string {
    return `${this.#name}-sw`;
  }

  /** Makes the switch before the tests of the block; ends the nodes after each, and everything after the last, whatever happened. */
  register(): void {
    beforeAll(async () => {
      await ensureImageRoot();
      await addNetns(this.#switch);
      await ipBatch(['link add br0 type bridge', 'link set br0 up'], this.#switch);
    });
    afterEach(() => this.#closeNodes());
    afterAll(async () => {
      await this.#closeNodes();
      await ip(['netns', 'delete', this.#switch]);
    });
  }

  /** Makes a node; it has the address 10.77.0.<number>. */
  async node(): Promise<TestNode> {
    const number = this.#nodes.length + 1;
    const node = new TestNode(`${this.#name}-${number}`, `10.77.0.${number}`);
    this.#nodes.push(node);
    await addNetns(node.netns);
    await ipBatch(
      [
        `link add eth0 type veth peer name port${number} netns ${this.#switch}`,
        `address add ${node.address}/${PREFIX} dev eth0`,
        'link set lo up',
        'link set eth0 up',
      ],
      node.netns,
    );
    await ipBatch([`link set port${number} master br0`, `link set port${number} up`], this.#switch);
    return node;
  }

  /** Ends the nodes' processes and takes them off the network. */
  async #closeNodes(): Promise<void> {
    for (const node of this.#nodes) await node.close();
  }
}
