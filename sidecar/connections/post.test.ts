import { createSocket, type SocketOptions } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { address4Of, Post } from './post.ts';

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

  it('are sent by another socket when the address is gone that they were sent from, and that is told', async () => {
    const port = await heldPort();
    const sockets: ReturnType<typeof createSocket>[] = [];
    const made = new Post({
      onDatagram: () => true,
      createSocket: ((options: SocketOptions) => {
        const socket = createSocket(options);
        sockets.push(socket);
        const gone = Object.assign(new Error('send EINVAL'), { code: 'EINVAL' });
        vi.spyOn(socket, 'send').mockImplementation((...words: unknown[]) =>
          (words.at(-1) as (e: Error) => void)(gone),
        );
        return socket;
      }) as typeof createSocket,
    });
    opened.push(made);
    made.open(peers('127.0.0.2', '127.0.0.3'), port);
    await vi.waitFor(() => expect(sockets).toHaveLength(1), LIMIT);
    made.send(Buffer.from('hello'));
    expect(made.problem).toBe(`cannot listen at 127.0.0.2, UDP port ${port}: send EINVAL`);
    expect(() => sockets[0]?.address()).toThrow();
    await vi.waitFor(() => expect(sockets).toHaveLength(2), LIMIT);
  });

  it('are sent from an address that has a subnet, if there is one: a virtual one may leave', () => {
    const entry = (cidr: string) => ({
      ...{ address: cidr.replace(/\/.*/, ''), netmask: '', mac: '', internal: false, cidr },
      family: 'IPv4' as const,
    });
    const addresses = { eth0: [entry('192.0.2.100/32'), entry('192.0.2.1/24')], eth1: [entry('192.0.2.9/32')] };
    expect(address4Of('eth0', addresses)).toBe('192.0.2.1');
    expect(address4Of('eth1', addresses)).toBe('192.0.2.9');
    expect(() => address4Of('eth2', addresses)).toThrow('interface eth2 has no IPv4 address');
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
