import { connect } from 'node:net';
import { bracketed } from '../../common/addresses.ts';
import { Attempt } from './attempt.ts';
import type { Endpoint } from './endpoint.ts';
import type { Probe, ProbeResult } from './types.ts';

interface TcpProbeOptions extends Endpoint {
  readonly timeoutSeconds: number;
}

/** Asks whether a TCP port takes connections; sends nothing and reads nothing. */
export class TcpProbe implements Probe {
  readonly target: string;
  readonly #options: TcpProbeOptions;

  /** @param options what to connect to, and for how long to try */
  constructor(options: TcpProbeOptions) {
    this.#options = options;
    this.target = `tcp://${bracketed(options.host)}:${options.port}`;
  }

  /** Connects once; see Probe. */
  probe(signal: AbortSignal): Promise<ProbeResult> {
    const { host, port, timeoutSeconds } = this.#options;
    const attempt = new Attempt();
    if (signal.aborted) return Promise.resolve(attempt.aborted(this.target));
    return new Promise((resolve) => {
      const socket = connect({ host, port });
      const finish = (result: ProbeResult) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        socket.destroy();
        resolve(result);
      };
      const abort = () => finish(attempt.aborted(this.target));
      const giveUp = () =>
        finish(attempt.failure(`${this.target}: no connection within ${timeoutSeconds} s`, 'ETIMEDOUT'));
      // One more turn of the event loop: when this process was late itself, the connection may stand and only not be noticed yet.
      const timer = setTimeout(() => setImmediate(giveUp), timeoutSeconds * 1000);
      signal.addEventListener('abort', abort);
      socket.once('connect', () => finish(attempt.success(`${this.target} took the connection`)));
      socket.on('error', (error: NodeJS.ErrnoException) => finish(this.#judge(error, attempt)));
    });
  }

  #judge(error: NodeJS.ErrnoException, attempt: Attempt): ProbeResult {
    const text =
      error.code === 'ECONNREFUSED' ? 'connection refused, nothing listens there' : error.message || error.code;
    return attempt.connectionError(`${this.target}: ${text}`, error.code);
  }
}
