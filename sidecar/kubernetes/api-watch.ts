import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { explainRequestError } from '../../common/explain-error.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';
import { type ApiAccess, openRequests, type Requests } from '../../common/kubernetes-access.ts';
import { doubled, spread } from '../../common/retry.ts';
import { TimeLimit } from '../../common/time-limit.ts';
import { linesOf } from './lines.ts';

/** All in seconds. */
export interface WatchLimits {
  /** Until the server has begun to answer. */
  readonly open: number;
  /** How long the server is asked to go on; the next one reads the token anew and makes a new connection. */
  readonly watch: number;
  /** How much longer the client waits for that end. */
  readonly grace: number;
  /** Until a watch that had lasted is opened again; twice as long after each that had not. */
  readonly retry: number;
  readonly longestRetry: number;
  /** Until it is asked again where it may not watch. */
  readonly refusedRetry: number;
}

const LIMITS: WatchLimits = { open: 10, watch: 120, grace: 10, retry: 0.5, longestRetry: 10, refusedRetry: 60 };
/** etcd takes objects of up to 1.5 MiB; nodes have about 20 KiB. */
const LONGEST_EVENT_BYTES = 4 * 1024 * 1024;
/** A connection whose other end is gone is noticed after this and ten probes, one a second (libuv's); the HTTP client's own is a minute. */
const KEEP_ALIVE_MILLIS = 10_000;
/** A watch that lasted at least this long was a good one. */
const LASTED_SECONDS = 5;

/** Why a watch ended. */
interface End {
  readonly problem: string | null;
  readonly refused: boolean;
}

/** Why a watch or a request failed, in words that need no stack. */
export class WatchError extends Error {
  readonly refused: boolean;
  /** The status of the answer, or the code in it, if there was one. */
  readonly status: number | undefined;

  constructor(message: string, options: { refused?: boolean; status?: number | undefined } = {}) {
    super(message);
    this.refused = options.refused ?? false;
    this.status = options.status;
  }
}

type Params = Readonly<Record<string, string | number | boolean>>;

/** What one round of a watch may ask the API server. */
export interface WatchRound {
  /**
   * Gets a document.
   * @throws {WatchError} when the answer is not 200, and what the connection throws
   */
  get(path: string, params: Params): Promise<unknown>;
  /**
   * Watches, and gives each line as it comes until the server ends it, as it is asked to after a while.
   * @param opened called when the server has begun to answer
   * @throws {WatchError} when the answer is not 200, and what the connection throws
   */
  watch(path: string, params: Params, opened?: () => void): AsyncGenerator<string>;
}

interface ApiWatchOptions extends ApiAccess {
  readonly limits?: Partial<WatchLimits> | undefined;
  /** What is watched, for messages: `nodes`. */
  readonly resource: string;
}

interface ApiWatchDependencies {
  /** Asks and reads until the server ends the watch; what it throws is reported. */
  readonly round: (round: WatchRound) => Promise<void>;
  /** Called with the reason when nothing can be watched any more, once per kind of reason, and with null when it can again. */
  readonly onProblem: (problem: string | null) => void;
  /** Uniform in [0, 1). */
  readonly random?: (() => number) | undefined;
}

/**
 * Watches something of the Kubernetes API, again and again: the round reads the answers, this class decides how one asks, for how long,
 * and when again. Nothing waits for it: while the API is away, what was observed last stays in force.
 */
export class ApiWatch {
  readonly #options: ApiWatchOptions;
  readonly #dependencies: ApiWatchDependencies;
  readonly #limits: WatchLimits;
  #abort: AbortController | undefined;
  /** Kind of the problem that was reported last; undefined before the first report. */
  #reported: 'none' | 'refused' | 'other' | undefined;

  constructor(options: ApiWatchOptions, dependencies: ApiWatchDependencies) {
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

  /** Reports that the watch is up to date. */
  reportWell(): void {
    this.#report('none', null);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const beganMs = performance.now();
      const end = await this.#round(signal);
      if (signal.aborted) return;
      if (end.problem !== null) this.#report(end.refused ? 'refused' : 'other', end.problem);
      failures = performance.now() - beganMs >= LASTED_SECONDS * 1000 ? 0 : failures + 1;
      const pause = delay(this.#pauseSeconds(end, failures) * 1000, undefined, { signal, ref: false });
      await pause.catch(() => undefined);
    }
  }

  #pauseSeconds({ refused }: End, failures: number): number {
    const { retry, longestRetry, refusedRetry } = this.#limits;
    const seconds = refused ? refusedRetry : doubled(failures, { first: retry, longest: longestRetry });
    return spread(seconds, this.#dependencies.random);
  }

  /** Watches once. Never rejects. */
  async #round(signal: AbortSignal): Promise<End> {
    const limit = new TimeLimit(signal);
    try {
      const requests = await openRequests(this.#options, limit.signal);
      await this.#dependencies.round({
        get: (path, params) => this.#get(requests, limit, path, params),
        watch: (path, params, opened) => this.#watch({ requests, limit, opened }, path, params),
      });
      return { problem: null, refused: false };
    } catch (error) {
      if (error instanceof WatchError) return { problem: error.message, refused: error.refused };
      // Only the message: the error of an HTTP request carries its headers, and with them the token.
      const problem = limit.exceeded ?? `the watch broke: ${explainRequestError(error)}`;
      return { problem, refused: false };
    } finally {
      limit.clear();
    }
  }

  async #get(requests: Requests, limit: TimeLimit, path: string, params: Params): Promise<unknown> {
    const { open } = this.#limits;
    limit.set(open, `no answer within ${open} s`);
    const { status, body } = await requests.document<unknown>({ path, params });
    if (status !== HTTP_STATUS.ok) throw this.#refusal(status);
    return body;
  }

  async *#watch(
    { requests, limit, opened }: { requests: Requests; limit: TimeLimit; opened: (() => void) | undefined },
    path: string,
    params: Params,
  ): AsyncGenerator<string> {
    const { open, watch, grace } = this.#limits;
    const seconds = Math.max(1, Math.round(spread(watch, this.#dependencies.random)));
    limit.set(open, `no answer within ${open} s`);
    const asked = { watch: true, ...params, timeoutSeconds: seconds };
    const { status, body } = await requests.stream({ path, params: asked });
    try {
      if (status !== HTTP_STATUS.ok) throw this.#refusal(status);
      probeConnection(body);
      opened?.();
      limit.set(seconds + grace, `the watch did not end after ${seconds} s, as it was asked to`);
      for await (const line of linesOf(body, LONGEST_EVENT_BYTES)) {
        if (limit.signal.aborted) return;
        yield line;
      }
    } finally {
      body.destroy();
    }
  }

  #report(kind: 'none' | 'refused' | 'other', problem: string | null): void {
    if (this.#reported === kind) return;
    this.#reported = kind;
    this.#dependencies.onProblem(problem);
  }

  #refusal(status: number): WatchError {
    const refused = status === HTTP_STATUS.forbidden;
    const why = refused ? `: the service account may not watch ${this.#options.resource}` : '';
    return new WatchError(`the API server answered ${status}${why}`, { refused, status });
  }
}

function probeConnection({ socket }: IncomingMessage): void {
  socket.setKeepAlive(true, KEEP_ALIVE_MILLIS);
}
