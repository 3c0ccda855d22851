import { type ChildProcess, spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { waitFor } from './wait.ts';

/** A time in which the machine did not run one of its cores, in milliseconds of CLOCK_MONOTONIC. */
export interface Stall {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A process of real-time priority that waits this long for its core waits for the machine below, not for a program on it. */
export const STALL_MS = 20;

const WORKER = join(import.meta.dirname, 'stall-worker.ts');
const START_LIMIT_MS = 60_000;
/** Above keepalived's 50: that it runs is no standstill. */
const PRIORITY = 60;

/** Watches every core for times in which the machine gave it no time to run; what was measured meanwhile says nothing of the product. */
export class StallWatch {
  readonly #stalls: Stall[] = [];
  readonly #workers: ChildProcess[] = [];

  /** Begins. @throws Error where no process may have real-time priority. */
  async start(): Promise<void> {
    const ready = cpus().map((_, core) => this.#watch(core));
    await waitFor('a watch of every core', () => ready.every((isReady) => isReady()), { limitMs: START_LIMIT_MS });
  }

  stop(): void {
    for (const worker of this.#workers.splice(0)) worker.kill('SIGKILL');
  }

  /** The longest standstill of any core that overlaps a window; 0 when there was none. In milliseconds. */
  longestDuring(fromMs: number, toMs: number): number {
    const overlapping = this.#stalls.filter((stall) => stall.fromMs < toMs && stall.toMs > fromMs);
    return Math.max(0, ...overlapping.map((stall) => stall.toMs - stall.fromMs));
  }

  #watch(core: number): () => boolean {
    const pin = ['--fifo', String(PRIORITY), 'taskset', '--cpu-list', String(core)];
    const worker = spawn('chrt', [...pin, process.execPath, WORKER], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#workers.push(worker);
    let complaints = '';
    let ready = false;
    worker.stderr?.on('data', (chunk: Buffer) => {
      complaints += chunk.toString();
    });
    worker.once('error', (error) => {
      complaints += error.message;
    });
    worker.on('message', (message: 'ready' | Stall) => {
      if (message === 'ready') ready = true;
      else this.#stalls.push(message);
    });
    return () => {
      if (!ready && (worker.exitCode !== null || complaints !== '')) {
        throw new Error(`core ${core} cannot be watched: ${complaints.trim()}`);
      }
      return ready;
    };
  }
}
