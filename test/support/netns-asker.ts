import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { inNetns, netnsPath, REQUEST_LIMIT_SECONDS } from './netns.ts';

const WORKER = join(import.meta.dirname, 'netns-asker-worker.ts');

/** What the worker is asked, and what it says; a page is '' when nothing answered. */
export interface Asked {
  readonly id: number;
  readonly url: string;
}
export interface Answered {
  readonly id: number;
  readonly page: string;
}

/**
 * Fetches pages from inside a network namespace, many times: by one process that stays there. A process for each page would cost twenty times
 * as much, and those who look every few milliseconds would take the machine from those they look at.
 */
export class NetnsAsker {
  readonly #netns: string;
  readonly #pending = new Map<number, (page: string) => void>();
  #worker: ChildProcess | undefined;
  /** The namespace that the worker is in: after a lab was made anew, another one has the name. */
  #inode: number | undefined;
  #asked = 0;

  constructor(netns: string) {
    this.#netns = netns;
  }

  /** Fetches a page, whatever its status; '' when nothing answers in time. */
  ask(url: string): Promise<string> {
    this.#asked += 1;
    const id = this.#asked;
    const worker = this.#running();
    return new Promise((resolve) => {
      const over = setTimeout(() => this.#answer(id, ''), 1000 * (REQUEST_LIMIT_SECONDS + 1));
      this.#pending.set(id, (page) => {
        clearTimeout(over);
        resolve(page);
      });
      worker.send({ id, url } satisfies Asked, () => undefined);
    });
  }

  /** Ends the process; whoever asks again starts another one. */
  stop(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    worker?.kill('SIGKILL');
    for (const id of [...this.#pending.keys()]) this.#answer(id, '');
  }

  #running(): ChildProcess {
    const inode = statSync(netnsPath(this.#netns), { throwIfNoEntry: false })?.ino;
    if (this.#worker !== undefined && this.#inode === inode) return this.#worker;
    this.stop();
    const [program, ...args] = inNetns(this.#netns, [process.execPath, WORKER]);
    const worker = spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    worker.on('message', ({ id, page }: Answered) => this.#answer(id, page));
    worker.on('error', () => this.#lost(worker));
    worker.on('exit', () => this.#lost(worker));
    this.#worker = worker;
    this.#inode = inode;
    return worker;
  }

  #answer(id: number, page: string): void {
    const take = this.#pending.get(id);
    this.#pending.delete(id);
    take?.(page);
  }

  /** Who ends a lab ends everything in its namespaces. */
  #lost(worker: ChildProcess): void {
    if (this.#worker === worker) this.stop();
  }
}
