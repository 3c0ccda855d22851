import type { TimerHandle, Timers } from '../../common/clock.ts';
import type { Commands } from './balancer.ts';
import { readSessions } from './observed.ts';
import { RuntimeApiError } from './runtime-api.ts';

/* What a reload leaves: HAProxy's old worker goes on with the connections that it has, and checks no server any more. */

interface OldWorkersDependencies {
  /** The master's command line. */
  readonly master: Commands;
  /** How many of an old worker's connections were closed. */
  readonly onClosed: (worker: number, sessions: number) => void;
  readonly timers: Timers;
}

/** How often the master is asked for old workers. */
const LOOK_MS = 2000;
/** How often some connections are closed while there is one. */
const CLOSE_MS = 250;
/** An old worker is rid of what it has within this time: HAProxy ends it after 15 s (`hard-stop-after`), which cuts all of the rest at once. */
const WITHIN_MS = 10_000;
/** One this young may be a single request, which ends by itself. */
const YOUNGEST_SECONDS = 2;
/** HAProxy takes lines of 16 KiB; a command has 55 bytes. */
const MOST_AT_ONCE = 200;

/** The pids of old workers in the master's answer to `show proc` (haproxy management manual, section 9.4). Pure. */
export function readOldWorkers(text: string): readonly number[] {
  const old = text.split('# old workers\n')[1]?.split('# ')[0] ?? '';
  return Array.from(old.matchAll(/^(\d+)\s+worker\s/gm), ([, pid]) => Number(pid));
}

/** How many connections to close at a time, so that all that there were at first are closed in time. Pure. */
export function closedAtOnce(first: number): number {
  return Math.ceil((first * CLOSE_MS) / WITHIN_MS);
}

/**
 * Closes the connections of old workers, a few at a time: their clients come to the new one, evenly, and are told there when their server
 * is gone. Where this does not run, HAProxy ends them all at once.
 */
export class OldWorkers {
  readonly #dependencies: OldWorkersDependencies;
  /** How many connections each had when it was first seen. */
  #first: ReadonlyMap<number, number> = new Map();
  #timer: TimerHandle;
  #running = false;

  constructor(dependencies: OldWorkersDependencies) {
    this.#dependencies = dependencies;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#schedule();
  }

  /** May be called twice. */
  stop(): void {
    this.#running = false;
    this.#dependencies.timers.clearTimeout(this.#timer);
  }

  #schedule(): void {
    const { timers } = this.#dependencies;
    timers.clearTimeout(this.#timer);
    const afterMs = this.#first.size > 0 ? CLOSE_MS : LOOK_MS;
    if (this.#running)
      this.#timer = timers.setTimeout(() => void this.#look().finally(() => this.#schedule()), afterMs);
  }

  async #look(): Promise<void> {
    try {
      const workers = readOldWorkers(await this.#run('show proc'));
      const first = await Promise.all(workers.map(async (worker) => [worker, await this.#close(worker)] as const));
      this.#first = new Map(first);
    } catch (error) {
      // HAProxy starts or ends, which the balancer tells of.
      if (!(error instanceof RuntimeApiError)) throw error;
    }
  }

  /** Closes some of a worker's connections; gives how many it had at first. */
  async #close(worker: number): Promise<number> {
    const sessions = readSessions(await this.#run(`@!${worker} show sess`));
    const first = this.#first.get(worker) ?? sessions.length;
    // One that is closed while it connects is lost (cutter.ts).
    const established = sessions.filter(
      ({ serverSide, ageSeconds }) => serverSide === 'established' && ageSeconds >= YOUNGEST_SECONDS,
    );
    const ids = established.slice(0, closedAtOnce(first)).map(({ id }) => id);
    for (let from = 0; from < ids.length; from += MOST_AT_ONCE) {
      const some = ids.slice(from, from + MOST_AT_ONCE);
      await this.#run(some.map((id) => `@!${worker} shutdown session ${id}`).join('; '));
    }
    if (ids.length > 0) this.#dependencies.onClosed(worker, ids.length);
    return first;
  }

  /** The master waits for more unless it is told that there is none. */
  #run(commands: string): Promise<string> {
    return this.#dependencies.master.run(`${commands}; quit`);
  }
}
