import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { ServerOrder } from './protocol.ts';

/*
 * Stands for an API server: `node server.ts NAME CERT KEY PORT ADDRESS…`. `/` answers its name, `/watch` begins an answer with its name and
 * goes on for ever, `/peer` answers who asks, `/readyz` answers what it was told.
 */

const [name = '', cert = '', key = '', port = '', ...addresses] = process.argv.slice(2);
let readyz = 200;

process.on('message', (order: ServerOrder) => {
  readyz = order.readyz;
});
// As an API server without a shutdown delay: it refuses at once, and goes on with what it has.
process.on('SIGTERM', () => {
  for (const server of servers) server.close();
});
process.on('disconnect', () => process.exit());

const tls = { cert: readFileSync(cert), key: readFileSync(key) };
const servers: Server[] = [];
const listening = addresses.map((address) => {
  const server = createServer(tls, (request, response) => {
    if (request.url === '/readyz') response.writeHead(readyz).end(String(readyz));
    else if (request.url === '/peer') response.end(`${request.socket.remoteAddress} ${request.socket.remotePort}`);
    else if (request.url === '/watch') response.writeHead(200).write(`${name}\n`);
    else response.writeHead(200, { connection: 'close' }).end(`${name}\n`);
  });
  servers.push(server);
  server.requestTimeout = 0;
  server.on('tlsClientError', () => undefined);
  return new Promise<void>((resolve) => server.listen(Number(port), address, resolve));
});
await Promise.all(listening);
process.send?.('ready');
