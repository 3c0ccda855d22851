import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressCommand, createSwitches, plugIn } from '../cables.ts';
import { type Container, execInContainer, killContainer, startContainer } from '../container.ts';
import { INTERFACE, ip, ipBatch, netnsPath, removeNetns, sysctl } from '../netns.ts';
import { killAll, refsInNetns } from '../processes.ts';
import { type WaitOptions, waitFor } from '../wait.ts';
import { type BirdSetup, birdConfiguration, birdRouter } from './bird-router.ts';
import { frrRouter } from './frr-router.ts';
import { type Neighbour, RUN } from './router.ts';

/** Two routers between the nodes and a client behind them. */
export const ROUTER_NAMES = ['router1', 'router2'] as const;
export type RouterName = (typeof ROUTER_NAMES)[number];
type Addresses = Readonly<Record<4 | 6, string>>;

/**
 * Their addresses in the nodes' network.
 * @param node an address of each family of one node; the networks have 24 and 64 bits
 */
export function routerAddresses(node: Addresses): Readonly<Record<RouterName, Addresses>> {
  const own = (tail: number): Addresses => ({
    4: node[4].replace(/\d+$/, String(tail)),
    6: node[6].replace(/[0-9a-f]+$/, String(tail)),
  });
  return { router1: own(251), router2: own(252) };
}

/** How a router is set up: with BIRD, or with FRR and this configuration. */
export type RouterSetup = BirdSetup | { readonly frr: string };

/** Of the client, and of the routers on its side. */
const BEHIND = { 4: '10.40.0.', 6: 'fd00:40::' } as const;
const LENGTHS = { 4: 24, 6: 64 } as const;
const FAMILIES = [4, 6] as const;
const CLIENT_TAIL = 9;
const KILL_LIMIT_MS = 15_000;

/** A path of a route, as `ip -json route` has it. */
interface Hop {
  readonly gateway?: string;
}
interface Route extends Hop {
  readonly dst: string;
  readonly nexthops?: readonly Hop[];
}

/** Two routers that spread packets over equal paths by address and port, and a client that does the same over both. */
export class Routers {
  readonly #name: string;
  readonly #folder: string;
  readonly #addresses: Readonly<Record<RouterName, Addresses>>;
  readonly #containers = new Map<RouterName, Container>();
  readonly #starts = new Map<RouterName, () => Promise<void>>();

  /** @param addresses in the nodes' network, see {@link routerAddresses} */
  constructor(name: string, addresses: Readonly<Record<RouterName, Addresses>>) {
    this.#name = name;
    this.#addresses = addresses;
    this.#folder = mkdtempSync(join(tmpdir(), `${name}-`));
  }

  netns(machine: RouterName | 'client' | 'behind'): string {
    return `${this.#name}-${machine}`;
  }

  /** The IPv4 address of a router in the client's network. */
  behind(router: RouterName): string {
    return `${BEHIND[4]}${ROUTER_NAMES.indexOf(router) + 1}`;
  }

  /** The client's IPv4 address. */
  get clientAddress(): string {
    return `${BEHIND[4]}${CLIENT_TAIL}`;
  }

