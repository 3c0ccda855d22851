import { EventEmitter } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { listen } from '../../common/testing/loopback.ts';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { freePort } from '../../test/support/free-port.ts';
import { Tripwire, type TripwireState } from './tripwire.ts';

/** A socket of which the test says what happens to it. */
class FakeSocket extends EventEmitter {
  destroyed = false;

  destroy(): void {
    this.destroyed = true;
  }

  resume(): void {
    // Nothing comes.
  }

  fail(code: string): void {
    this.emit('error', Object.assign(new Error(code), { code }));
  }
}

interface Given {
  readonly judged?: boolean;
  readonly random?: number;
}

function setUp({ judged = false, random = 0 }: Given = {}) {
  const time = new ManualTime();
  const sockets: FakeSocket[] = [];
  const connectedAtMs: number[] = [];
  const trips: string[] = [];
  const changes: TripwireState[] = [];
  /** Happens to each new socket. */
  const onSocket: { current: (socket: FakeSocket) => void } = { current: () => undefined };
  const tripwire = new Tripwire(
    { host: '127.0.0.1', port: 80, intervalSeconds: 2, timeoutSeconds: 1, judged },
    {
      clock: time,
      timers: time,
      random: () => random,
      onTripped: (reason) => trips.push(reason),
      onChange: (state) => changes.push(state),
      connect: () => {
        const socket = new FakeSocket();
        sockets.push(socket);
        connectedAtMs.push(time.monotonicMs());
        setImmediate(() => onSocket.current(socket));
        return socket as unknown as Socket;
      },
    },
  );
  const latest = (): FakeSocket => {
    const socket = sockets.at(-1);
    if (socket === undefined) throw new Error('no connection was made');
    return socket;
  };
  return { time, tripwire, sockets, connectedAtMs, trips, changes, latest, onSocket };
}

const connects = (socket: FakeSocket) => socket.emit('connect');
const refuses = (socket: FakeSocket) => socket.fail('ECONNREFUSED');

