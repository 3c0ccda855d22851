import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { RuntimeApi } from '../../sidecar/proxy/runtime-api.ts';
import { PROXY, PROXY_FILES, type ProxyStatus, parseProxyStatus } from '../../sidecar/runtime/proxy-exchange.ts';
import { monotonicMs } from '../support/clock.ts';
import {
  type Container,
  type ExecResult,
  execInContainer,
  isRunning,
  killContainer,
  pidsInside,
  startContainer,
} from '../support/container.ts';
import { ensureImageRoot, supervisorBinds } from '../support/image-root.ts';
import { addNetns, inNetns, ip } from '../support/netns.ts';
import { Program } from '../support/program.ts';
import { emptyDir, offer, PROXY_RUNTIME_DIRECTORY, place, readIfThere } from '../support/runtime-directory.ts';
import { waitFor } from '../support/wait.ts';

/** Where HAProxy listens; the namespace has every port free. */
export const BIND_PORT = 6444;
/** The user of the proxy's container, and of the sidecar's. */
export const PROXY_UID = 65532;
/** The proxy image's ENTRYPOINT and args. */
export const PROXY_UNDER_TINI: readonly [string, ...string[]] = [
  '/usr/bin/tini',
  '--',
  '/usr/local/bin/supervisor',
  'run',
];
/** Far beyond what anything here takes, so that only a hang reaches it. */
export const LIMIT_MS = 30_000;
const ASKS_LONG_MS = 300;

const SERVER_PORT = 7000;

/** A configuration with what the supervisor relies on. */
export function proxyConfig(options: { readonly ports?: readonly number[]; readonly comment?: string } = {}): string {
  const { ports = [BIND_PORT], comment = 'none' } = options;
  return `# ${comment}
global
    stats socket ${PROXY_RUNTIME_DIRECTORY}/${PROXY_FILES.adminSocket} mode 600 level admin
    log stdout format raw local0
    fd-hard-limit 20000
    mworker-max-reloads 3
defaults
    mode tcp
    timeout connect 250ms
    timeout client 24h
    timeout server 24h
frontend api
${ports.map((port) => `    bind :::${port} v4v6\n`).join('')}    default_backend api
`;
}

const BACKENDS = `backend api\n    server first 127.0.0.1:${SERVER_PORT}\n`;

/** Says to each client what it says. */
const SERVER = `
require('node:net').createServer({ allowHalfOpen: false }, (socket) => {
  socket.on('error', () => undefined);
  socket.pipe(socket);
}).listen(${SERVER_PORT}, '127.0.0.1', 4096, () => console.log('listens'));
`;

/**
 * Does what lines of its input ask for: "open N": opens connections and keeps them; "ask": says something on each that is open, and counts
 * answers; "begin": opens and closes one after the other from then on; "end": says how many of those failed.
 */
const CLIENTS = `
const net = require('node:net');
const LIMIT_MS = 20000;
const kept = [];
let closed = 0;
let busy = false;
let done = 0;
const failures = [];
const dial = () => new Promise((resolve, reject) => {
  const socket = net.connect(${BIND_PORT}, '127.0.0.1');
  socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error('silence')));
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('closed')));
  socket.on('connect', () => resolve(socket));
});
const echo = (socket) => new Promise((resolve, reject) => {
  const fail = () => reject(new Error(socket.errored?.code ?? socket.errored?.message ?? 'closed'));
  if (socket.destroyed) return fail();
  socket.once('close', fail);
  socket.once('data', () => { socket.off('close', fail); resolve(); });
  socket.write('hello');
});
const keep = async () => {
  const socket = await dial();
  await echo(socket);
  socket.setTimeout(0);
  socket.on('error', () => undefined);
  socket.on('close', () => { closed += 1; console.log('closed ' + closed); });
  kept.push(socket);
};
const loop = async () => {
  while (busy) {
    try { const socket = await dial(); await echo(socket); socket.destroy(); done += 1; }
    catch (error) { failures.push(error.code ?? error.message); await new Promise((next) => setTimeout(next, 10)); }
  }
  console.log('ended ' + done + ' failed ' + failures.length + ' ' + failures.slice(0, 5));
};
const actions = {
  open: async (count) => { for (let i = 0; i < Number(count); i++) await keep(); console.log('open ' + kept.length); },
  ask: async () => {
    const answers = await Promise.allSettled(kept.map(echo));
    console.log('answered ' + answers.filter(({ status }) => status === 'fulfilled').length);
  },
  begin: async () => { busy = true; await Promise.all([loop(), loop()]); },
  end: async () => { busy = false; },
};
require('node:readline').createInterface(process.stdin).on('line', (line) => {
  const [verb, word] = line.split(' ');
  actions[verb](word).catch((error) => console.log(verb + ' failed: ' + (error.code ?? error.message)));
});
console.log('ready');
`;

