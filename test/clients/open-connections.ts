import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { inNetns } from '../support/netns.ts';
import { waitFor } from '../support/wait.ts';

const WORKER = join(import.meta.dirname, 'open-connections-worker.ts');

/** `idle`: a request was answered, and the connection is kept. `waiting`: the client waits for an answer. `silent`: nothing was said yet. */
export type ConnectionKind = 'idle' | 'waiting' | 'silent';

/** What the worker is asked to open. */
export interface OpenRequest {
  readonly address: string;
  readonly port: number;
  readonly count: number;
  /** By turns; `idle` and `waiting` by default. */
  readonly kinds?: readonly ConnectionKind[];
  /** The clients' ports, from this one on; by default those that the kernel chooses. */
  readonly fromPort?: number;
}

/** What the worker says. */
export type Said =
  | { readonly id: number; readonly kind: ConnectionKind; readonly what: 'open' }
  | {
      readonly id: number;
      readonly kind: ConnectionKind;
      readonly what: 'end';
      readonly code: string;
      /** Of CLOCK_MONOTONIC. */
      readonly atMs: number;
    };

type Ended = Extract<Said, { what: 'end' }>;

/** Clients that keep connections open, and see when these end. */
export class OpenConnections {
  readonly #worker: ChildProcess;
  readonly #count: number;
  #open = 0;
  readonly #ended: Ended[] = [];

  private constructor(netns: string, request: OpenRequest) {
    const [program, ...args] = inNetns(netns, [process.execPath, WORKER]);
    this.#count = request.count;
    this.#worker = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#worker.on('message', (said: Said) => {
      if (said.what === 'open') this.#open += 1;
      else this.#ended.push(said);
    });
    this.#worker.on('error', () => undefined);
    this.#worker.send(request);
  }

  /** Opens connections from a namespace; gives them when all are open. Whoever opens them closes them. */
  static async open(netns: string, request: OpenRequest): Promise<OpenConnections> {
    const connections = new OpenConnections(netns, request);
    try {
      await waitFor('connections to be open', () => connections.#open === request.count);
    } catch (error) {
      connections.close();
      throw error;
    }
    return connections;
  }

  /** Those that have ended so far. */
  get ended(): readonly Ended[] {
    return this.#ended;
  }

  /** Waits until all have ended. */
  async allEnded(): Promise<readonly Ended[]> {
    await waitFor('every connection to end', () => this.#ended.length === this.#count);
    return this.#ended;
  }

  close(): void {
    this.#worker.kill('SIGKILL');
  }
}
