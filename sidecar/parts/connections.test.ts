import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { controlPlaneOf, controlPlaneSchema } from '../config/control-plane.ts';
import { type Clients, endpointOf } from '../connections/endpoint.ts';
import type { Wanted } from '../connections/sockets.ts';
import { connectionSettingsOf } from '../sources/connections.ts';
import { defaultSettings } from '../testing/settings.ts';
import { Connections, redirectedPorts } from './connections.ts';

const VIP = '192.0.2.100';
const KEY = 'a key of all the nodes\n';
const TABLE = '/proc/self/net/tcp';
const LISTENS = '   0: 00000000:0050 00000000:0000 0A 00000000:00000000\n';
const hex4 = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
const VIP_HEX = '640200C0';
const NODE_HEX = '010200C0';
/** Clients of 10.0.0.1 at port 80 of an address, the virtual one by default. */
const tableOf = (ports: readonly number[], at = VIP_HEX) =>
  LISTENS + ports.map((port) => `   1: ${at}:0050 0100000A:${hex4(port)} 01 00000000:00000000\n`).join('');

/** Two nodes and what is between them. */
class Network {
  readonly time = new ManualTime();
  readonly lines: string[] = [];
  readonly #receivers: ((datagram: Buffer, from: string) => boolean)[] = [];
  readonly sent: Buffer[] = [];
  delivers = true;

  node(options: { key?: string; given?: string; limit?: number } = {}) {
    const state = {
      ports: [] as number[],
      /** Where these clients are connected to. */
      at: VIP_HEX,
      held: [] as string[],
      key: options.key ?? KEY,
      asked: [] as { atMs: number; lines: string[] }[],
      counted: 0,
      enabled: true,
      fails: false,
      translated: undefined as Clients | undefined,
      /** What the kernel is waited for with before it tells. */
      telling: undefined as Promise<void> | undefined,
      timesAsked: 0,
      /** What each look at the table costs, and how often that was done. */
      lookMs: 0,
      looks: 0,
      redirected: [] as Wanted['redirected'],
      opened: false,
      /** Nodes that may be lost, and what is done about them. */
      lost: [] as string[],
      losing: Promise.resolve(),
    };
    let random = this.#receivers.length * 1000;
    const own: { receive?: (datagram: Buffer, from: string) => boolean } = {};
    const from = `192.0.2.${this.#receivers.length + 1}`;
    const part = new Connections({
      settings: () => (state.enabled ? { limit: options.limit ?? 100, keyFile: 'key', port: 10270 } : null),
      key: options.given ?? '',
      running: () => [],
      held: () => state.held,
      redirected: () => state.redirected,
      post: (onDatagram) => {
        own.receive = onDatagram;
        this.#receivers.push(onDatagram);
        return {
          problem: null,
          open: () => {
            state.opened = true;
          },
          close: () => {
            state.opened = false;
          },
          send: (datagram) => {
            this.sent.push(datagram);
            const others = this.#receivers.filter((each) => this.delivers && each !== own.receive);
            for (const each of others) each(datagram, from);
          },
        };
      },
      resetter: {
        ask: async (lines) => {
          if (state.fails) throw new Error('ENOENT');
          state.asked.push({ atMs: this.time.monotonicMs(), lines: [...lines] });
          return { sent: state.asked.at(-1)?.lines.length ?? 0, refused: 0 };
        },
      },
      translated: {
        to: async () => {
          state.timesAsked += 1;
          await state.telling;
          if (state.translated === undefined) throw new Error('ENOENT');
          return state.translated;
        },
      },
      holderLost: (node) => {
        state.lost.push(node);
        return state.losing;
      },
      asked: (clients) => {
        state.counted += clients;
      },
      log: pino({ base: null }, { write: (line) => this.lines.push(line) }),
      read: async (file) => {
        if (file === 'key') return state.key;
        if (file !== TABLE) return '';
        state.looks += 1;
        return tableOf(state.ports, state.at);
      },
      ownAddresses: () => ['192.0.2.1'],
      random: () => (++random).toString(16).padStart(16, '0'),
      clock: this.time,
      timers: this.time,
      processorMs: () => state.looks * state.lookMs,
    });
    return { part, state, receive: (datagram: Buffer) => own.receive?.(datagram, '192.0.2.99') };
  }
}

