import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { inNetns } from '../support/netns.ts';

const WORKER = join(import.meta.dirname, 'roll-call-worker.ts');

/** What the worker is asked: addresses that are to answer at port 80. */
export interface Asked {
  readonly addresses: readonly string[];
}

/** What it says: addresses that answered, and when, in ms of CLOCK_MONOTONIC. */
export interface Answered {
  readonly heard: readonly (readonly [string, number])[];
}

/** A client that asks each of many addresses until it has answered once. */
export class RollCall {
  readonly #worker: ChildProcess;
  readonly #heard = new Map<string, number>();
  readonly #asked = new Set<string>();

  /** @param netns where the client is */
  constructor(netns: string) {
    const [program, ...args] = inNetns(netns, [process.execPath, WORKER]);
    this.#worker = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#worker.on('message', ({ heard }: Answered) => {
      for (const [address, atMs] of heard) this.#heard.set(address, atMs);
    });
    this.#worker.on('error', () => undefined);
  }

  /** Begins to ask addresses; those that it asks already are passed over. */
  ask(addresses: Iterable<string>): void {
    const fresh = [...addresses].filter((address) => !this.#asked.has(address));
    for (const address of fresh) this.#asked.add(address);
    if (fresh.length > 0) this.#worker.send({ addresses: fresh } satisfies Asked, () => undefined);
  }

  /** When each address answered first, in ms of CLOCK_MONOTONIC. */
  get heard(): ReadonlyMap<string, number> {
    return this.#heard;
  }

  stop(): void {
    this.#worker.kill('SIGKILL');
  }
}
