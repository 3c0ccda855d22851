import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';

/** An HTTP server on one address or on all, with limits on how long a client may take. */
export class Listener {
  readonly #options: { readonly address: string; readonly port: number };
  readonly #handler: RequestListener;
  #server: Server | undefined;

  /** @param options the address, empty: every one that the machine has, of both families where there are both */
  constructor(options: { address: string; port: number }, dependencies: { handler: RequestListener }) {
    this.#options = options;
    this.#handler = dependencies.handler;
  }

  /**
   * Listens.
   * @throws the system's error, with `EADDRINUSE` when another process has the port
   */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ requestTimeout: 5000, headersTimeout: 5000, keepAliveTimeout: 5000 }, this.#handler);
    this.#server = server;
    const { address, port } = this.#options;
    server.listen(address === '' ? { port } : { host: address, port });
    await once(server, 'listening');
  }

  /** Closes the server and its connections; may be called twice. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || !server.listening) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
