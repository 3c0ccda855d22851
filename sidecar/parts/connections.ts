import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import type { Logger } from 'pino';
import { canonical, withoutPrefix } from '../../common/addresses.ts';
import { type Clock, systemClock, systemTimers, type TimerHandle, type Timers } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import type { ProxySettings } from '../config/control-plane.ts';
import { addressBytes, type Clients, countOf, textOf } from '../connections/endpoint.ts';
import { type Message, NUMBER_BYTES, open, seal } from '../connections/message.ts';
import { Others } from '../connections/others.ts';
import { OwnList } from '../connections/own-list.ts';
import type { Post } from '../connections/post.ts';
import type { Resetter } from '../connections/resetter.ts';
import { routesFor } from '../connections/routes.ts';
import { clientsIn, type Wanted } from '../connections/sockets.ts';
import type { TranslatedConnections } from '../connections/translated.ts';
import type { ConnectionsView } from '../connections/view.ts';
import type { VrrpInstance } from '../desired/vrrp-instance.ts';
import type { ConnectionSettings } from '../sources/connections.ts';
import type { Part } from './part.ts';
import { TranslatedClients } from './translated-clients.ts';

interface ConnectionsDependencies {
  /** What the settings in force ask for; null for nothing. */
  readonly settings: () => ConnectionSettings | null;
  /** The key itself, where there is no file with it; empty for none. */
  readonly key?: string;
  /** The instances that keepalived runs. */
  readonly running: () => readonly VrrpInstance[];
  /** The virtual addresses that this node holds by VRRP. */
  readonly held: () => readonly string[];
  /** Virtual addresses and their ports behind which this node's proxy is. */
  readonly redirected: () => Wanted['redirected'];
  readonly post: (
    onDatagram: (datagram: Buffer, from: string) => boolean,
  ) => Pick<Post, 'open' | 'close' | 'send' | 'problem'>;
  readonly resetter: Pick<Resetter, 'ask'>;
  /** Clients whose connections this node translates to somewhere else. */
  readonly translated: Pick<TranslatedConnections, 'to'>;
  /** Takes that the node with this address, from which a virtual address came here, may be lost; resolves when its clients will not be sent there. */
  readonly holderLost?: (node: string) => Promise<void>;
  /** Counts clients that were asked. */
  readonly asked: (clients: number) => void;
  readonly log: Logger;
  readonly read?: (file: string) => Promise<string>;
  readonly ownAddresses?: () => readonly string[];
  readonly random?: () => string;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Processor time that this process has used, in ms. */
  readonly processorMs?: () => number;
}

/** How often the node's sockets are looked at, at least this far apart; a client that came since then is not known when the node dies. */
const LOOK_MS = 250;
/**
 * No more than one part in so many of a processor's time is spent on it: the kernel goes through all of a large table, whoever is in it. How
 * long a look takes by the clock says nothing of that where many programs want to run, and clients would be told of late just there.
 */
const REST = 50;
/** How often all is told again, for who missed something. */
const REPEAT_MS = 2000;
/** Datagrams are sent a few at a time, so that they fit into the receivers' buffers, and so far apart. */
const BATCH = 32;
const BATCH_MS = 10;
/** Answers to challenges: the others ask once each. */
const MOST_ANSWERS = 64;
/** An address that left is told of for a while: who takes it over may look at the list only then. */
const LEFT_MS = 5000;
/**
 * When clients are asked, in milliseconds after the move. An answer may be lost while not all know yet where the address is, and a client
 * answers only once in 500 ms (Linux: tcp_invalid_ratelimit).
 */
const ASK_MS: readonly number[] = [0, 50, 200, 800];
/**
 * The same for those that are heard of while the address is here: when both nodes had it, some adverts and switches' tables later it is clear
 * whose it is.
 */
const ASK_LATE_MS: readonly number[] = [...ASK_MS, 2500];
/** Clients are asked this much later at most because of what is done about the node of before. */
const PREPARED_MS = 25;
/** A shorter key could be guessed. */
const SHORTEST_KEY = 16;

const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((entries = []) =>
    entries.map(({ address }) => canonical(address.replace(/%.*$/, ''))),
  );
}

const machine = {
  key: '',
  holderLost: async () => undefined,
  read: (file: string) => readFile(file, 'utf8'),
  ownAddresses,
  random: () => randomBytes(NUMBER_BYTES).toString('hex'),
  clock: systemClock,
  timers: systemTimers,
  processorMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};

/**
 * Clients of a node that is gone wait for its answer until their own time limits. So nodes tell each other who is connected to the addresses
 * that they hold, and who takes an address over has these clients asked: the kernel of the new holder then resets their connections.
 */
