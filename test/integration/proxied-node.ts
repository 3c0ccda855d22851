import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach } from 'vitest';
import { addNetns, inNetns, ip, ipBatch, sysctl } from '../support/netns.ts';
import { Program } from '../support/program.ts';
import { config } from './supervisor/config.ts';
import { TestNetwork } from './supervisor/network.ts';
import type { TestNode } from './supervisor/node.ts';

/*
 * Nodes of a control plane as the redirect meets them: a server that has the port on every address, real HAProxy beside it, and keepalived
 * under its supervisor, which redirects the virtual addresses to HAProxy.
 */

/** Port of the virtual addresses, and of the server on each node. */
export const PORT = 6443;
/** Where HAProxy listens. */
export const BIND_PORT = 6444;
/** The virtual addresses. */
export const VIP4 = '10.77.0.100';
export const VIP6 = '2001:db8:77::100';
/** The table that the supervisor is told to use. */
export const TABLE = 'kiv_test';
/** What it is told that by. */
export const REDIRECTING = { env: { REDIRECT_TABLE: TABLE }, looks: 'as shipped' } as const;
/** The file that asks for all of it. */
export const REDIRECTS = `redirect ${VIP4} ${PORT} ${BIND_PORT}\nredirect ${VIP6} ${PORT} ${BIND_PORT}\nguard ${BIND_PORT}\n`;
/** The file while the proxy does not accept. */
export const GUARD_ALONE = `guard ${BIND_PORT}\n`;
/** Far beyond what anything here takes, so that only a hang reaches it. */
export const LIMIT_MS = 20_000;

const PROXY_UID = '65532';

/** Says its name to whoever connects, and then what is said to it. */
const SERVER = `
const [name, port] = process.argv.slice(1);
require('node:net').createServer((socket) => {
  socket.on('error', () => undefined);
  socket.write(name + '\\n');
  socket.pipe(socket);
}).listen({ host: '::', port: Number(port) }, () => console.log('listens'));
`;

/** Connects so many times, one after the other; prints for each who answered, or why nobody did. */
const ASK = `
const [host, port, times] = process.argv.slice(1);
const net = require('node:net');
const ask = () => new Promise((resolve) => {
  const socket = net.connect({ host, port: Number(port) });
  const done = (answer) => { socket.destroy(); resolve(answer); };
  socket.setTimeout(3000, () => done('silence'));
  socket.on('data', (data) => done(String(data).trim()));
  socket.on('error', (error) => done(error.code));
  socket.on('close', () => done('closed'));
});
(async () => { for (let i = 0; i < Number(times); i++) console.log(await ask()); })();
`;

/** Keeps a connection and has its words come back, fifty times a second; says how often they did, and how it ended. */
const STREAM = `
const [host, port] = process.argv.slice(1);
const socket = require('node:net').connect({ host, port: Number(port) });
let beats = 0;
socket.on('data', (data) => console.log(beats++ === 0 ? 'with ' + String(data).trim() : 'beat ' + beats));
socket.on('error', (error) => { console.log('ended ' + error.code); process.exit(0); });
socket.on('close', () => { console.log('ended'); process.exit(0); });
setInterval(() => socket.write('x\\n'), 20);
`;

function haproxyConfig(servers: readonly string[]): string {
  return `defaults
    mode tcp
    timeout connect 500ms
    timeout client 1h
    timeout server 1h
    retries 3
    option redispatch 1
frontend api
    bind :::${BIND_PORT} v4v6
    default_backend api
backend api
    balance roundrobin
${servers.map((address, index) => `    server s${index} ${address}:${PORT} check inter 100ms`).join('\n')}
`;
}

/** A connection that is kept, in a namespace. */
export class Stream {
  readonly #program: Program;

  constructor(program: Program) {
    this.#program = program;
  }

