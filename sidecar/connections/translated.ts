import { join } from 'node:path';
import { canonicalAddress } from '../../common/addresses.ts';
import { type Clients, type Endpoint, endpointOf } from './endpoint.ts';
import { requestAt, SocketRequestError } from './socket-request.ts';

/** As that of the program that asks clients. */
const SOCKET = join('resets', 'list');
/** The kernel tells of a hundred thousand connections within 0.2 s. */
const TIMEOUT_MS = 5000;
/** As many lines as the program writes. */
const LONGEST_ANSWER = 32 * 1024 * 1024;
const LINE = /^([0-9a-f:.]+) (\d{1,5}) ([0-9a-f:.]+) (\d{1,5})$/gm;
const END = /(?:^|\n)end=\d+\n$/;

function endpoint(address = '', port = ''): Endpoint | undefined {
  const known = canonicalAddress(address);
  return known === undefined ? undefined : endpointOf(known, Number(port));
}

/** Clients in lines `address port client port`. Pure. */
export function clientsInLines(text: string): Clients {
  const found = new Map<Endpoint, Set<Endpoint>>();
  for (const [, address, port, client, clientPort] of text.matchAll(LINE)) {
    const [to, from] = [endpoint(address, port), endpoint(client, clientPort)];
    if (to === undefined || from === undefined || to.length !== from.length) continue;
    const known = found.get(to);
    if (known === undefined) found.set(to, new Set([from]));
    else known.add(from);
  }
  return found;
}

/** Clients whose connections the node's kernel translates to another destination, as to a pod or to the proxy: no socket shows these. */
export class TranslatedConnections {
  readonly #socket: string;

  /** @param options.directory shared with keepalived's container, where the program is that reads the kernel's table */
  constructor({ directory }: { readonly directory: string }) {
    this.#socket = join(directory, SOCKET);
  }

  /**
   * The clients of some addresses.
   * @throws {SocketRequestError} when they cannot be known, as where the kernel has no such table
   */
  async to(addresses: readonly string[]): Promise<Clients> {
    const options = { socket: this.#socket, timeoutMs: TIMEOUT_MS, longestAnswer: LONGEST_ANSWER };
    const answer = await requestAt(options, addresses.map((address) => `${address}\n`).join(''));
    if (!END.test(answer)) throw new SocketRequestError(/error=.*/.exec(answer)?.[0] ?? 'no whole answer');
    return clientsInLines(answer);
  }
}