describe('connections of a node that is gone', () => {
  let network: Network;
  beforeEach(() => {
    network = new Network();
  });

  /** A holder with clients, and a backup that has heard of them. */
  async function pair(ports = [1025, 1026], options: { limit?: number } = {}) {
    const [holder, backup] = [network.node(options), network.node(options)];
    holder.state.held = [VIP];
    holder.state.ports = ports;
    for (const { part } of [holder, backup]) part.start();
    await network.time.advance(3000);
    return { holder, backup };
  }

  it('are asked about by who takes the address over: at once, and three times more', async () => {
    const { holder, backup } = await pair();
    expect(holder.part.view).toMatchObject({ told: 2, leftOut: 0, nodes: 1, problem: null });
    const movedMs = network.time.monotonicMs();
    backup.part.tookOver([`${VIP}/24`]);
    await network.time.advance(5000);
    const lines = ['192.0.2.100 80 10.0.0.1 1025', '192.0.2.100 80 10.0.0.1 1026'];
    expect(backup.state.asked).toEqual([0, 50, 200, 800].map((ms) => ({ atMs: movedMs + ms, lines })));
    expect(backup.state.counted).toBe(2);
    expect(backup.part.view?.last).toMatchObject({ sent: 2, refused: 0 });
  });

  it('are asked about also when it was seen first that the holder has the address no more', async () => {
    const { holder, backup } = await pair();
    holder.state.held = [];
    await network.time.advance(4000);
    backup.part.tookOver([VIP]);
    await network.time.advance(0);
    expect(backup.state.asked[0]?.lines).toHaveLength(2);
    await network.time.advance(3000);
    backup.state.asked = [];
    backup.part.tookOver([VIP]);
    await network.time.advance(1000);
    expect(backup.state.asked).toEqual([]);
  });

  it('are asked about when it is known that their node may be lost, and not much later when that takes its time', async () => {
    const { backup } = await pair();
    backup.part.tookOver([VIP]);
    await network.time.advance(0);
    expect(backup.state.lost).toEqual(['192.0.2.1']);
    expect(backup.state.asked).toHaveLength(1);
    await network.time.advance(1000);
    backup.state.asked = [];
    backup.state.losing = new Promise(() => undefined);
    backup.part.tookOver([VIP]);
    await network.time.advance(24);
    expect(backup.state.asked).toEqual([]);
    await network.time.advance(1);
    expect(backup.state.asked).toHaveLength(1);
  });

  /** Two nodes that had the address both, each with clients of its own, until they hear each other again. */
  async function reunited() {
    const { holder, backup } = await pair([1025]);
    network.delivers = false;
    backup.state.held = [VIP];
    backup.state.ports = [2000, 2001];
    await network.time.advance(5000);
    network.delivers = true;
    return { holder, backup };
  }

  it('are asked about also by who kept the address all the time, when another node had it as well', async () => {
    const { holder, backup } = await reunited();
    backup.state.held = [];
    await network.time.advance(6000);
    const lines = ['192.0.2.100 80 10.0.0.1 2000', '192.0.2.100 80 10.0.0.1 2001'];
    expect(holder.state.asked.map((each) => each.lines)).toEqual([0, 50, 200, 800, 2500].map(() => lines));
  });

  it('are asked about once, however long they are told of, and then those that came meanwhile', async () => {
    const { holder, backup } = await reunited();
    await network.time.advance(20_000);
    expect(holder.state.asked).toHaveLength(5);
    backup.state.ports = [2000, 2002];
    await network.time.advance(20_000);
    expect(holder.state.asked.slice(5).map((each) => each.lines)).toEqual(
      [0, 50, 200, 800, 2500].map(() => ['192.0.2.100 80 10.0.0.1 2002']),
    );
  });

  it('are not asked about once more when they are told of after the address was taken over', async () => {
    const { holder, backup } = await pair();
    holder.state.held = [];
    backup.state.held = [VIP];
    backup.part.tookOver([VIP]);
    await network.time.advance(20_000);
    expect(backup.state.asked).toHaveLength(4);
  });

  it('are not asked about for another address, nor when nothing is known, nor when it is not wanted', async () => {
    const { backup, holder } = await pair();
    backup.part.tookOver(['192.0.2.101']);
    holder.part.tookOver([VIP]);
    backup.state.enabled = false;
    backup.part.tookOver([VIP]);
    await network.time.advance(1000);
    expect([...backup.state.asked, ...holder.state.asked]).toEqual([]);
    expect(backup.part.view).toBeNull();
  });

  it('that come and go are told within a quarter of a second', async () => {
    const { holder, backup } = await pair([1025]);
    holder.state.ports = [1026];
    await network.time.advance(300);
    backup.part.tookOver([VIP]);
    await network.time.advance(0);
    expect(backup.state.asked[0]?.lines).toEqual(['192.0.2.100 80 10.0.0.1 1026']);
  });

  it('are told again every two seconds, for who missed them', async () => {
    const { holder, backup } = await pair([1025]);
    network.delivers = false;
    holder.state.ports = [1026];
    await network.time.advance(500);
    network.delivers = true;
    await network.time.advance(2000);
    backup.part.tookOver([VIP]);
    await network.time.advance(0);
    expect(backup.state.asked[0]?.lines).toEqual(['192.0.2.100 80 10.0.0.1 1026']);
  });

  it('to the proxy are of the address by which they came where the kernel tells, else of all', async () => {
    const holder = network.node();
    holder.state.held = [VIP, '192.0.2.101'];
    // What is redirected is found at the node's own address.
    holder.state.at = NODE_HEX;
    holder.state.ports = [1025];
    holder.state.redirected = [{ addresses: [VIP, '192.0.2.101'], port: 6443, toPort: 80 }];
    holder.state.translated = new Map([[endpointOf(VIP, 6443), new Set([endpointOf('10.0.0.1', 1025)])]]);
    holder.part.start();
    await network.time.advance(500);
    expect(holder.part.view?.told).toBe(1);
    holder.state.translated = new Map();
    await network.time.advance(750);
    expect(holder.part.view?.told).toBe(2);
  });

  it('are told of while the kernel has not said which it translates, which it is asked for again only long after a long answer', async () => {
    const holder = network.node();
    holder.state.held = [VIP];
    holder.state.translated = new Map([[endpointOf(VIP, 443), new Set([endpointOf('10.0.0.1', 9)])]]);
    const { promise, resolve } = Promise.withResolvers<void>();
    holder.state.telling = promise;
    holder.part.start();
    await network.time.advance(500);
    holder.state.ports = [1025, 1026];
    await network.time.advance(500);
    expect(holder.part.view?.told).toBe(2);
    resolve();
    await network.time.advance(500);
    expect(holder.part.view?.told).toBe(3);
    await network.time.advance(45_000);
    expect(holder.state.timesAsked).toBe(1);
    // Other addresses are asked for at once.
    holder.state.held = [VIP, '192.0.2.101'];
    await network.time.advance(500);
    expect(holder.state.timesAsked).toBeGreaterThan(1);
  });

  it('are looked for four times a second, and less often where that takes much of a processor', async () => {
    const holder = network.node();
    holder.state.held = [VIP];
    holder.part.start();
    await network.time.advance(10_000);
    expect(holder.state.looks).toBe(41);
    holder.state.lookMs = 20;
    await network.time.advance(10_000);
    expect(holder.state.looks).toBe(51);
  });

  it('are bounded, where they are told and where they are asked about', async () => {
    const { holder, backup } = await pair([1, 2, 3, 4, 5], { limit: 3 });
    expect(holder.part.view).toMatchObject({ told: 3, leftOut: 2 });
    backup.part.tookOver([VIP]);
    await network.time.advance(0);
    expect(backup.state.asked[0]?.lines).toHaveLength(3);
  });

  it('are known to nobody with another key', async () => {
    const holder = network.node();
    const stranger = network.node({ key: 'a key of somebody else' });
    holder.state.held = [VIP];
    holder.state.ports = [1025];
    for (const { part } of [holder, stranger]) part.start();
    await network.time.advance(3000);
    expect(stranger.part.view?.nodes).toBe(0);
    expect(network.sent.map((datagram) => stranger.receive(datagram))).toContain(false);
  });

  it('are told also where no file has the key, but it is given', async () => {
    const node = network.node({ key: '', given: KEY });
    node.part.start();
    await network.time.advance(1000);
    expect(node.part.view?.problem).toBeNull();
    expect(network.sent.length).toBeGreaterThan(0);
  });

  it.each(['', 'fifteen-letters'])(
    'are told to nobody with the key "%s", and that is a problem until there is a good one',
    async (key) => {
      const node = network.node({ key });
      node.part.start();
      await network.time.advance(1000);
      expect(network.sent).toEqual([]);
      expect(node.part.view?.problem).toBe(
        'the key that nodes know each other by cannot be used: key: has fewer than 16 characters',
      );
      node.state.key = KEY;
      await network.time.advance(1000);
      expect(node.part.view?.problem).toBeNull();
      expect(network.sent.length).toBeGreaterThan(0);
    },
  );

  it('cannot be had from datagrams that somebody recorded: a process of later takes none of them', async () => {
    await pair();
    const record = [...network.sent];
    const later = network.node();
    later.part.start();
    network.delivers = false;
    await network.time.advance(100);
    for (const datagram of record) later.receive(datagram);
    later.part.tookOver([VIP]);
    await network.time.advance(1000);
    expect(later.part.view?.nodes).toBe(0);
    expect(later.state.asked).toEqual([]);
  });

  it('are tried again to be told to clients, and that they cannot is said once', async () => {
    const { backup } = await pair();
    backup.state.fails = true;
    backup.part.tookOver([VIP]);
    await network.time.advance(1000);
    expect(network.lines.filter((line) => line.includes('cannot be told'))).toHaveLength(1);
    expect(backup.part.view?.last).toBeNull();
  });

  it('are looked at no more after the end, nor heard of, and no timer is left', async () => {
    const { holder, backup } = await pair();
    backup.part.tookOver([VIP]);
    for (const { part } of [holder, backup]) {
      part.stop();
      part.stop();
    }
    await network.time.advance(0);
    expect(network.time.pending).toBe(0);
    expect(holder.state.opened).toBe(false);
  });
});

