import type { Socket } from 'node:net';
import type { Timers } from '../../common/clock.ts';
import type { Endpoint } from '../probes/endpoint.ts';

/** Why a connection is not there (any more): a system error's code, or that the peer closed it in an orderly way. */
export type Loss = 'closed' | (string & {});

interface HoldOptions extends Endpoint {
  /** For making the connection; once made it is held without limit. */
  readonly timeoutMs: number;
}

interface HoldDependencies {
  readonly timers: Timers;
  readonly connect: (endpoint: Endpoint) => Socket;
  readonly onConnected: () => void;
  /** The connection could not be made. */
  readonly onFailed: (loss: Loss) => void;
  /** The connection was made and then ended by the peer. */
  readonly onLost: (loss: Loss) => void;
}

/**
 * Connects and keeps the connection, sending nothing and throwing away what comes, until the peer ends it. Exactly one of `onFailed`
 * and `onLost` is called, once, unless the connection is closed before.
 * @returns closes the connection, without a further call
 */
export function holdConnection({ host, port, timeoutMs }: HoldOptions, dependencies: HoldDependencies): () => void {
  const { timers, onConnected, onFailed, onLost } = dependencies;
  const socket = dependencies.connect({ host, port });
  let connected = false;
  let over = false;
  const close = () => {
    over = true;
    timers.clearTimeout(timer);
    socket.destroy();
  };
  const end = (loss: Loss) => {
    if (over) return;
    close();
    if (connected) onLost(loss);
    else onFailed(loss);
  };
  const timer = timers.setTimeout(() => end('ETIMEDOUT'), timeoutMs);
  socket.once('connect', () => {
    if (over) return;
    connected = true;
    timers.clearTimeout(timer);
    onConnected();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  socket.once('end', () => end('closed'));
  socket.once('close', () => end('closed'));
  socket.resume();
  return close;
}
