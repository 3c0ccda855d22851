import { connect } from 'node:net';

/** The program was not reached, did not answer, or not whole. */
export class SocketRequestError extends Error {}

interface RequestOptions {
  /** Path of a Unix socket. */
  readonly socket: string;
  /** For all of it. */
  readonly timeoutMs: number;
  /** In characters. */
  readonly longestAnswer: number;
}

/**
 * Says something to a program at a Unix socket, and that this is all; gives what it answers until its end.
 * @throws {SocketRequestError} when there is no whole answer in time
 */
export function requestAt({ socket: path, timeoutMs, longestAnswer }: RequestOptions, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ path, allowHalfOpen: true });
    const fail = (why: string) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new SocketRequestError(`${path}: ${why}`));
    };
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
    socket.setEncoding('latin1');
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.on('data', (chunk: string) => {
      answer += chunk;
      if (answer.length > longestAnswer) fail('an answer without an end');
    });
    socket.on('end', () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    });
    socket.end(text);
  });
}