/** A child process in the node's namespace that is told what to do on its input. */
export class ToldProgram extends Program {
  readonly #input: (line: string) => void;

  constructor(name: string, netns: string, script: string) {
    const [file, ...args] = inNetns(netns, [process.execPath, '-e', script]);
    const child = spawn(file, args, { stdio: 'pipe' });
    super(name, child);
    this.#input = (line) => void child.stdin.write(`${line}\n`);
  }

  /** Tells it something. */
  tell(line: string): void {
    this.#input(line);
  }

  /** Tells it something, and waits for what it says to it. */
  async ask(line: string, answer: RegExp): Promise<RegExpExecArray> {
    const before = this.output.length;
    this.tell(line);
    return waitFor(
      `${line}: ${answer.source}`,
      () => answer.exec(this.output.slice(before)) ?? undefined,
      { limitMs: LIMIT_MS, everyMs: 10 },
      () => this.output,
    );
  }
}

/** A node with a server, and the volume of one pod, in which containers with the proxy's supervisor run. */
export class ProxyNode {
  readonly netns: string;
  readonly runtime: string;
  readonly #folder: string;
  readonly #containers: Container[] = [];
  readonly #programs: Program[] = [];

  private constructor(netns: string) {
    this.netns = netns;
    this.#folder = mkdtempSync(join(tmpdir(), `${netns}-`));
    this.runtime = emptyDir(join(this.#folder, 'runtime'));
  }

  /** Makes one, with a server that answers, and the backends' file. */
  static async make(netns: string): Promise<ProxyNode> {
    const node = new ProxyNode(netns);
    await addNetns(netns);
    await ip(['link', 'set', 'lo', 'up'], netns);
    node.place(PROXY_FILES.backends, BACKENDS);
    await node.program('the server', SERVER, 'listens');
    return node;
  }

  /** Starts a script of Node in the node's namespace; resolves when it has said a word. */
  async program(name: string, script: string, word: string): Promise<ToldProgram> {
    const program = new ToldProgram(name, this.netns, script);
    this.#programs.push(program);
    await program.until(`"${word}"`, () => program.output.includes(word), { limitMs: LIMIT_MS, everyMs: 10 });
    return program;
  }

  /** What opens connections to HAProxy. */
  clients(): Promise<ToldProgram> {
    return this.program('the clients', CLIENTS, 'ready');
  }

  /** What all containers of this node have written. */
  get log(): string {
    return this.read(join(this.#folder, 'log'));
  }

  /** The supervisor's status file. */
  get status(): ProxyStatus {
    return parseProxyStatus(this.read(join(this.runtime, PROXY.status)));
  }

  /** Content of a file, empty when there is none. */
  read(path: string): string {
    return readIfThere(path);
  }

  /** Writes a file into the runtime directory as the sidecar does: its user, one step. */
  place(name: string, text: string): void {
    place(this.runtime, name, text);
  }

  /** Offers a candidate as the sidecar does: the file, then a line in the FIFO. */
  offer(text: string): void {
    offer(this.runtime, text);
  }

  /** Starts the supervisor as the pod does. */
  async start(options: { readonly root?: string; readonly env?: Readonly<Record<string, string>> } = {}) {
    const container = await startContainer({
      netns: this.netns,
      root: options.root ?? (await ensureImageRoot(undefined, 'proxy')),
      argv: PROXY_UNDER_TINI,
      uid: PROXY_UID,
      binds: [
        ...(options.root === undefined ? supervisorBinds('proxy') : []),
        { host: this.runtime, container: PROXY_RUNTIME_DIRECTORY, readOnly: false },
      ],
      ...(options.env === undefined ? {} : { env: options.env }),
      logFile: join(this.#folder, 'log'),
    });
    this.#containers.push(container);
    return container;
  }

  /** Starts the supervisor with a configuration and waits until HAProxy runs with it. */
  async serve(text = proxyConfig(), options: Parameters<ProxyNode['start']>[0] = {}): Promise<Container> {
    this.offer(text);
    const container = await this.start(options);
    await this.until('serves', () => this.answers(container));
    return container;
  }

  /** Whether HAProxy runs and its worker answers. */
  async answers(container: Container): Promise<boolean> {
    return this.runs && (await this.run(container, 'check')).exitCode === 0;
  }

  /** Whether HAProxy runs, as the supervisor says. */
  get runs(): boolean {
    return this.status.haproxyPid !== undefined;
  }

  /** Runs a subcommand of the supervisor in a container. */
  run(container: Container, subcommand: string): Promise<ExecResult> {
    return execInContainer(container, { argv: ['/usr/local/bin/supervisor', subcommand] });
  }

  /** Asks HAProxy's runtime API as the sidecar can. */
  admin(command: string): Promise<string> {
    const socket = join(this.runtime, PROXY_FILES.adminSocket);
    return new RuntimeApi({ socket, timeoutMs: LIMIT_MS }).run(command);
  }

  /** The processes of HAProxy, as the host numbers them: the master, and its workers in the order of their numbers. */
  haproxy(container: Container): { readonly master: number; readonly workers: readonly number[] } {
    const inside = this.status.haproxyPid ?? 0;
    const all = pidsInside(container).filter(({ host }) => this.read(`/proc/${host}/comm`) === 'haproxy\n');
    const master = all.find((each) => each.inside === inside)?.host ?? 0;
    const rest = all.filter(({ host }) => host !== master).toSorted((a, b) => a.inside - b.inside);
    return { master, workers: rest.map(({ host }) => host) };
  }

  /** The supervisor's helper that looks at HAProxy, as the host numbers it. */
  watcher(container: Container): number {
    const shells = pidsInside(container).filter(({ host }) => this.read(`/proc/${host}/comm`) === 'supervisor\n');
    return shells.toSorted((a, b) => a.inside - b.inside)[1]?.host ?? 0;
  }

  /** Ends what asks HAProxy's master to reload, while that tries to have a port: its answer comes to nobody. */
  async loseAnswer(container: Container): Promise<void> {
    const askers = () => pidsInside(container).filter(({ host }) => this.read(`/proc/${host}/comm`) === 'nc\n');
    const sinceMs = new Map<number, number>();
    await this.until('asks', () => {
      for (const { host } of askers()) sinceMs.set(host, sinceMs.get(host) ?? monotonicMs());
      // Whoever asks for anything else has an answer within some ms.
      const asker = askers().find(({ host }) => monotonicMs() - (sinceMs.get(host) ?? monotonicMs()) > ASKS_LONG_MS);
      if (asker !== undefined) process.kill(asker.host, 'SIGKILL');
      return asker !== undefined;
    });
  }

  /** Waits until something is so. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    await waitFor(`${this.netns}: ${what}`, condition, { limitMs: LIMIT_MS, everyMs: 20 }, () => this.log);
  }

  /** Ends the containers, the programs, the namespace and the files. */
  async close(): Promise<void> {
    await Promise.all(this.#containers.filter(isRunning).map(killContainer));
    for (const program of this.#programs) await program.stop();
    await ip(['netns', 'delete', this.netns]);
    rmSync(this.#folder, { recursive: true });
  }
}

/** Makes nodes for the tests of a block, and ends each with its test. */
export function proxyNodes(): () => Promise<ProxyNode> {
  const nodes: ProxyNode[] = [];
  let made = 0;
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.close();
  });
  return async () => {
    made += 1;
    const node = await ProxyNode.make(`prx${process.pid}-${made}`);
    nodes.push(node);
    return node;
  };
}
