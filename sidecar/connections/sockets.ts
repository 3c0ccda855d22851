import { addressBytes, addressBytesOf, type Clients, type Endpoint, portBytes } from './endpoint.ts';

/* Who is connected to this node's virtual addresses, from the kernel's tables of sockets (proc_pid_net(5), "tcp" and "tcp6"). Pure. */

/** What is looked for. */
export interface Wanted {
  /** Virtual addresses that this node has, canonical. */
  readonly addresses: readonly string[];
  /** Addresses, canonical, and the port of them that is redirected to another port of this node, on which the connections are then found. */
  readonly redirected: readonly {
    readonly addresses: readonly string[];
    readonly port: number;
    readonly toPort: number;
  }[];
  /** The node's own addresses: who connects from one of them ends with the node. */
  readonly own: readonly string[];
  /** So many clients and no more. */
  readonly limit: number;
}

/** What was found. */
export interface Found {
  readonly clients: Clients;
  /** How many there are besides. */
  readonly leftOut: number;
}

/** As the tables have a state, which is found nowhere else in a line: other numbers have no zero before them, or end otherwise. */
const LISTEN = ' 0A ';
/** In these states a client may wait for something: established, what is sent last not arrived (FIN_WAIT1), and its end closed (CLOSE_WAIT). */
const CONNECTED = [' 01 ', ' 04 ', ' 08 '] as const;
/** A line up to its state. */
const LINE = /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/;
/** How an IPv4 address begins in the table of IPv6 (RFC 4291 section 2.5.5.2), by words. */
const MAPPED = '0000000000000000FFFF0000';
const WORD_DIGITS = 8;
const HEX = 16;

/** The bytes of an address of the tables: words in the processor's byte order, which is little-endian wherever this runs. */
function bytesOf(hex: string): string {
  let bytes = '';
  for (let word = 0; word < hex.length; word += WORD_DIGITS) {
    for (let at = word + WORD_DIGITS - 2; at >= word; at -= 2) {
      bytes += String.fromCharCode(Number.parseInt(hex.slice(at, at + 2), HEX));
    }
  }
  return bytes;
}

function unmapped(hex: string): string {
  return hex.startsWith(MAPPED) ? hex.slice(MAPPED.length) : hex;
}

/** A line of the tables. */
interface Socket {
  readonly local: string;
  readonly port: number;
  readonly remote: string;
  readonly remotePort: number;
}

/**
 * The sockets in one state. They are looked for by that alone: a node with many short connections has thousands that are over (TIME_WAIT, for a
 * minute each), and to read all of these lines would take so long that clients were told of only seconds after they came.
 */
function* socketsIn(table: string, state: string): Generator<Socket> {
  for (let at = table.indexOf(state); at !== -1; at = table.indexOf(state, at + 1)) {
    const [, local = '', port = '', remote = '', remotePort = ''] =
      LINE.exec(table.slice(table.lastIndexOf('\n', at) + 1, at)) ?? [];
    if (local === '') continue;
    yield {
      local: unmapped(local),
      port: Number.parseInt(port, HEX),
      remote: unmapped(remote),
      remotePort: Number.parseInt(remotePort, HEX),
    };
  }
}

/** To which addresses and ports a connection may have come that is found at a place of this node. */
interface Came {
  readonly services: readonly Endpoint[];
  /** Whether it was redirected there, so that the place does not say to which address it came. */
  readonly redirected: boolean;
}

const NOWHERE: Came = { services: [], redirected: false };

class Services {
  readonly #addresses = new Set<string>();
  /** By the port of this node that they are redirected to. */
  readonly #redirected = new Map<number, Endpoint[]>();
  readonly #listening: ReadonlySet<number>;