describe('what the settings ask for', () => {
  it('is nothing where it is off, or an older chart knows nothing of it', () => {
    const resetConnections = { enabled: true, limit: 7, keyFile: '/key' };
    expect(connectionSettingsOf({ ...defaultSettings(), resetConnections })).toEqual({
      ...{ limit: 7, keyFile: '/key', port: 10270 },
    });
    expect(
      connectionSettingsOf({ ...defaultSettings(), resetConnections: { ...resetConnections, enabled: false } }),
    ).toBeNull();
    expect(connectionSettingsOf(defaultSettings())).toBeNull();
  });

  it('are the proxy’s addresses and ports where there is one', () => {
    const section = controlPlaneSchema.parse({
      enabled: true,
      keepalived: { vrrpInstances: [{ virtualIPs: ['192.0.2.1/24'] }] },
      extraPorts: [{ port: 9345 }],
    });
    const proxy = controlPlaneOf(section, { version: 3, advertIntervalSeconds: 0.1 })?.proxy ?? null;
    expect(redirectedPorts(proxy)).toEqual([
      { addresses: ['192.0.2.1'], port: 6443, toPort: 6444 },
      { addresses: ['192.0.2.1'], port: 9345, toPort: 6445 },
    ]);
    expect(redirectedPorts(null)).toEqual([]);
  });
});