export class Connections implements Part {
  readonly #dependencies: Required<ConnectionsDependencies>;
  readonly #post: ReturnType<ConnectionsDependencies['post']>;
  readonly #session: string;
  readonly #others: Others;
  readonly #translated: TranslatedClients;
  #list = new OwnList();
  #counter = 0;
  #key: Buffer | undefined;
  #problem: string | null = null;
  #told = 0;
  #leftOut = 0;
  #last: ConnectionsView['last'] = null;
  /** Addresses with the moment at which they were here last. */
  readonly #here = new Map<string, number>();
  #repeatedAtMs = Number.NEGATIVE_INFINITY;
  #answers = 0;
  #running = false;
  /** Whether others told something since it was looked for clients to ask. */
  #isNews = false;
  /** Who was asked of those that others tell of. */
  #asked: ReadonlySet<string> = new Set();
  #looking: TimerHandle;
  #sending: TimerHandle;
  readonly #asking = new Set<TimerHandle>();

  constructor(dependencies: ConnectionsDependencies) {
    this.#dependencies = { ...machine, ...dependencies };
    this.#session = this.#dependencies.random();
    this.#others = new Others({ random: this.#dependencies.random });
    this.#translated = new TranslatedClients({ rest: REST }, this.#dependencies);
    this.#post = dependencies.post((datagram, from) => this.#receive(datagram, from));
  }

