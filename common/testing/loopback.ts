import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A server that listens on loopback, with everything that is connected to it. */
export interface LoopbackServer {
  readonly port: number;
  /** Connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** Stops listening and resets every connection, as a process that is killed does. */
  kill(): Promise<void>;
}

/**
 * Lets a server listen on loopback.
 * @param server a net, tls, http or https server that does not listen yet
 * @param port 0 for any that is free
 */
export async function listen(server: Server, port = 0, host = '127.0.0.1'): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const kill = () =>
    new Promise<void>((resolve) => {
      if (server.listening) server.close(() => resolve());
      else resolve();
      for (const socket of sockets) socket.resetAndDestroy();
    });
  return { port: portOf(server), sockets, kill };
}

/**
 * A port that tells a TLS client hello from plain text and hands the connection on; plain text is answered by `plain`.
 * @param tlsPort where TLS is spoken
 * @param plain what is sent, before the connection is closed, to who does not speak TLS
 * @param delayMs how long after the request
 */
export function createTlsOnlyFront(tlsPort: () => number, plain: string, delayMs = 0): Server {
  return createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (first) => {
      if (first[0] !== 0x16) {
        setTimeout(() => socket.end(plain), delayMs);
        return;
      }
      const inner = connect({ host: '127.0.0.1', port: tlsPort() });
      inner.on('error', () => socket.destroy());
      inner.write(first);
      socket.pipe(inner).pipe(socket);
    });
  });
}

function portOf(server: Server): number {
  const address = server.address() as AddressInfo | null;
  if (address === null) throw new Error('the server does not listen');
  return address.port;
}