  /** Plugs them into the nodes' switch, makes the nodes' way back, and starts what learns of addresses. */
  async start(
    nodesSwitch: string,
    nodes: readonly Neighbour[],
    setups: Partial<Record<RouterName, RouterSetup>> = {},
  ): Promise<void> {
    const machines = [...ROUTER_NAMES, 'client'] as const;
    const behind = this.netns('behind');
    await createSwitches(
      behind,
      ['behind'],
      machines.map((name) => ({ name, netns: this.netns(name) })),
    );
    const mac = (net: number, index: number) => `02:1e:00:0${net}:00:0${index + 1}`;
    await plugIn(
      behind,
      machines.map((name, index) => {
        const netns = this.netns(name);
        return {
          netns,
          name: name === 'client' ? INTERFACE : 'eth1',
          mac: mac(8, index),
          bridge: 'behind',
          port: name,
        };
      }),
    );
    await plugIn(
      nodesSwitch,
      ROUTER_NAMES.map((name, index) => {
        return { netns: this.netns(name), name: INTERFACE, mac: mac(9, index), bridge: 'switch0', port: name };
      }),
    );
    await Promise.all(ROUTER_NAMES.map((name, index) => this.#setUp(name, index)));
    await this.#setUpClient();
    for (const { netns } of nodes) await this.wayBack(netns);
    for (const name of ROUTER_NAMES) {
      const folder = join(this.#folder, name);
      mkdirSync(folder);
      this.#starts.set(name, () => this.#startRouter(name, folder, nodes, setups[name] ?? {}));
      await this.find(name);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#containers.values()].map(killContainer));
    const namespaces = [...ROUTER_NAMES, 'client', 'behind'] as const;
    const names = namespaces.map((name) => this.netns(name));
    await killAll(refsInNetns(names.map(netnsPath)), KILL_LIMIT_MS);
    await removeNetns(names);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Next hops that a router's kernel has for an address, each once. */
  async hops(router: RouterName, address: string): Promise<string[]> {
    const family = address.includes(':') ? '-6' : '-4';
    const text = await ip([family, '-json', 'route', 'show'], this.netns(router));
    const routes = JSON.parse(text === '' ? '[]' : text) as Route[];
    const hops = routes.filter(({ dst }) => dst === address).flatMap((route) => route.nexthops ?? [route]);
    return [...new Set(hops.flatMap(({ gateway }) => gateway ?? []))].toSorted((a, b) => a.localeCompare(b, 'en'));
  }

  /** Waits until both routers have exactly these next hops for an address. */
  async haveHops(
    address: string,
    expected: readonly string[],
    routers: readonly RouterName[] = ROUTER_NAMES,
    limit: WaitOptions = {},
  ) {
    const seen: Partial<Record<RouterName, string[]>> = {};
    const wanted = expected.toSorted((a, b) => a.localeCompare(b, 'en')).join();
    await waitFor(
      `the next hops of ${address} to be ${wanted || 'none'}`,
      async () => {
        for (const name of routers) seen[name] = await this.hops(name, address);
        return routers.every((name) => seen[name]?.join() === wanted);
      },
      { everyMs: 20, ...limit },
      () => JSON.stringify(seen),
    );
  }

  /** What BIRD of a router says to a command. */
  ask(router: RouterName, ...words: readonly string[]): Promise<string> {
    return this.#exec(router, ['/usr/sbin/birdcl', '-s', `${RUN}/ctl`, ...words]);
  }

  /** What FRR of a router says to a command. */
  askFrr(router: RouterName, command: string): Promise<string> {
    return this.#exec(router, ['/usr/bin/vtysh', '-c', command]);
  }

  /** Starts a router's programs, at first or when it was lost. */
  async find(router: RouterName): Promise<void> {
    await this.#starts.get(router)?.();
  }

  /** Ends a router's programs, as its loss does; its network stays, and the paths that its kernel has. */
  async lose(router: RouterName): Promise<void> {
    const container = this.#containers.get(router);
    if (container !== undefined) await killContainer(container);
  }

  /** What the programs of a router have logged. */
  log(router: RouterName): string {
    return readFileSync(join(this.#folder, `${router}.log`), 'utf8');
  }

  /** Makes a node's way back to the client, which a boot takes away. */
  async wayBack(netns: string): Promise<void> {
    const routes = FAMILIES.map((family) => {
      const hops = ROUTER_NAMES.map((name) => `nexthop via ${this.#addresses[name][family]}`);
      return `route replace ${BEHIND[family]}${family === 4 ? '0' : ''}/${LENGTHS[family]} ${hops.join(' ')}`;
    });
    await ipBatch(routes, netns);
  }

  async #exec(router: RouterName, argv: readonly [string, ...string[]]): Promise<string> {
    const container = this.#containers.get(router);
    if (container === undefined) throw new Error(`${router} does not run`);
    return (await execInContainer(container, { argv })).stdout;
  }

  async #setUp(name: RouterName, index: number): Promise<void> {
    const netns = this.netns(name);
    await sysctl(netns, {
      'net.ipv4.ip_forward': '1',
      'net.ipv6.conf.all.forwarding': '1',
      'net.ipv4.fib_multipath_hash_policy': '1',
      'net.ipv6.fib_multipath_hash_policy': '1',
      // What it is sent for a node goes out by the interface that it came in by, where the kernel would tell the sender of a shorter way.
      'net.ipv4.conf.all.send_redirects': '0',
      'net.ipv4.conf.default.send_redirects': '0',
    });
    const addresses = FAMILIES.flatMap((family) => [
      addressCommand(`${this.#addresses[name][family]}/${LENGTHS[family]}`, INTERFACE),
      addressCommand(`${BEHIND[family]}${index + 1}/${LENGTHS[family]}`, 'eth1'),
    ]);
    await ipBatch(['link set lo up', `link set ${INTERFACE} up`, 'link set eth1 up', ...addresses], netns);
  }

  async #setUpClient(): Promise<void> {
    const netns = this.netns('client');
    await sysctl(netns, { 'net.ipv4.fib_multipath_hash_policy': '1', 'net.ipv6.fib_multipath_hash_policy': '1' });
    const own = FAMILIES.map((family) =>
      addressCommand(`${BEHIND[family]}${CLIENT_TAIL}/${LENGTHS[family]}`, INTERFACE),
    );
    const routes = FAMILIES.map((family) => {
      const hops = ROUTER_NAMES.map((_, index) => `nexthop via ${BEHIND[family]}${index + 1}`);
      return `route add ${family === 4 ? '0.0.0.0/0' : '::/0'} ${hops.join(' ')}`;
    });
    await ipBatch(['link set lo up', `link set ${INTERFACE} up`, ...own, ...routes], netns);
  }

  async #startRouter(name: RouterName, folder: string, nodes: readonly Neighbour[], setup: RouterSetup): Promise<void> {
    const place = { address: this.#addresses[name][4], behind: this.behind(name) };
    const program =
      'frr' in setup
        ? await frrRouter(folder, setup.frr)
        : await birdRouter(folder, birdConfiguration(place, nodes, setup));
    const container = await startContainer({
      ...program,
      netns: this.netns(name),
      binds: [{ host: folder, container: RUN, readOnly: false }],
      logFile: join(this.#folder, `${name}.log`),
    });
    this.#containers.set(name, container);
  }
}