describe('Tripwire', () => {
  it('holds one connection and says so', async () => {
    const { time, tripwire, sockets, trips, onSocket } = setUp();
    onSocket.current = connects;
    expect(tripwire.state).toEqual({ port: 80, connected: false, refused: false, sinceMs: undefined });
    tripwire.start();
    tripwire.start();
    await time.advance(3_600_000);
    expect(tripwire.state.connected).toBe(true);
    expect(sockets).toHaveLength(1);
    expect(trips).toEqual([]);
  });

  it.each([
    ['closes it', (socket: FakeSocket) => socket.emit('end'), '127.0.0.1:80 closed the held connection'],
    [
      'resets it',
      (socket: FakeSocket) => socket.fail('ECONNRESET'),
      '127.0.0.1:80 broke the held connection (ECONNRESET)',
    ],
  ])('trips the moment the peer %s, and connects again', async (_, happens, reason) => {
    const { time, tripwire, sockets, trips, latest, onSocket } = setUp();
    onSocket.current = connects;
    tripwire.start();
    await time.advance(10_000);
    happens(latest());
    expect(trips).toEqual([reason]);
    latest().emit('close');
    expect(trips).toHaveLength(1);
    expect(tripwire.state.connected).toBe(false);
    await time.advance(0);
    expect(sockets).toHaveLength(2);
    expect(tripwire.state.connected).toBe(true);
  });

  it('does not trip because a connection cannot be made in time, and tries again after an interval', async () => {
    const { time, tripwire, sockets, connectedAtMs, trips } = setUp();
    tripwire.start();
    await time.advance(3000);
    expect(sockets[0]?.destroyed).toBe(true);
    expect(connectedAtMs).toEqual([0, 3000]);
    expect(trips).toEqual([]);
  });

  it('does not trip because the host is not reached', async () => {
    const { time, tripwire, connectedAtMs, trips, onSocket } = setUp({ judged: true });
    onSocket.current = (socket) => socket.fail('EHOSTUNREACH');
    tripwire.start();
    await time.advance(4000);
    expect(connectedAtMs).toEqual([0, 2000, 4000]);
    expect(trips).toEqual([]);
    expect(tripwire.state.refused).toBe(false);
  });

  it('trips when connections are refused twice in a row, and then once only', async () => {
    const { time, tripwire, connectedAtMs, trips, onSocket } = setUp();
    onSocket.current = refuses;
    tripwire.start();
    await time.advance(6002);
    expect(connectedAtMs).toEqual([0, 1, 2001, 4001, 6001]);
    expect(trips).toEqual(['127.0.0.1:80 refuses connections']);
  });

  it('trips at once when a reconnection lands in the backlog of a dying server', async () => {
    const { time, tripwire, trips, latest, onSocket } = setUp();
    onSocket.current = connects;
    tripwire.start();
    await time.advance(10_000);
    latest().fail('ECONNRESET');
    await time.advance(1);
    expect(tripwire.state.connected).toBe(true);
    onSocket.current = refuses;
    latest().fail('ECONNRESET');
    await time.advance(10);
    expect(trips.map((reason) => reason.replace('127.0.0.1:80 ', ''))).toEqual([
      'broke the held connection (ECONNRESET)',
      'broke the held connection (ECONNRESET)',
      'refuses connections',
    ]);
  });

  it('does not hammer a server that closes every connection at once', async () => {
    const { time, tripwire, connectedAtMs, onSocket } = setUp();
    onSocket.current = (socket) => {
      socket.emit('connect');
      socket.emit('end');
    };
    tripwire.start();
    await time.advance(100);
    expect(connectedAtMs).toEqual([0, 1, 3, 7, 15, 31]);
    await time.advance(60_000);
    // One reconnection per interval, and the one that each interval earns.
    expect(connectedAtMs.length).toBeLessThanOrEqual(6 + 2 * 30);
    expect(connectedAtMs.length).toBeGreaterThanOrEqual(30);
  });

  it('keeps watching a server that closes idle connections every second', async () => {
    const { time, tripwire, connectedAtMs, onSocket } = setUp();
    onSocket.current = (socket) => {
      socket.emit('connect');
      time.setTimeout(() => socket.emit('end'), 1000);
    };
    tripwire.start();
    await time.advance(60_000);
    const gaps = connectedAtMs.map((atMs, index) => atMs - (connectedAtMs[index - 1] ?? atMs));
    expect(Math.max(...gaps)).toBeLessThan(1010);
  });

  it('spreads its slow attempts', async () => {
    const { time, tripwire, connectedAtMs, onSocket } = setUp({ random: 0.8 });
    onSocket.current = refuses;
    tripwire.start();
    await time.advance(3300);
    expect(connectedAtMs).toEqual([0, 1, 1601, 3201]);
  });

  it('lets its connection go when it is stopped, and does nothing more until it is started again', async () => {
    const { time, tripwire, sockets, trips, latest, onSocket } = setUp();
    onSocket.current = connects;
    tripwire.start();
    await time.advance(10);
    tripwire.stop();
    tripwire.stop();
    expect(latest().destroyed).toBe(true);
    expect(tripwire.state.connected).toBe(false);
    latest().emit('close');
    await time.advance(60_000);
    expect(trips).toEqual([]);
    expect(time.pending).toBe(0);
    expect(sockets).toHaveLength(1);
    tripwire.start();
    await time.advance(10);
    expect(tripwire.state.connected).toBe(true);
  });

  it('can be stopped from within what it calls', async () => {
    const { time, tripwire, changes, trips, latest, onSocket } = setUp({ judged: true });
    onSocket.current = refuses;
    trips.push = (...reasons: string[]) => {
      tripwire.stop();
      return reasons.length;
    };
    tripwire.start();
    await time.advance(60_000);
    expect(changes).toHaveLength(1);
    expect(time.pending).toBe(0);
    expect(latest().destroyed).toBe(true);
  });
});

