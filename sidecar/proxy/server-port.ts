import { connect, createServer, type Server } from 'node:net';

/** A connection that is accepted at all is accepted at once. */
const LIMIT_MS = 500;
/** Who connects is let go at once; more at a time have no reason. */
const MOST_CONNECTIONS = 64;

/**
 * The port at which a node says that it is prepared to be a server behind an address of another: it accepts, and ends the connection. By DR and
 * TUN the holder cannot see otherwise whether what it sends there is taken or lost.
 */
export class ServerPort {
  readonly #onError: (error: Error) => void;
  #server: Server | undefined;
  #port: number | undefined;

  /** @param onError called when the port cannot be had; it is closed then */
  constructor(onError: (error: Error) => void) {
    this.#onError = onError;
  }

  /** Opens it on every address, unless it is open. */
  open(port: number): void {
    if (this.#port === port) return;
    this.close();
    this.#port = port;
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.destroy();
    });
    server.maxConnections = MOST_CONNECTIONS;
    server.on('error', (error) => {
      if (this.#server === server) this.close();
      this.#onError(error);
    });
    server.listen({ port });
    this.#server = server;
  }

  /** Closes it; may be called twice. */
  close(): void {
    this.#server?.close();
    this.#server = undefined;
    this.#port = undefined;
  }
}

/** Whether somebody accepts connections there. Never rejects. */
export function accepts(endpoint: { readonly address: string; readonly port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: endpoint.address, port: endpoint.port });
    const settle = (accepted: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(accepted);
    };
    const timer = setTimeout(() => settle(false), LIMIT_MS);
    socket.once('connect', () => settle(true));
    socket.on('error', () => settle(false));
  });
}
