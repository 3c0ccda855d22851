import { connect } from 'node:net';

interface RuntimeApiOptions {
  /** Path of HAProxy's socket. */
  readonly socket: string;
  /** For one command, connection included. */
  readonly timeoutMs?: number;
}

/** HAProxy answers within a millisecond; what takes this long will not come. */
const TIMEOUT_MS = 2000;
/** The list of sessions has 300 bytes for each, of which there can be ten thousands. */
const LONGEST_ANSWER_BYTES = 64 * 1024 * 1024;

/** HAProxy was not reached, did not answer in time, or not whole. */
export class RuntimeApiError extends Error {}

/**
 * HAProxy's runtime API (haproxy management manual, section 9.3). Each command has a connection of its own: one that is kept would stay with
 * the old worker after a reload, and the new one is who must be told.
 */
export class RuntimeApi {
  readonly #socket: string;
  readonly #timeoutMs: number;

  constructor({ socket, timeoutMs = TIMEOUT_MS }: RuntimeApiOptions) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Gives commands, separated by `;`, and returns what is said of them all.
   * @throws {RuntimeApiError} when there is no whole answer
   */
  run(commands: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let length = 0;
      const socket = connect({ path: this.#socket });
      const fail = (why: string) => {
        clearTimeout(timer);
        socket.destroy();
        reject(new RuntimeApiError(`HAProxy's runtime API at ${this.#socket}: ${why}`));
      };
      const timer = setTimeout(() => fail(`no answer within ${this.#timeoutMs} ms`), this.#timeoutMs);
      socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
      socket.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > LONGEST_ANSWER_BYTES) fail('an answer without an end');
      });
      socket.on('end', () => {
        clearTimeout(timer);
        socket.destroy();
        resolve(Buffer.concat(chunks).toString('utf8'));
      });
      // Not ended: HAProxy would take that for who has gone.
      socket.write(`${commands}\n`);
    });
  }
}
