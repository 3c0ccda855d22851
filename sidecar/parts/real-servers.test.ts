import { pino } from 'pino';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import type { IpvsSettings } from '../config/virtual-servers.ts';
import { RealServers } from './real-servers.ts';

function ipvsBy(kind: 'NAT' | 'DR' | 'TUN'): IpvsSettings {
  const server = { address: '192.0.2.1', delaySeconds: 60, scheduler: 'rr', kind, persistenceSeconds: 0 } as const;
  return { servers: [server], fallback: false, syncId: 51, serverPort: 10_273 };
}

const OWN = '192.0.2.9';
const OTHER = '192.0.2.10';

describe('nodes that are to be servers behind an address', () => {
  let ipvs: IpvsSettings | null;
  let state: string;
  let accepting: Set<string>;
  let addresses: string[];
  let time: ManualTime;
  const onChange = vi.fn();
  const asked = vi.fn();
  const port = { open: vi.fn(), close: vi.fn() };

  function part(): RealServers {
    return new RealServers(
      { nodeAddress: OWN },
      {
        ipvs: () => ipvs,
        status: () => ({ state, messages: [] }),
        addresses: () => addresses,
        accepts: async (endpoint) => {
          asked(endpoint);
          return accepting.has(endpoint.address);
        },
        onChange,
        log: pino({ enabled: false }),
        timers: time,
        port,
      },
    );
  }

  beforeEach(() => {
    vi.clearAllMocks();
    [ipvs, state, accepting, addresses] = [ipvsBy('DR'), 'applied', new Set<string>(), [OWN, OTHER]];
    time = new ManualTime();
  });

  it('are asked every second until they have said that they are prepared, and stay so', async () => {
    const servers = part();
    servers.start();
    await time.advance(1000);
    expect([servers.isPrepared(OTHER), onChange.mock.calls.length]).toEqual([false, 0]);
    expect(servers.problems).toEqual([
      `IPVS sends nothing to ${OTHER}: nobody accepts at port 10273 there, by which a node says that it is prepared; see that its pod runs, and that the port is let through`,
    ]);
    accepting.add(OTHER);
    await time.advance(1000);
    expect([servers.isPrepared(OTHER), onChange.mock.calls.length, servers.problems]).toEqual([true, 1, []]);
    expect(asked.mock.calls).toEqual(Array(2).fill([{ address: OTHER, port: 10_273 }]));
    accepting.clear();
    await time.advance(5000);
    expect([servers.isPrepared(OTHER), asked.mock.calls.length]).toEqual([true, 2]);
    addresses = [OWN];
    await time.advance(1000);
    expect(servers.isPrepared(OTHER)).toBe(false);
    servers.stop();
    expect(time.pending).toBe(0);
  });

  it('are this node itself as soon as its supervisor says that all is in force, and it says so to others', () => {
    state = 'partly';
    const servers = part();
    servers.start();
    expect(servers.isPrepared(OWN)).toBe(false);
    expect(port.open).not.toHaveBeenCalled();
    state = 'applied';
    servers.review();
    expect(servers.isPrepared(OWN)).toBe(true);
    expect(port.open).toHaveBeenLastCalledWith(10_273);
    state = 'unavailable';
    servers.review();
    expect(port.close.mock.invocationCallOrder.at(-1)).toBeGreaterThan(port.open.mock.invocationCallOrder.at(-1) ?? 0);
  });

  it.each<[string, IpvsSettings | null]>([
    ['by NAT', ipvsBy('NAT')],
    ['without IPVS', null],
  ])('need not be prepared %s, and nobody is asked', async (_, given) => {
    ipvs = given;
    const servers = part();
    servers.start();
    await time.advance(3000);
    expect([asked.mock.calls.length, port.open.mock.calls.length, servers.problems]).toEqual([0, 0, []]);
  });
});
