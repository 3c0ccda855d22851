import { join } from 'node:path';
import { requestAt, SocketRequestError } from './socket-request.ts';

/** Below the directory that is shared with keepalived's container. Sidecar and supervisor of two releases may meet in a pod: it stays as it is. */
const SOCKET = join('resets', 'ask');
/** Ten thousand are sent within 0.1 s. */
const TIMEOUT_MS = 5000;
const LONGEST_ANSWER = 200;

/** How it went. */
export interface Asked {
  /** Clients that were asked. */
  readonly sent: number;
  /** Those that cannot be clients, or are asked for from an address that is not here. */
  readonly refused: number;
}

/** The program beside keepalived that asks clients whether they still have their connections (images/keepalived/reset-connections.c). */
export class Resetter {
  readonly #socket: string;

  /** @param options.directory shared with keepalived's container */
  constructor({ directory }: { readonly directory: string }) {
    this.#socket = join(directory, SOCKET);
  }

  /**
   * @param lines `address port client port` each
   * @throws {SocketRequestError} when it is not known to be done
   */
  async ask(lines: Iterable<string>): Promise<Asked> {
    const text = [...lines].map((line) => `${line}\n`).join('');
    const options = { socket: this.#socket, timeoutMs: TIMEOUT_MS, longestAnswer: LONGEST_ANSWER };
    const answer = await requestAt(options, text);
    const [, sent, refused] = /^sent=(\d+) refused=(\d+)\n$/.exec(answer) ?? [];
    if (sent === undefined || refused === undefined) throw new SocketRequestError(answer.trim() || 'no answer');
    return { sent: Number(sent), refused: Number(refused) };
  }
}