describe('Tripwire of a port that is judged by itself', () => {
  it('calls nothing more once it was stopped from within onChange', async () => {
    const { time, tripwire, changes, trips, onSocket } = setUp({ judged: true });
    onSocket.current = refuses;
    changes.push = (...states: TripwireState[]) => {
      tripwire.stop();
      return states.length;
    };
    tripwire.start();
    await time.advance(60_000);
    expect(trips).toEqual([]);
    expect(time.pending).toBe(0);
  });

  it('reports a refusal that is confirmed, and the first connection after it', async () => {
    const { time, tripwire, changes, onSocket } = setUp({ judged: true });
    onSocket.current = refuses;
    tripwire.start();
    await time.advance(100);
    onSocket.current = connects;
    await time.advance(2000);
    expect(changes).toEqual([
      { port: 80, connected: false, refused: true, sinceMs: 1_700_000_000_001 },
      { port: 80, connected: true, refused: false, sinceMs: 1_700_000_002_001 },
    ]);
  });

  it('does not report a refusal that the second attempt does not confirm', async () => {
    const { time, tripwire, changes, onSocket } = setUp({ judged: true });
    onSocket.current = refuses;
    tripwire.start();
    await time.advance(0);
    onSocket.current = connects;
    await time.advance(100);
    expect(tripwire.state).toMatchObject({ connected: true, refused: false });
    expect(changes).toEqual([]);
  });

  it('asks the kernel first when its connection is lost, and trips with what that says', async () => {
    const { time, tripwire, changes, trips, latest, onSocket } = setUp({ judged: true });
    onSocket.current = connects;
    tripwire.start();
    await time.advance(10_000);
    onSocket.current = refuses;
    latest().fail('ECONNRESET');
    expect(trips).toEqual([]);
    await time.advance(1);
    expect(changes.map(({ refused }) => refused)).toEqual([true]);
    expect(trips).toEqual(['127.0.0.1:80 refuses connections']);
  });

  it.each([
    ['a new connection is made', connects],
    ['a new connection fails in another way', (socket: FakeSocket) => socket.fail('EHOSTUNREACH')],
  ])('trips because of the lost connection as soon as %s', async (_, then) => {
    const { time, tripwire, trips, latest, onSocket } = setUp({ judged: true });
    onSocket.current = connects;
    tripwire.start();
    await time.advance(10_000);
    onSocket.current = then;
    latest().emit('end');
    await time.advance(0);
    expect(trips).toEqual(['127.0.0.1:80 closed the held connection']);
    await time.advance(60_000);
    expect(trips).toHaveLength(1);
  });

  it('trips at once when the kernel will be asked only after an interval', async () => {
    const { time, tripwire, trips, connectedAtMs, onSocket } = setUp({ judged: true });
    onSocket.current = (socket) => {
      socket.emit('connect');
      socket.emit('end');
    };
    tripwire.start();
    await time.advance(40);
    // Five quick reconnections are used up; the sixth connection was lost, and that was told.
    expect(connectedAtMs).toHaveLength(6);
    expect(trips).toHaveLength(6);
  });

  it('stays refused while attempts merely time out', async () => {
    const { time, tripwire, changes, onSocket } = setUp({ judged: true });
    onSocket.current = refuses;
    tripwire.start();
    await time.advance(100);
    onSocket.current = () => undefined;
    await time.advance(10_000);
    expect(tripwire.state.refused).toBe(true);
    expect(changes).toHaveLength(1);
  });

  it('is the only kind that reports refusals', async () => {
    const { time, tripwire, changes, onSocket } = setUp();
    onSocket.current = refuses;
    tripwire.start();
    await time.advance(10_000);
    expect(tripwire.state.refused).toBe(false);
    expect(changes).toEqual([]);
  });
});

/** Sockets and servers that keep the process alive. */
function activeSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCP')).length;
}

describe('Tripwire on real sockets', () => {
  it('trips within milliseconds when a server dies, sends no byte, and reads away what the server sends', async () => {
    let received = 0;
    const server = createServer((socket) => {
      socket.write('220 hello\r\n'.repeat(10_000));
      socket.on('data', (chunk) => {
        received += chunk.length;
      });
    });
    const { port, sockets, kill } = await listen(server);
    const trips: string[] = [];
    const tripwire = new Tripwire(
      { host: '127.0.0.1', port, intervalSeconds: 2, timeoutSeconds: 1, judged: true },
      { onTripped: (reason) => trips.push(reason) },
    );
    tripwire.start();
    await vi.waitFor(() => expect(tripwire.state.connected).toBe(true));
    await vi.waitFor(() => expect([...sockets].map(({ writableLength }) => writableLength)).toEqual([0]));
    const killedAtMs = performance.now();
    await kill();
    await vi.waitFor(() => expect(tripwire.state.refused).toBe(true), { interval: 1 });
    expect(performance.now() - killedAtMs).toBeLessThan(500);
    expect(trips).toEqual([`127.0.0.1:${port} refuses connections`]);
    expect(received).toBe(0);
    tripwire.stop();
  });

  it('has no socket that keeps the process alive after stop()', async () => {
    const { port, kill } = await listen(createServer());
    const tripwire = new Tripwire(
      { host: '127.0.0.1', port, intervalSeconds: 2, timeoutSeconds: 1 },
      { onTripped: () => undefined },
    );
    const before = activeSockets();
    tripwire.start();
    await vi.waitFor(() => expect(tripwire.state.connected).toBe(true));
    expect(activeSockets()).toBeGreaterThan(before);
    tripwire.stop();
    await vi.waitFor(() => expect(activeSockets()).toBeLessThanOrEqual(before));
    await kill();
  });

  it('finds a port again after it was refused', async () => {
    const port = await freePort();
    const changes: boolean[] = [];
    const tripwire = new Tripwire(
      { host: '127.0.0.1', port, intervalSeconds: 0.1, timeoutSeconds: 1, judged: true },
      { onTripped: () => undefined, onChange: ({ refused }) => changes.push(refused) },
    );
    tripwire.start();
    await vi.waitFor(() => expect(changes).toEqual([true]));
    const { kill } = await listen(createServer(), port);
    await vi.waitFor(() => expect(changes).toEqual([true, false]));
    tripwire.stop();
    await kill();
  });
});
