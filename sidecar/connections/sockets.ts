import { familyOf } from '../../common/addresses.ts';
import { addressBytes, addressBytesOf, type Clients, type Endpoint, portBytes } from './endpoint.ts';

/* Who is connected to this node's virtual addresses, from the kernel's tables of sockets (proc_pid_net(5), "tcp" and "tcp6"). Pure. */

/** What is looked for. */
export interface Wanted {
  /** Virtual addresses that this node has, canonical. */
  readonly addresses: readonly string[];
  /** Ports of all of these that are redirected to another port of this node, on which the connections are then found. */
  readonly redirected: readonly { readonly port: number; readonly toPort: number }[];
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

const LISTEN = '0A';
/** In these states a client may wait for something: established, its end closed (CLOSE_WAIT), and what is sent last not arrived (FIN_WAIT1). */
const LINE =
  /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) (01|04|08|0A) /gm;
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
  readonly state: string;
}

function* socketsIn(table: string): Generator<Socket> {
  for (const [, local = '', port = '', remote = '', remotePort = '', state = ''] of table.matchAll(LINE)) {
    yield {
      local: unmapped(local),
      port: Number.parseInt(port, HEX),
      remote: unmapped(remote),
      remotePort: Number.parseInt(remotePort, HEX),
      state,
    };
  }
}

/** By which addresses and ports a connection may have come that is found at a place of this node. */
class Services {
  readonly #addresses = new Set<string>();
  readonly #redirected = new Map<number, string[]>();
  readonly #ofFamily: Readonly<Record<4 | 6, readonly string[]>>;

  readonly #listening: ReadonlySet<number>;

  constructor({ addresses, redirected }: Pick<Wanted, 'addresses' | 'redirected'>, listening: ReadonlySet<number>) {
    this.#listening = listening;
    for (const address of addresses) this.#addresses.add(addressBytes(address));
    const ofFamily = (family: 4 | 6) => addresses.filter((each) => familyOf(each) === family).map(addressBytes);
    this.#ofFamily = { 4: ofFamily(4), 6: ofFamily(6) };
    for (const { port, toPort } of redirected) {
      this.#redirected.set(toPort, [...(this.#redirected.get(toPort) ?? []), portBytes(port)]);
    }
  }

  /** Where several can be meant, all: to ask a client of a connection that it does not have does nothing. */
  at(address: string, port: number): readonly Endpoint[] {
    if (!this.#listening.has(port)) return [];
    if (this.#addresses.has(address)) return [address + portBytes(port)];
    const ports = this.#redirected.get(port);
    if (ports === undefined) return [];
    return this.#ofFamily[address.length === 4 ? 4 : 6].flatMap((each) => ports.map((bytes) => each + bytes));
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
  const ports = new Set<number>();
  for (const table of tables) {
    for (const { state, port } of socketsIn(table)) if (state === LISTEN) ports.add(port);
  }
  return ports;
}

/** Connections of others to places that are looked for. */
function* connectionsIn(table: string, services: Services): Generator<readonly [readonly Endpoint[], Endpoint]> {
  for (const { local, port, remote, remotePort, state } of socketsIn(table)) {
    if (state === LISTEN) continue;
    const found = services.at(bytesOf(local), port);
    if (found.length > 0) yield [found, bytesOf(remote) + portBytes(remotePort)];
  }
}

/**
 * The clients of virtual addresses: who is connected to one of them at a port on which somebody listens. Pure.
 * @param tables texts of /proc/net/tcp and /proc/net/tcp6
 * @param translated clients whose connections go on to somewhere else, so that they are not in the tables
 */
export function clientsIn(tables: readonly string[], wanted: Wanted, translated: Clients = new Map()): Found {
  const services = new Services(wanted, listeningPorts(tables));
  const own = new Set(wanted.own.map(addressBytes));
  const collection = new Collection(wanted.limit);
  for (const [found, client] of tables.flatMap((table) => [...connectionsIn(table, services)])) {
    if (!own.has(addressBytesOf(client))) for (const service of found) collection.add(service, client);
  }
  for (const [service, clients] of translated) {
    const others = [...clients].filter((client) => !own.has(addressBytesOf(client)));
    for (const client of others) collection.add(service, client);
  }
  return collection;
}
