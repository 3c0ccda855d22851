import { connect } from 'node:net';
import type { Server } from './sections.ts';

/** A kernel refuses at once; who takes longer does not refuse. */
const LIMIT_MS = 100;

/**
 * Whether a server's kernel says that nobody listens there: then what is connected to it is known to that kernel, which ends it with the
 * process, and a process that ends in order goes on with it. All else, silence most of all, may mean that nobody will ever tell. Never rejects.
 */
export function refuses({ address, port }: Pick<Server, 'address' | 'port'>): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const settle = (refused: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(refused);
    };
    const timer = setTimeout(() => settle(false), LIMIT_MS);
    socket.once('connect', () => settle(false));
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED'));
  });
}