  /** Who is at its other end; undefined before that is known. */
  get peer(): string | undefined {
    return /^with (\S+)/m.exec(this.#program.output)?.[1];
  }

  /** How it ended; undefined while it goes on. */
  get end(): string | undefined {
    return /^ended ?(.*)$/m.exec(this.#program.output)?.[1];
  }

  /** How many of its words came back so far. */
  get beats(): number {
    return Number([...this.#program.output.matchAll(/^beat (\d+)$/gm)].at(-1)?.[1] ?? 0);
  }

  /** Waits until something is so. @throws Error with what it said last when it is not */
  async until(what: string, condition: () => boolean): Promise<void> {
    await this.#program.until(what, condition, { limitMs: LIMIT_MS, everyMs: 10 });
  }

  /** Waits until more of its words came back, which were said after this call. */
  async goesOn(): Promise<void> {
    const before = this.beats;
    await this.until('words come back', () => this.beats > before + 5);
  }
}

/** Starts servers, proxies and clients in the namespaces of a test, and ends them after it. */
export class Proxied {
  readonly network = new TestNetwork();
  readonly #folder = mkdtempSync(join(tmpdir(), 'haproxy-'));
  readonly #programs: Program[] = [];

  /** To be called once in a block of tests. */
  register(): void {
    chmodSync(this.#folder, 0o755); // haproxy is not root
    afterAll(() => rmSync(this.#folder, { recursive: true }));
    // What is registered last is undone first: programs before their namespaces.
    this.network.register();
    afterEach(async () => {
      await Promise.all(this.#programs.splice(0).map((program) => program.stop()));
    });
  }

  /** A node with both families, and a server that says this name at the port. */
  async node(name: string): Promise<TestNode> {
    const node = await this.plainNode();
    await this.serve(node, name);
    return node;
  }

  /** A node with both families, and nothing on it. */
  async plainNode(): Promise<TestNode> {
    const node = await this.network.node();
    await ip(['address', 'add', address6(node), 'dev', 'eth0', 'nodad'], node.netns);
    return node;
  }

  /** Starts a server that says a name, on every address of a node. */
  async serve(node: TestNode, name: string, port = PORT): Promise<Program> {
    const server = this.#inNode(node, name, [process.execPath, '-e', SERVER, name, String(port)]);
    await server.until('it listens', () => server.output.includes('listens'), { limitMs: LIMIT_MS });
    return server;
  }

  /** Starts the proxy of a node, in front of the servers of these. */
  async proxy(node: TestNode, servers: readonly TestNode[]): Promise<Program> {
    const file = join(this.#folder, `${node.netns}.cfg`);
    writeFileSync(file, haproxyConfig(servers.map(({ address }) => address)));
    const user = ['setpriv', `--reuid=${PROXY_UID}`, `--regid=${PROXY_UID}`, '--clear-groups', '--inh-caps=-all'];
    const proxy = this.#inNode(node, 'haproxy', [...user, 'haproxy', '-db', '-f', file]);
    await proxy.until('it listens', async () => (await this.#listens(node)) || undefined, { limitMs: LIMIT_MS });
    return proxy;
  }

  async #listens(node: TestNode): Promise<boolean> {
    const [program, ...args] = inNetns(node.netns, ['ss', '-Hltn', `sport = :${BIND_PORT}`]);
    return (await execa(program, args)).stdout !== '';
  }

  /** Who answers when a namespace connects to an address so many times, one after the other. */
  async ask(from: Pick<TestNode, 'netns'>, host: string, { port = PORT, times = 3 } = {}): Promise<string[]> {
    const [program, ...args] = inNetns(from.netns, [process.execPath, '-e', ASK, host, String(port), String(times)]);
    return (await execa(program, args, { timeout: LIMIT_MS })).stdout.split('\n');
  }

  /** Keeps a connection from a namespace to an address, and waits until somebody is there. */
  async stream(from: TestNode, host: string): Promise<Stream> {
    const program = this.#inNode(from, `stream to ${host}`, [process.execPath, '-e', STREAM, host, String(PORT)]);
    const stream = new Stream(program);
    await stream.until('somebody answers', () => stream.peer !== undefined);
    return stream;
  }

  #inNode(node: TestNode, name: string, command: readonly string[]): Program {
    const [program, ...args] = inNetns(node.netns, command);
    const started = new Program(
      `${name} in ${node.netns}`,
      spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] }),
    );
    this.#programs.push(started);
    return started;
  }
}

/** A node's own IPv6 address with its prefix, beside the IPv4 one of the same number. */
export function address6({ address }: Pick<TestNode, 'address'>): string {
  return `2001:db8:77::${address.split('.').at(-1)}/64`;
}

/** keepalived's configuration with both virtual addresses. */
export function bothFamilies(priority = 244): string {
  return config({ addresses: [`${VIP4}/32`, `${VIP6}/64`], priority });
}

/** Writes the file of redirects as the sidecar does: the file, then a line in the FIFO. */
export function requestRedirects(node: TestNode, text: string): void {
  node.place('redirects', text);
  node.wake();
}

/** What a node's supervisor says of redirects. */
export function redirectStatus(node: TestNode): string {
  return /^redirects=(.*)$/m.exec(node.read(join(node.runtime, 'supervisor.status')))?.[1] ?? '';
}

/** What it says is not in force, and why. */
export function redirectMessages(node: TestNode): string[] {
  const status = node.read(join(node.runtime, 'supervisor.status'));
  return [...status.matchAll(/^redirects_message=(.*)$/gm)].map(([, message = '']) => message);
}

/** Waits for what a node's supervisor is to say of redirects. */
export async function untilRedirects(node: TestNode, status: string): Promise<void> {
  await node.until(`says redirects=${status}`, () => redirectStatus(node) === status);
}

/** Runs `nft` of the machine in a node's namespace; '' when it fails. */
export async function nft(node: TestNode, ...words: string[]): Promise<string> {
  const [program, ...args] = inNetns(node.netns, ['nft', ...words]);
  const { stdout, stderr, exitCode } = await execa(program, args, { reject: false, timeout: LIMIT_MS });
  return exitCode === 0 ? stdout : `failed: ${stderr}`;
}

/** The names of the tables in a node's namespace. */
export async function tables(node: TestNode): Promise<string[]> {
  return (await nft(node, 'list', 'tables')).split('\n').filter(Boolean);
}

/** Takes a node off the switch; its own link stays up, as when the fault is farther away. */
export async function cutOff({ netns }: TestNode): Promise<void> {
  const [, network = '', number = ''] = /^(.*)-(\d+)$/.exec(netns) ?? [];
  await ip(['link', 'set', `port${number}`, 'nomaster'], `${network}-sw`);
}

/** Address of the pod of {@link addPod}. */
const POD = '10.78.0.2';
const POD_GATEWAY_MAC = 'ee:ee:ee:ee:ee:ee';

/**
 * Gives a node a pod as Calico does: the node's end of its interface has no address of its own.
 * @returns the namespace of the pod, to be deleted by the caller
 */
export async function addPod(node: TestNode): Promise<string> {
  const netns = `${node.netns}-pod`;
  await addNetns(netns);
  await ipBatch(
    [
      'link set lo up',
      `link add eth0 type veth peer name cali1 address ${POD_GATEWAY_MAC} netns ${node.netns}`,
      `address add ${POD}/32 dev eth0`,
      'link set eth0 up',
      'route add 169.254.1.1 dev eth0 scope link',
      `neigh add 169.254.1.1 lladdr ${POD_GATEWAY_MAC} dev eth0 nud permanent`,
      'route add default via 169.254.1.1 dev eth0',
    ],
    netns,
  );
  await ipBatch(['link set cali1 up', `route add ${POD} dev cali1 scope link`], node.netns);
  await sysctl(node.netns, { 'net.ipv4.ip_forward': '1' });
  return netns;
}
