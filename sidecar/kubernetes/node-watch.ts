import { readFile } from 'node:fs/promises';
import { ClientRequest } from 'node:http';
import { Agent } from 'node:https';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import axios, { type AxiosResponse } from 'axios';
import { linesOf } from './lines.ts';
import { readNodeEvent } from './node-event.ts';
import { TimeLimit } from './time-limit.ts';

interface NodeWatchOptions {
  /** Base URL of the API server; https. */
  readonly url: string;
  readonly caFile: string;
  readonly tokenFile: string;
  readonly userAgent: string;
  /** Name of the node to watch. */
  readonly node: string;
  readonly limits?: Partial<NodeWatchLimits>;
}

/** All in seconds. */
interface NodeWatchLimits {
  /** Until the server has begun to answer. */
  readonly open: number;
  /** How long the server is asked to go on; the token, the server and the way to it are then taken anew. */
  readonly watch: number;
  /** How much longer the client waits for that end. */
  readonly grace: number;
  /** Until a watch that had lasted is opened again; twice as long after each that had not. */
  readonly retry: number;
  readonly longestRetry: number;
  /** Until it is asked again where it may not watch. */
  readonly refusedRetry: number;
}

interface NodeWatchDependencies {
  /** Called with every state that the API tells: why the node shall take nothing new, or null. */
  readonly onCordon: (cordon: string | null) => void;
  /** Called with the reason when the node cannot be watched any more, once per kind of reason, and with null when it can again. */
  readonly onProblem: (problem: string | null) => void;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

const LIMITS: NodeWatchLimits = { open: 10, watch: 120, grace: 10, retry: 0.5, longestRetry: 10, refusedRetry: 60 };
/** etcd takes objects of up to 1.5 MiB; nodes have about 20 KiB. */
const LONGEST_EVENT_BYTES = 4 * 1024 * 1024;
/** A connection whose other end is gone is noticed after this and ten probes, one a second (libuv's); the HTTP client's own is a minute. */
const KEEP_ALIVE_MILLIS = 10_000;
/** A watch that lasted at least this long was a good one. */
const LASTED_SECONDS = 5;
const GONE = 410;
const FORBIDDEN = 403;

/** Why a watch ended. */
interface End {
  readonly problem: string | null;
  readonly refused: boolean;
}

const ENDED: End = { problem: null, refused: false };

/** Something that a watch was told, in words that need no stack. */
class WatchError extends Error {
  readonly refused: boolean;

  constructor(message: string, options: { refused?: boolean } = {}) {
    super(message);
    this.refused = options.refused ?? false;
  }
}

/**
 * Follows whether the node is cordoned, by a watch of this one node. It begins without a resource version, so that the server first tells
 * what is (https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch): no list, no bookmark and no version that
 * could be too old. Nothing waits for it: while the API is away nothing is told, so what was told last stays in force.
 */
export class NodeWatch {
  readonly #options: NodeWatchOptions;
  readonly #dependencies: NodeWatchDependencies;
  readonly #limits: NodeWatchLimits;
  #abort: AbortController | undefined;
  /** Kind of the problem that was reported last; undefined before the first report. */
  #reported: 'none' | 'refused' | 'other' | undefined;

  constructor(options: NodeWatchOptions, dependencies: NodeWatchDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#limits = { ...LIMITS, ...options.limits };
  }

  /** Begins to watch; does nothing when it watches already. */
  start(): void {
    if (this.#abort !== undefined) return;
    this.#abort = new AbortController();
    this.#reported = undefined;
    void this.#follow(this.#abort.signal);
  }

  /** Ends watching; may be called twice, and be followed by another start. */
  stop(): void {
    this.#abort?.abort();
    this.#abort = undefined;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const beganMs = performance.now();
      const end = await this.#watch(signal);
      if (signal.aborted) return;
      if (end.problem !== null) this.#report(end.refused ? 'refused' : 'other', end.problem);
      failures = performance.now() - beganMs >= LASTED_SECONDS * 1000 ? 0 : failures + 1;
      const pause = delay(this.#pauseSeconds(end, failures) * 1000, undefined, { signal, ref: false });
      await pause.catch(() => undefined);
    }
  }

  #pauseSeconds({ refused }: End, failures: number): number {
    const { retry, longestRetry, refusedRetry } = this.#limits;
    const seconds = refused ? refusedRetry : Math.min(longestRetry, retry * 2 ** failures);
    return seconds * this.#jitter();
  }

