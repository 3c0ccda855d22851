import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { succeeds } from './succeeds.ts';

const RANGE_FILE = '/proc/sys/net/ipv4/ip_local_port_range';
/** Below are ports that people give their own programs, above Kubernetes' node ports. */
const LOWEST = 12_000;
const HIGHEST = 29_999;
const LAST_PORT = 65_535;
/** So many candidates, or a collision becomes likely. */
const ENOUGH = 1000;
const ATTEMPTS = 100;

/** Ports from `first` to `last`, both inclusive. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The ports that tests may give to programs: none from which the kernel takes one for an outgoing connection, because such a
 * connection may begin between the look and the program's start. Pure.
 * @param outgoing `net.ipv4.ip_local_port_range`; see ip(7)
 * @throws Error when the kernel uses nearly all of them
 */
export function portsForTests(outgoing: PortRange): PortRange {
  const below = { first: LOWEST, last: Math.min(HIGHEST, outgoing.first - 1) };
  const above = { first: Math.max(LOWEST, outgoing.last + 1), last: LAST_PORT };
  const range = [below, above].find(({ first, last }) => last - first + 1 >= ENOUGH);
  if (range === undefined) {
    throw new Error(
      `ip_local_port_range ${outgoing.first} ${outgoing.last} leaves no ports for servers; make it smaller`,
    );
  }
  return range;
}

/**
 * A port for a program that a test starts, on which nothing listens, and which no other test gets while this process lives: it is kept
 * by a UDP socket of the same number, whose ports are not TCP's. Where the test itself listens, port 0 is simpler.
 * @throws Error when none is found
 */
export async function freePort(): Promise<number> {
  const [first = 0, last = 0] = readFileSync(RANGE_FILE, 'utf8').trim().split(/\s+/).map(Number);
  const range = portsForTests({ first, last });
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = range.first + Math.floor(Math.random() * (range.last - range.first + 1));
    if ((await keep(port)) && (await isFree(port))) return port;
  }
  throw new Error(`no free port from ${range.first} to ${range.last} after ${ATTEMPTS} attempts`);
}

/** Reserves a number among the tests of this machine. @returns whether nobody else had it */
async function keep(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  const bound = await succeeds(() => once(socket, 'listening'));
  // It must not keep the process alive; it stays bound as long as that lives.
  if (bound) socket.unref();
  else socket.close();
  return bound;
}

/** Whether a server can listen on a port of every address. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port);
  const free = await succeeds(() => once(server, 'listening'));
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}
