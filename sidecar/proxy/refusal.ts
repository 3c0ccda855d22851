import { connect } from 'node:net';
import type { Server } from './sections.ts';

/** A kernel refuses at once; who takes longer does not refuse. */
const REFUSAL_MS = 100;
/** A kernel accepts at once as well, but its first word may be lost while switches learn where an address is. */
const ACCEPTANCE_MS = 1000;

/** Connects, and ends that at once; gives `accepted`, why not as the kernel's code, or `silence` when nothing came in time. Never rejects. */
function tryToConnect({ address, port }: Pick<Server, 'address' | 'port'>, limitMs: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const settle = (found: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(found);
    };
    const timer = setTimeout(() => settle('silence'), limitMs);
    socket.once('connect', () => settle('accepted'));
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
  });
}

/**
 * Whether a server's kernel says that nobody listens there: then what is connected to it is known to that kernel, which ends it with the
 * process, and a process that ends in order goes on with it. All else, silence most of all, may mean that nobody will ever tell. Never rejects.
 */
export async function refuses(server: Pick<Server, 'address' | 'port'>): Promise<boolean> {
  return (await tryToConnect(server, REFUSAL_MS)) === 'ECONNREFUSED';
}

/** Whether a server's kernel accepts a connection: then its node is there. Never rejects. */
export async function accepts(server: Pick<Server, 'address' | 'port'>): Promise<boolean> {
  return (await tryToConnect(server, ACCEPTANCE_MS)) === 'accepted';
}