  constructor({ addresses, redirected }: Pick<Wanted, 'addresses' | 'redirected'>, listening: ReadonlySet<number>) {
    this.#listening = listening;
    for (const address of addresses) this.#addresses.add(addressBytes(address));
    for (const { addresses: of, port, toPort } of redirected) {
      const here = of.map(addressBytes).filter((address) => this.#addresses.has(address));
      const services = here.map((address) => address + portBytes(port));
      this.#redirected.set(toPort, [...(this.#redirected.get(toPort) ?? []), ...services]);
    }
  }

  /** Where several can be meant, all: to ask a client of a connection that it does not have does nothing. */
  at(address: string, port: number): Came {
    if (!this.#listening.has(port)) return NOWHERE;
    if (this.#addresses.has(address)) return { services: [address + portBytes(port)], redirected: false };
    const redirected = this.#redirected.get(port) ?? [];
    const services = redirected.filter((service) => addressBytesOf(service).length === address.length);
    return services.length === 0 ? NOWHERE : { services, redirected: true };
  }

  /** Whether an endpoint is of one of the addresses. */
  has(service: Endpoint): boolean {
    return this.#addresses.has(addressBytesOf(service));
  }

  /** Whether connections to an endpoint are redirected: another address may have a server of its own at the same port. */
  redirects(service: Endpoint): boolean {
    return [...this.#redirected.values()].some((services) => services.includes(service));
  }
}

/** Collects clients up to a limit. */
class Collection {
  readonly clients = new Map<Endpoint, Set<Endpoint>>();
  leftOut = 0;
  #left: number;

  constructor(limit: number) {
    this.#left = limit;
  }

  add(service: Endpoint, client: Endpoint): void {
    if (this.#left <= 0) {
      this.leftOut += 1;
      return;
    }
    const known = this.clients.get(service) ?? new Set();
    this.clients.set(service, known);
    const before = known.size;
    known.add(client);
    this.#left -= known.size - before;
  }
}

function listeningPorts(tables: readonly string[]): ReadonlySet<number> {
  return new Set(tables.flatMap((table) => [...socketsIn(table, LISTEN)].map(({ port }) => port)));
}

/** Connections of others to places that are looked for. */
function* connectionsIn(table: string, services: Services): Generator<Came & { readonly client: Endpoint }> {
  for (const { local, port, remote, remotePort } of CONNECTED.flatMap((state) => [...socketsIn(table, state)])) {
    const came = services.at(bytesOf(local), port);
    if (came.services.length > 0) yield { ...came, client: bytesOf(remote) + portBytes(remotePort) };
  }
}

/**
 * The clients of virtual addresses: who is connected to one of them at a port on which somebody listens. Pure.
 * @param tables texts of /proc/net/tcp and /proc/net/tcp6
 * @param translated clients whose connections go on to somewhere else, perhaps as they were a while ago. Where it has a client that a table
 *   has as redirected, it knows to which address that one came. Where it has one of a redirected endpoint that no table has, that one is gone: for
 *   days the kernel takes those for connected that this node was cut off from
 */
export function clientsIn(tables: readonly string[], wanted: Wanted, translated: Clients = new Map()): Found {
  const services = new Services(wanted, listeningPorts(tables));
  const own = new Set(wanted.own.map(addressBytes));
  const connections = tables.flatMap((table) => [...connectionsIn(table, services)]);
  const proxied = new Set(connections.flatMap(({ redirected, client }) => (redirected ? [client] : [])));
  const told = [...translated].flatMap(([service, clients]): [Endpoint, readonly Endpoint[]][] => {
    if (!services.has(service)) return [];
    const isThere = (client: Endpoint) => !services.redirects(service) || proxied.has(client);
    return [[service, [...clients].filter(isThere)]];
  });
  const known = new Set(told.flatMap(([, clients]) => clients));
  const collection = new Collection(wanted.limit);
  const add = (client: Endpoint, found: readonly Endpoint[]) => {
    if (!own.has(addressBytesOf(client))) for (const service of found) collection.add(service, client);
  };
  for (const { services: found, redirected, client } of connections) {
    if (!redirected || !known.has(client)) add(client, found);
  }
  for (const [service, clients] of told) for (const client of clients) add(client, [service]);
  return collection;
}
