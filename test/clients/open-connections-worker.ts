/** Holds connections open from the network namespace that it was started in, and says when each ends; ends with its parent. */
import { connect } from 'node:net';
import { monotonicMs } from '../support/clock.ts';
import type { ConnectionKind, OpenRequest, Said } from './open-connections.ts';

const say = (said: Said) => process.send?.(said);
const REQUEST = 'GET / HTTP/1.1\r\nHost: any\r\n';
/** One that waits has not said all of its request: the server has nothing to say either, until a time limit of its own. */
const SENT: Readonly<Record<ConnectionKind, string>> = { idle: `${REQUEST}\r\n`, waiting: REQUEST };

function openOne({ address, port }: OpenRequest, id: number, kind: ConnectionKind): void {
  const socket = connect({ host: address, port });
  let ready = false;
  const isReady = () => {
    if (!ready) say({ id, kind, what: 'open' });
    ready = true;
  };
  socket.on('connect', () => socket.write(SENT[kind], () => (kind === 'waiting' ? isReady() : undefined)));
  socket.on('data', isReady);
  socket.on('error', (error: NodeJS.ErrnoException) => {
    say({ id, kind, what: 'end', code: error.code ?? error.message, atMs: monotonicMs() });
  });
  socket.on('end', () => say({ id, kind, what: 'end', code: 'EOF', atMs: monotonicMs() }));
}

process.on('message', (request: OpenRequest) => {
  for (let id = 0; id < request.count; id++) openOne(request, id, id % 2 === 0 ? 'idle' : 'waiting');
});
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined);