  /** What is shown; null while the settings ask for nothing. */
  get view(): ConnectionsView | null {
    if (this.#dependencies.settings() === null) return null;
    const problem = this.#problem ?? this.#post.problem;
    return { told: this.#told, leftOut: this.#leftOut, nodes: this.#others.sessions, last: this.#last, problem };
  }

  start(): void {
    this.#running = true;
    void this.#look();
  }

  /** May be called twice. */
  stop(): void {
    this.#running = false;
    const { timers } = this.#dependencies;
    for (const timer of [this.#looking, this.#sending, ...this.#asking]) timers.clearTimeout(timer);
    this.#asking.clear();
    this.#post.close();
  }

  /**
   * This node took addresses over: their clients on other nodes are asked, now and a few times more.
   * @param addresses with or without prefixes
   */
  tookOver(addresses: readonly string[]): void {
    const settings = this.#dependencies.settings();
    if (settings === null || !this.#running) return;
    const wanted = new Set(addresses.map((address) => addressBytes(withoutPrefix(address))));
    const isWanted = (address: string) => wanted.has(address);
    const lines = linesOf(this.#others.clientsOf(isWanted), settings.limit);
    if (lines.length === 0) return;
    this.#asked = new Set([...this.#asked, ...lines]);
    void this.#prepare(isWanted).then(() => {
      if (!this.#running) return;
      for (const [index, delayMs] of ASK_MS.entries()) this.#askLater(lines, delayMs, index === 0);
    });
  }

  /**
   * Others may tell of clients of an address that is here: of some that came just before it left, or after this node was cut off, kept it, and
   * got it back. They are asked as well, each once. A client that another node has all the same answers to that one, and nothing becomes of it.
   */
  #askLate({ limit }: ConnectionSettings): void {
    const held = new Set(this.#dependencies.held().map((address) => addressBytes(withoutPrefix(address))));
    if (!this.#isNews || held.size === 0) return;
    this.#isNews = false;
    const lines = linesOf(
      this.#others.clientsOf((address) => held.has(address)),
      limit,
    );
    const news = lines.filter((line) => !this.#asked.has(line));
    this.#asked = new Set(lines);
    if (news.length > 0) for (const delayMs of ASK_LATE_MS) this.#askLater(news, delayMs, false);
  }

  /** Clients that are told come again at once: by then the proxy must not send them to a node that may be lost. Never rejects. */
  async #prepare(isWanted: (address: string) => boolean): Promise<void> {
    const node = this.#others.lastToTellOf(isWanted);
    if (node === undefined) return;
    const { timers, holderLost } = this.#dependencies;
    let timer: TimerHandle;
    const limit = new Promise<void>((resolve) => {
      timer = timers.setTimeout(resolve, PREPARED_MS);
      this.#asking.add(timer);
    });
    await Promise.race([holderLost(node), limit]);
    timers.clearTimeout(timer);
    this.#asking.delete(timer);
  }

  #askLater(lines: readonly string[], delayMs: number, first: boolean): void {
    if (delayMs === 0) {
      void this.#ask(lines, first);
      return;
    }
    const { timers } = this.#dependencies;
    const timer = timers.setTimeout(() => {
      this.#asking.delete(timer);
      void this.#ask(lines, first);
    }, delayMs);
    this.#asking.add(timer);
  }

  async #ask(lines: readonly string[], first: boolean): Promise<void> {
    const { resetter, asked, log, clock } = this.#dependencies;
    try {
      const result = await resetter.ask(lines);
      if (!first) return;
      this.#last = { ...result, atMs: clock.wallMs() };
      asked(result.sent);
      log.info(result, 'clients of the node that held the address before were told that their connections are gone');
    } catch (error) {
      if (first) log.warn({ problem: messageOf(error) }, 'clients of the node before cannot be told; trying again');
    }
  }

  /** Looks who is connected, has it told to the others, and looks again. Never rejects. */
  async #look(): Promise<void> {
    const { settings, clock, timers, running, processorMs } = this.#dependencies;
    const beginMs = clock.monotonicMs();
    const usedBeforeMs = processorMs();
    const now = settings();
    if (now === null) this.#post.close();
    else {
      await this.#readKey(now);
      if (!this.#running) return;
      this.#post.open(routesFor(running()), now.port);
      await this.#update(now, beginMs);
      this.#askLate(now);
      this.#repeat(beginMs);
    }
    if (!this.#running) return;
    const usedMs = processorMs() - usedBeforeMs;
    this.#looking = timers.setTimeout(() => void this.#look(), Math.max(LOOK_MS, REST * usedMs));
  }

  async #readKey({ keyFile }: ConnectionSettings): Promise<void> {
    try {
      const given = this.#dependencies.key;
      const key = given === '' ? (await this.#dependencies.read(keyFile)).trim() : given;
      if (key.length < SHORTEST_KEY) throw new Error(`has fewer than ${SHORTEST_KEY} characters`);
      this.#key = Buffer.from(key);
      this.#setProblem(null);
    } catch (error) {
      this.#key = undefined;
      this.#setProblem(`the key that nodes know each other by cannot be used: ${keyFile}: ${messageOf(error)}`);
    }
  }

  #setProblem(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { log } = this.#dependencies;
    if (problem === null) log.info('connections are told to the other nodes');
    else log.error({ problem }, 'connections are not told to the other nodes');
  }

  async #update({ limit }: ConnectionSettings, nowMs: number): Promise<void> {
    const { read, redirected, ownAddresses: own, log } = this.#dependencies;
    const addresses = this.#addresses(nowMs);
    try {
      const tables = addresses.length === 0 ? [] : await Promise.all(TABLES.map((file) => read(file).catch(() => '')));
      const wanted = { addresses, redirected: redirected(), own: own(), limit };
      const { clients, leftOut } = clientsIn(tables, wanted, this.#translated.of(addresses, nowMs));
      this.#list.set(clients);
      this.#told = countOf(clients);
      this.#leftOut = leftOut;
    } catch (error) {
      log.warn({ err: error }, 'cannot look who is connected');
    }
  }

  /** Addresses that are here, or were until a moment ago. */
  #addresses(nowMs: number): readonly string[] {
    for (const address of this.#dependencies.held()) this.#here.set(withoutPrefix(address), nowMs);
    for (const [address, atMs] of this.#here) if (nowMs - atMs > LEFT_MS) this.#here.delete(address);
    return [...this.#here.keys()];
  }

  #repeat(nowMs: number): void {
    if (nowMs - this.#repeatedAtMs >= REPEAT_MS) {
      this.#repeatedAtMs = nowMs;
      this.#answers = 0;
      this.#list.sendAll();
    }
    this.#sendParts();
  }

  #sendParts(): void {
    const { timers } = this.#dependencies;
    timers.clearTimeout(this.#sending);
    if (!this.#running) return;
    const parts = this.#list.take(BATCH);
    for (const part of parts) this.#send({ ...this.#head(), kind: 'list', ...part });
    if (parts.length === BATCH) this.#sending = timers.setTimeout(() => this.#sendParts(), BATCH_MS);
  }

  #head(): Pick<Message, 'session' | 'counter'> {
    this.#counter += 1;
    return { session: this.#session, counter: this.#counter };
  }

  #send(message: Message): void {
    if (this.#key !== undefined) this.#post.send(seal(message, this.#key));
  }

  /** False when it is nobody's who has the key. */
  #receive(datagram: Buffer, from: string): boolean {
    const message = this.#key === undefined ? undefined : open(datagram, this.#key);
    if (message === undefined) return this.#key === undefined;
    if (message.session !== this.#session) this.#accept(message, from);
    return true;
  }

  #accept(message: Message, from: string): void {
    const nowMs = this.#dependencies.clock.monotonicMs();
    if (message.kind === 'answer') this.#others.answer(message, nowMs);
    else if (message.kind === 'challenge') this.#answer(message);
    else {
      this.#isNews = true;
      const nonce = this.#others.list(message, nowMs, from);
      if (nonce !== undefined) this.#send({ ...this.#head(), kind: 'challenge', about: message.session, nonce });
    }
  }

  #answer({ about, nonce }: Extract<Message, { kind: 'challenge' }>): void {
    if (about !== this.#session || this.#answers >= MOST_ANSWERS) return;
    this.#answers += 1;
    this.#send({ ...this.#head(), kind: 'answer', nonce });
    this.#list.sendAll();
    this.#sendParts();
  }
}

function linesOf(clients: Clients, limit: number): string[] {
  const lines: string[] = [];
  for (const [service, each] of clients) {
    const to = textOf(service);
    for (const client of each) {
      if (lines.length === limit) return lines;
      lines.push(`${to} ${textOf(client)}`);
    }
  }
  return lines;
}

/** Ports behind which the proxy is, of every virtual address of its own: a Service may have the same port of another one. Pure. */
export function redirectedPorts(proxy: Pick<ProxySettings, 'addresses' | 'ports'> | null): Wanted['redirected'] {
  if (proxy === null) return [];
  return proxy.ports.map(({ port, bindPort }) => ({ addresses: proxy.addresses, port, toPort: bindPort }));
}
