import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Post } from './post.ts';

const LIMIT = { timeout: 15_000, interval: 5 };
const opened: { close(): void }[] = [];

function post(onDatagram: (datagram: Buffer) => boolean = () => true): Post {
  const made = new Post({ onDatagram });
  opened.push(made);
  return made;
}

/** A number of a port that is held at another address of loopback until the test ends: nobody gets it for every address meanwhile. */
async function heldPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  opened.push(socket);
  await once(socket, 'listening');
  return socket.address().port;
}

function peers(own: string, other: string) {
  return { routes: [{ to: 'peer', address: other } as const], sources: [own] };
}

describe('datagrams between nodes', () => {
  afterEach(() => {
    for (const each of opened.splice(0)) each.close();
  });

  it('go to every peer from the address that it knows', async () => {
    const port = await heldPort();
    const got: string[] = [];
    const [one, other] = [
      post(),
      post((datagram) => {
        got.push(datagram.toString());
        return true;
      }),
    ];
    one.open(peers('127.0.0.2', '127.0.0.3'), port);
    other.open(peers('127.0.0.3', '127.0.0.2'), port);
    await vi.waitFor(() => {
      one.send(Buffer.from('hello'));
      expect(got).toContain('hello');
    }, LIMIT);
    expect(one.problem).toBeNull();
  });

  it('are not heard where somebody else listens: that is told, with the address', async () => {
    const port = await heldPort();
    const other = createSocket('udp4').bind(port, '127.0.0.2');
    await once(other, 'listening');
    try {
      const refused = post();
      refused.open(peers('127.0.0.2', '127.0.0.3'), port);
      await vi.waitFor(() => expect(refused.problem).toContain(`127.0.0.2, UDP port ${port}`), LIMIT);
      expect(refused.problem).toContain('EADDRINUSE');
    } finally {
      other.close();
    }
  });

  it('are heard no longer when a thousand strange ones come in a second, and that is told', async () => {
    const port = await heldPort();
    const flooded = post(() => false);
    flooded.open(peers('127.0.0.2', '127.0.0.3'), port);
    const sender = createSocket('udp4');
    opened.push(sender);
    const flood = () => {
      for (let count = 0; count < 100; count++) sender.send('strange', port, '127.0.0.2', () => undefined);
    };
    await vi.waitFor(() => {
      flood();
      expect(flooded.problem).toMatch(
        /^more than 1000 strange datagrams came in a second to UDP port \d+: not listening/,
      );
    }, LIMIT);
  });
});
