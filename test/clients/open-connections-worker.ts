/** Holds connections open from the network namespace that it was started in, and says when each ends; ends with its parent. */
import { connect } from 'node:net';
import { monotonicMs } from '../support/clock.ts';
import type { ConnectionKind, OpenRequest, Said } from './open-connections.ts';

const say = (said: Said) => process.send?.(said);
const REQUEST = 'GET / HTTP/1.1\r\nHost: any\r\n';
/** One that waits has not said all of its request: the server has nothing to say either, until a time limit of its own. */
const SENT: Readonly<Record<Exclude<ConnectionKind, 'silent'>, string>> = { idle: `${REQUEST}\r\n`, waiting: REQUEST };

function openOne({ address, port, fromPort }: OpenRequest, id: number, kind: ConnectionKind): void {
  const socket = connect({ host: address, port, ...(fromPort === undefined ? {} : { localPort: fromPort + id }) });
  let ready = false;
  const isReady = () => {
    if (!ready) say({ id, kind, what: 'open' });
    ready = true;
  };
  socket.on('connect', () => {
    if (kind === 'silent') isReady();
    else socket.write(SENT[kind], () => (kind === 'waiting' ? isReady() : undefined));
  });
  socket.on('data', isReady);
  socket.on('error', (error: NodeJS.ErrnoException) => {
    say({ id, kind, what: 'end', code: error.code ?? error.message, atMs: monotonicMs() });
  });
  socket.on('end', () => say({ id, kind, what: 'end', code: 'EOF', atMs: monotonicMs() }));
}

process.on('message', (request: OpenRequest) => {
  const kinds = request.kinds ?? (['idle', 'waiting'] as const);
  for (let id = 0; id < request.count; id++) openOne(request, id, kinds[id % kinds.length] ?? 'idle');
});
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined);