  /** Between 0.75 and 1.25, so that the nodes do not all ask at the same moment. */
  #jitter(): number {
    return 0.75 + (this.#dependencies.random ?? Math.random)() / 2;
  }

  /** Watches once. Never rejects. */
  async #watch(signal: AbortSignal): Promise<End> {
    const limit = new TimeLimit(signal);
    try {
      const { caFile, tokenFile } = this.#options;
      // Both are replaced by the kubelet from time to time.
      const [ca, token] = await Promise.all([readFile(caFile, 'utf8'), readFile(tokenFile, 'utf8')]);
      const httpsAgent = new Agent({ ca, keepAlive: false, maxCachedSessions: 0 });
      await this.#read(httpsAgent, token.trim(), limit);
      return ENDED;
    } catch (error) {
      if (error instanceof WatchError) return { problem: error.message, refused: error.refused };
      // Only the message: the error of an HTTP request carries its headers, and with them the token.
      const problem =
        limit.exceeded ?? (error instanceof Error ? `the watch broke: ${error.message}` : 'unknown error');
      return { problem, refused: false };
    } finally {
      limit.clear();
    }
  }

  async #read(httpsAgent: Agent, token: string, limit: TimeLimit): Promise<void> {
    const { open, watch, grace } = this.#limits;
    const seconds = Math.max(1, Math.round(watch * this.#jitter()));
    limit.set(open, `no answer within ${open} s`);
    const response = await this.#request(httpsAgent, token, seconds, limit.signal);
    try {
      if (response.status !== 200) throw refusal(response.status);
      probeConnection(response);
      limit.set(seconds + grace, `the watch did not end after ${seconds} s, as it was asked to`);
      let told = false;
      for await (const line of linesOf(response.data, LONGEST_EVENT_BYTES)) {
        if (limit.signal.aborted) return;
        told = this.#take(line) || told;
      }
      if (!told) throw new WatchError(`the API tells nothing of a node ${this.#options.node}`);
    } finally {
      response.data.destroy();
    }
  }

  #request(httpsAgent: Agent, token: string, seconds: number, signal: AbortSignal): Promise<AxiosResponse<Readable>> {
    const { url, node, userAgent } = this.#options;
    return axios.get(`${url}/api/v1/nodes`, {
      params: { watch: true, fieldSelector: `metadata.name=${node}`, timeoutSeconds: seconds },
      headers: {
        Authorization: `Bearer ${token}`,
        Accept: 'application/json',
        'Accept-Encoding': 'identity',
        'User-Agent': userAgent,
      },
      httpsAgent,
      proxy: false,
      maxRedirects: 0,
      decompress: false,
      responseType: 'stream',
      validateStatus: () => true,
      signal,
    });
  }

  /** Takes one event; whether it told anything. */
  #take(line: string): boolean {
    const event = readNodeEvent(line);
    if (event.kind === 'node') {
      this.#report('none', null);
      this.#dependencies.onCordon(event.cordon);
    } else if (event.kind === 'error' && event.code !== GONE) {
      // A watch that is gone could not follow any more; the next one begins with what is.
      throw new WatchError(event.message);
    }
    return event.kind !== 'nothing';
  }

  #report(kind: 'none' | 'refused' | 'other', problem: string | null): void {
    if (this.#reported === kind) return;
    this.#reported = kind;
    this.#dependencies.onProblem(problem);
  }
}

function probeConnection({ request }: AxiosResponse<unknown>): void {
  const made: unknown = request;
  if (made instanceof ClientRequest) made.socket?.setKeepAlive(true, KEEP_ALIVE_MILLIS);
}

function refusal(status: number): WatchError {
  const refused = status === FORBIDDEN;
  const why = refused ? ': the service account may not watch nodes' : '';
  return new WatchError(`the API server answered ${status}${why}`, { refused });
}
