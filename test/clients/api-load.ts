import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ensureTool } from '../../scripts/tools.ts';
import { inNetns } from '../support/netns.ts';
import { Program } from '../support/program.ts';
import { REAL_TIME_PRIORITY } from '../support/real-time.ts';

/* Clients of API servers: tools/api-load, which a machine with two cores can run beside what it measures. */

/** What the clients are to do. */
export interface ApiLoadOptions {
  /** `ADDRESS:PORT`, asked in turn. */
  readonly targets: readonly string[];
  /** PEM file of the authority that signed the servers' certificates. */
  readonly caFile: string;
  /** What watches prove themselves by; nothing by default. */
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly path: string;
  readonly watchPath?: string;
  /** Where a server's name is: in the first line of what it says, or in its certificate. */
  readonly namedBy: 'body' | 'certificate';
  /** Connections that begin in a second, whatever became of those before. */
  readonly perSecond?: number;
  /** Clients that connect as soon as they had their answer. */
  readonly loops?: number;
  /** Watches, which are opened anew when they end. */
  readonly watches?: number;
  /** A request without an answer for so long has failed. */
  readonly limitMs: number;
}

/** One request that got no good answer. Times in ms, moments of CLOCK_MONOTONIC. */
export interface Failure {
  readonly atMs: number;
  readonly tookMs: number;
  /** `none` when no answer came until the client's own limit. */
  readonly why: string;
}

/** One time that a watch was without a server. */
export interface Gap {
  readonly watch: number;
  readonly from: string;
  readonly closedAtMs: number;
  /** When another server had answered. */
  readonly backAtMs: number;
  readonly to: string;
}

/** What clients saw. */
export interface ApiLoadReport {
  readonly beganMs: number;
  /** When no more requests began. */
  readonly endedMs: number;
  readonly requests: number;
  readonly failures: readonly Failure[];
  /** Answers by server. */
  readonly answers: Readonly<Record<string, number>>;
  /** How long answers took; 0 where there was none. */
  readonly tookMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly gaps: readonly Gap[];
  /** Watches that have a server now, by server. */
  readonly watching: Readonly<Record<string, number>>;
}

type Message = { readonly progress: Pick<ApiLoadReport, 'requests' | 'watching'> } | { readonly report: ApiLoadReport };

/** Where and how the clients run. */
interface Placement {
  readonly netns: string;
  /** Below keepalived's: they then measure as clients on machines of their own do. */
  readonly realTime?: boolean;
}

const START_LIMIT_MS = 60_000;
/** Besides the clients' own limit. */
const REPORT_LIMIT_MS = 20_000;

/** The words that run api-load in a namespace. */
async function words(command: 'clients' | 'relay', options: object, { netns, realTime }: Placement) {
  const program = [await ensureTool('api-load'), command, JSON.stringify(options)] as const;
  return inNetns(netns, realTime === true ? ['chrt', '--rr', String(REAL_TIME_PRIORITY), ...program] : program);
}

function start([program, ...args]: readonly [string, ...string[]]): ChildProcess {
  return spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Clients that run until they are asked what they saw. */
export class ApiLoad {
  readonly #program: Program;
  readonly #child: ChildProcess;
  readonly #limitMs: number;
  #progress: Pick<ApiLoadReport, 'requests' | 'watching'> = { requests: 0, watching: {} };
  #report: ApiLoadReport | undefined;

  private constructor(child: ChildProcess, { limitMs }: ApiLoadOptions) {
    this.#child = child;
    this.#limitMs = limitMs;
    this.#program = new Program('api-load', child);
    if (child.stdout === null) throw new Error('api-load has no output');
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(JSON.parse(line) as Message));
  }

  /** Begins, and waits until every watch has a server and, where there are requests, some began. @throws Error with what was said */
  static async start(options: ApiLoadOptions, placement: Placement): Promise<ApiLoad> {
    const load = new ApiLoad(start(await words('clients', options, placement)), options);
    const { watches = 0, perSecond = 0, loops = 0 } = options;
    const begun = () => load.watches === watches && (perSecond + loops === 0 || load.requests > 0);
    await load.#program.until('every client', begun, { limitMs: START_LIMIT_MS }).catch(async (error: Error) => {
      await load.stop();
      throw error;
    });
    return load;
  }

  /** Requests that began by now. */
  get requests(): number {
    return this.#progress.requests;
  }

  /** Watches that have a server now, by server. */
  get watching(): Readonly<Record<string, number>> {
    return this.#progress.watching;
  }

  /** How many watches have a server now. */
  get watches(): number {
    return Object.values(this.watching).reduce((sum, count) => sum + count, 0);
  }

  /** Waits for something that the clients see. @throws Error when they end before, or the limit is over */
  until(what: string, condition: () => boolean, limitMs = START_LIMIT_MS): Promise<boolean> {
    return this.#program.until(what, condition, { limitMs, everyMs: 10 });
  }

  /** Begins no more requests, waits for those that are open, and gives what all saw. */
  async report(): Promise<ApiLoadReport> {
    this.#child.stdin?.write('report\n');
    const limitMs = this.#limitMs + REPORT_LIMIT_MS;
    const report = await this.#program.until('the report', () => this.#report, { limitMs });
    await this.stop();
    return report;
  }

  /** Ends the clients, whatever they do. May be called twice. */
  async stop(): Promise<void> {
    await this.#program.stop();
  }

  #take(message: Message): void {
    if ('report' in message) this.#report = message.report;
    else this.#progress = message.progress;
  }
}

/** What a relay is told. */
interface RelayOptions {
  /** `ADDRESS:PORT` */
  readonly listen: string;
  readonly backends: readonly string[];
  readonly caFile: string;
}

/**
 * What stands for k0s's proxy: round robin over the servers whose check was good, which are asked once a second without a time limit; nothing
 * is tried twice, and no connection is closed.
 */
export class Relay {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /** Begins, and waits until it listens. */
  static async start(options: RelayOptions, placement: Placement): Promise<Relay> {
    const program = new Program('api-load relay', start(await words('relay', options, placement)));
    await program.until('the relay', () => program.output.includes('listens'), { limitMs: START_LIMIT_MS });
    return new Relay(program);
  }

  /** Its process. */
  get pid(): number {
    return this.#program.pid;
  }

  async stop(): Promise<void> {
    await this.#program.stop();
  }
}
