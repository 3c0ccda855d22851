import { createSocket, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { codeOf, messageOf } from '../../common/errors.ts';
import { type Route, type Routes, routeFamily, routeKey } from './routes.ts';

interface PostDependencies {
  /** Called with each datagram and the address that it came from; false when it is none of this release's. */
  readonly onDatagram: (datagram: Buffer, from: string) => boolean;
  readonly createSocket?: typeof createSocket;
}

/** VRRP's own groups (RFC 9568 sections 5.1.1.2 and 5.1.2.2): where a network lets VRRP through, it lets these through. */
const GROUPS: Readonly<Record<4 | 6, string>> = { 4: '224.0.0.18', 6: 'ff02::12' };
/** So many strange datagrams in a second, and nobody listens for a while: each costs some ten microseconds, and the node has other work. */
const MOST_STRANGE = 1000;
const SECOND_MS = 1000;
const DEAF_MS = 10_000;
/** What is closed by an error is opened again after this, or at the next change of the routes. */
const RETRY_MS = 5000;

/** A socket that listens at one place, and sends from there. */
interface Place {
  readonly key: string;
  readonly family: 4 | 6;
  readonly address: string;
  /** Of a group: where it is joined. */
  readonly interface?: string;
}

interface Opened {
  readonly socket: Socket;
  readonly place: Place;
}

/**
 * An IPv4 address of the interface, by which the kernel knows which one is meant, and from which it sends: one with a subnet if there is,
 * because virtual addresses have none, and leave. Pure.
 */
export function address4Of(name: string, interfaces: ReturnType<typeof networkInterfaces>): string {
  const all = (interfaces[name] ?? []).filter(({ family }) => family === 'IPv4');
  const found = all.find(({ cidr }) => cidr?.endsWith('/32') === false) ?? all[0];
  if (found === undefined) throw new Error(`interface ${name} has no IPv4 address`);
  return found.address;
}

/** What sending says when the address is gone that is sent from: another socket is needed, with another one. */
const WITHOUT_ADDRESS: ReadonlySet<unknown> = new Set(['EINVAL', 'EADDRNOTAVAIL', 'ENODEV']);

function placesOf({ routes, sources }: Routes): Place[] {
  const groups = routes.flatMap((route): Place[] =>
    route.to === 'peer'
      ? []
      : [
          {
            key: routeKey(route),
            family: route.family,
            address: GROUPS[route.family],
            interface: route.interface,
          },
        ],
  );
  const peers = sources.map((address): Place => ({ key: address, family: address.includes(':') ? 6 : 4, address }));
  return [...groups, ...peers];
}

function join({ family, interface: on }: Place, socket: Socket): void {
  if (on === undefined) return;
  const by = family === 4 ? address4Of(on, networkInterfaces()) : `::%${on}`;
  socket.addMembership(GROUPS[family], by);
  socket.setMulticastInterface(by);
  // To the next nodes and no further, nor back to this one.
  socket.setMulticastTTL(1);
  socket.setMulticastLoopback(false);
}

/**
 * Datagrams from and to the other nodes. It listens at VRRP's multicast groups, which nobody reaches from another network, and at the address
 * that peers know; at no other.
 */
export class Post {
  readonly #dependencies: PostDependencies;
  readonly #sockets = new Map<string, Opened>();
  #routes: Routes = { routes: [], sources: [] };
  #port = 0;
  #problem: string | null = null;
  #retry: NodeJS.Timeout | undefined;
  #strange = 0;
  #strangeSinceMs = 0;
  #stopped = false;

  constructor(dependencies: PostDependencies) {
    this.#dependencies = dependencies;
  }

  /** Why it cannot listen everywhere; null when it can. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Sets where to listen and to send; nothing happens while they stay the same. */
  open(routes: Routes, port: number): void {
    if (!this.#stopped && port === this.#port && isDeepStrictEqual(routes, this.#routes)) return;
    this.#stopped = false;
    if (port !== this.#port) this.#closeAll();
    this.#routes = routes;
    this.#port = port;
    this.#reconcile();
  }

  /** May be called twice, and be followed by another opening. */
  close(): void {
    this.#stopped = true;
    this.#closeAll();
  }

  /** Sends to everybody; what cannot be sent is lost. */
  send(datagram: Buffer): void {
    for (const route of this.#routes.routes) {
      const from = this.#socketFor(route);
      from?.socket.send(datagram, this.#port, addressOf(route), (error) => {
        if (WITHOUT_ADDRESS.has(codeOf(error))) this.#failed(from.place, from.socket, error);
      });
    }
  }

  #socketFor(route: Route): Opened | undefined {
    if (route.to === 'group') return this.#sockets.get(routeKey(route));
    const from = this.#routes.sources.find((source) => source.includes(':') === (routeFamily(route) === 6));
    return from === undefined ? undefined : this.#sockets.get(from);
  }

  #closeAll(): void {
    clearTimeout(this.#retry);
    for (const { socket } of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #reconcile(): void {
    clearTimeout(this.#retry);
    this.#problem = null;
    const places = new Map(placesOf(this.#routes).map((place) => [place.key, place]));
    for (const [key, { socket }] of this.#sockets) {
      if (places.has(key)) continue;
      this.#sockets.delete(key);
      socket.close();
    }
    for (const [key, place] of places) if (!this.#sockets.has(key)) this.#listen(place);
  }

  #listen(place: Place): void {
    const { family, address } = place;
    // Several interfaces have the same group: each has a socket of its own, to which the kernel gives what came for it.
    const { createSocket: create = createSocket } = this.#dependencies;
    const socket = create({
      type: `udp${family}`,
      reuseAddr: place.interface !== undefined,
      ipv6Only: family === 6,
    });
    this.#sockets.set(place.key, { socket, place });
    socket.on('message', (datagram, { address: from }) => {
      if (!this.#dependencies.onDatagram(datagram, from)) this.#noteStrange();
    });
    socket.on('error', (error) => this.#failed(place, socket, error));
    const scoped = family === 6 && place.interface !== undefined ? `${address}%${place.interface}` : address;
    socket.bind({ port: this.#port, address: scoped, exclusive: true }, () => {
      try {
        join(place, socket);
      } catch (error) {
        this.#failed(place, socket, error);
      }
    });
    socket.unref();
  }

  #failed({ key, address }: Place, socket: Socket, error: unknown): void {
    if (this.#sockets.get(key)?.socket !== socket) return;
    this.#sockets.delete(key);
    socket.close();
    this.#problem = `cannot listen at ${address}, UDP port ${this.#port}: ${messageOf(error)}`;
    this.#again(RETRY_MS);
  }

  #again(afterMs: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#reconcile(), afterMs).unref();
  }

  #noteStrange(): void {
    const nowMs = performance.now();
    if (nowMs - this.#strangeSinceMs > SECOND_MS) {
      this.#strangeSinceMs = nowMs;
      this.#strange = 0;
    }
    this.#strange += 1;
    if (this.#strange < MOST_STRANGE) return;
    this.#closeAll();
    this.#problem = `more than ${MOST_STRANGE} strange datagrams came in a second to UDP port ${this.#port}: not listening for ${DEAF_MS / SECOND_MS} s; look at who sends them`;
    this.#again(DEAF_MS);
  }
}

function addressOf(route: Route): string {
  if (route.to === 'peer') return route.address;
  return route.family === 4 ? GROUPS[4] : `${GROUPS[6]}%${route.interface}`;
}
