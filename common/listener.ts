import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface ListenerOptions {
  /** Empty: every one that the machine has, of both families where there are both. */
  readonly address: string;
  readonly port: number;
  /** Connections at a time; where another one comes, the oldest that asks for nothing just now is ended. */
  readonly connections?: number;
  /** How long an answer may take to be read, in seconds; null where answers go on for as long as their reader likes. */
  readonly answerSeconds?: number | null;
}

interface ListenerDependencies {
  readonly handler: RequestListener;
  /** Hears of errors of the listening socket, such as that no file descriptor is left for a connection; it goes on listening. */
  readonly onError?: (error: unknown) => void;
}

/** Those who ask are few: the kubelet, the supervisor, Prometheus. */
const CONNECTIONS = 32;
/** For the headers to come, in milliseconds, and for the connection to be used again. */
const HEADERS_MILLIS = 2000;
const KEEP_ALIVE_MILLIS = 5000;
/** How often Node looks for connections that took too long (30 s by itself): the limits above hold within this. */
const CHECK_MILLIS = 500;
const ANSWER_SECONDS = 10;
/** Requests that come in one go are all answered in one turn of the event loop; by then the supervisor must have had its answer. */
const REQUESTS_PER_CONNECTION = 20;
const MAX_HEADER_BYTES = 8192;

/**
 * An HTTP server on one address or on all. It takes no more of the process than a few connections' worth, however many clients there are
 * and however slow: they are those that an address depends on, and those that only look on.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #dependencies: ListenerDependencies;
  #server: Server | undefined;
  /** Open connections, the oldest first, and whether an answer is owed to each. */
  readonly #sockets = new Map<Socket, boolean>();

  constructor(options: ListenerOptions, dependencies: ListenerDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /**
   * Listens.
   * @throws the system's error, with `EADDRINUSE` when another process has the port
   */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({
      headersTimeout: HEADERS_MILLIS,
      requestTimeout: KEEP_ALIVE_MILLIS,
      keepAliveTimeout: KEEP_ALIVE_MILLIS,
      connectionsCheckingInterval: CHECK_MILLIS,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION;
    server.on('connection', (socket) => this.#admit(socket));
    server.on('request', (request, response) => this.#answer(request, response));
    this.#server = server;
    const { address, port } = this.#options;
    try {
      server.listen(address === '' ? { port } : { host: address, port });
      await once(server, 'listening');
    } catch (error) {
      this.#server = undefined;
      throw error;
    }
    // Without a listener of the event the process would end.
    server.on('error', (error) => this.#dependencies.onError?.(error));
  }

  /** Closes the server and its connections; may be called twice, and be followed by another start. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    for (const socket of this.#sockets.keys()) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  #admit(socket: Socket): void {
    this.#sockets.set(socket, false);
    socket.on('close', () => this.#sockets.delete(socket));
    const most = this.#options.connections ?? CONNECTIONS;
    if (this.#sockets.size <= most) return;
    const [idle] = [...this.#sockets].find(([, owed]) => !owed) ?? [socket];
    this.#sockets.delete(idle);
    idle.destroy();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (this.#sockets.has(socket)) this.#sockets.set(socket, true);
    const { answerSeconds = ANSWER_SECONDS } = this.#options;
    // Whoever reads a byte a second is not idle, but keeps the whole answer in memory.
    const timer = answerSeconds === null ? undefined : setTimeout(() => socket.destroy(), answerSeconds * 1000);
    response.on('close', () => {
      clearTimeout(timer);
      if (this.#sockets.has(socket)) this.#sockets.set(socket, false);
    });
    this.#dependencies.handler(request, response);
  }
}
