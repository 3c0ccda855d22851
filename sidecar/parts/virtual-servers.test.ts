import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { controlPlaneOf, controlPlaneSchema, type ProxySettings } from '../config/control-plane.ts';
import type { VirtualServerStatus } from '../runtime/supervisor-status.ts';
import { renderVirtualServices, type VirtualServices } from '../runtime/virtual-servers.ts';
import { VirtualServers } from './virtual-servers.ts';
import type { KnownBackend } from './virtual-services.ts';

function proxyOf(ipvs: object = {}, virtualServers: readonly object[] = [{ ipAddress: '192.0.2.1' }]): ProxySettings {
  const parsed = controlPlaneSchema.parse({
    enabled: true,
    keepalived: { vrrpInstances: [{ virtualIPs: ['192.0.2.1/24', '192.0.2.2/24'] }], virtualServers },
    ipvs,
  });
  const proxy = controlPlaneOf(parsed, { version: 3, advertIntervalSeconds: 0.1 })?.proxy;
  if (!proxy) throw new Error('no proxy');
  return proxy;
}

const WITHOUT: VirtualServerStatus = {
  state: 'unavailable',
  messages: ['the kernel of this node has no IPVS: load it'],
};
const TEXT = 'virtual 192.0.2.1 6443 DR rr 360 60\nreal 192.0.2.9 6443 1\nsync 51\n';

describe('virtual servers', () => {
  let written: string[];
  let woken: number;
  let proxy: ProxySettings | null;
  let backends: readonly KnownBackend[] | undefined;
  let status: VirtualServerStatus | undefined;
  let fails: boolean;
  let time: ManualTime;

  function part(): VirtualServers {
    return new VirtualServers({
      file: {
        write: async (services: VirtualServices) => {
          if (fails) throw new Error('ENOSPC: no space left on device');
          const text = renderVirtualServices(services);
          if (text === written.at(-1)) return false;
          written.push(text);
          return true;
        },
      },
      settings: () => proxy,
      backends: () => backends,
      status: () => status,
      wake: async () => {
        woken += 1;
      },
      log: pino({ enabled: false }),
      timers: time,
    });
  }

  beforeEach(() => {
    [written, woken, proxy, status, fails, time] = [[], 0, proxyOf(), undefined, false, new ManualTime()];
    backends = [{ address: '192.0.2.9', port: 6443, state: 'up', prepared: true }];
  });

  it('are told to the supervisor, which is woken, whenever something of them changes', async () => {
    const servers = part();
    await servers.start();
    await servers.review();
    backends = [
      { address: '192.0.2.9', port: 6443, state: 'up', prepared: true },
      { address: '192.0.2.10', port: 6443, state: 'draining', prepared: true },
    ];
    await servers.review();
    expect(written).toEqual([TEXT, TEXT.replace('sync', 'real 192.0.2.10 6443 0\nsync')]);
    expect(woken).toBe(2);
  });

  it('stay as a process before this one left them until it is known which API servers there are', async () => {
    backends = undefined;
    await part().start();
    expect(written).toEqual([]);
  });

  it('are taken away when the settings ask for none any more, and by nobody where there never were any', async () => {
    const servers = part();
    await servers.start();
    proxy = null;
    await servers.review();
    expect(written).toEqual([TEXT, '']);
    written = [];
    await part().start();
    expect(written).toEqual([]);
  });

  it('are not touched by a process that ends', async () => {
    const servers = part();
    await servers.start();
    servers.stop();
    proxy = null;
    await servers.review();
    expect(written).toEqual([TEXT]);
  });

  it('that cannot be written are tried again', async () => {
    fails = true;
    await part().start();
    fails = false;
    await time.advance(1000);
    expect([written, time.pending]).toEqual([[TEXT], 0]);
  });

  it('have no problem while nothing is said against them', () => {
    expect(part().problem).toBeNull();
    status = { state: 'applied', messages: [] };
    expect(part().problem).toBeNull();
    expect(part().lacks(['192.0.2.1/24'])).toBe(false);
  });

  it('that the kernel cannot have are a problem with a name, and other nodes are preferred', () => {
    status = WITHOUT;
    expect(part().problem).toBe(
      'IPVSUnavailable: the kernel of this node has no IPVS: load it; an address that is here is served by the API server of this node alone, and other nodes are preferred; with ipvs.fallback the proxy would balance in its place',
    );
    expect(part().available).toBe(false);
    expect(part().lacks(['192.0.2.1/24'])).toBe(true);
    expect(part().lacks(['192.0.2.2/24'])).toBe(false);
  });

  it('that the kernel cannot have are the proxy’s where the settings say so', () => {
    status = WITHOUT;
    proxy = proxyOf({ fallback: true });
    expect(part().problem).toBe(
      'IPVSUnavailable: the kernel of this node has no IPVS: load it; the proxy balances in its place',
    );
    expect(part().lacks(['192.0.2.1/24'])).toBe(false);
  });

  it('have a condition that says whether the kernel lacks IPVS, as soon as that is known', () => {
    const condition = () => part().conditions.map(({ type, status: is, message }) => [type, is, message]);
    expect(condition()).toEqual([['IPVSUnavailable', 'Unknown', 'nothing was asked of the kernel yet']]);
    status = { state: 'applied', messages: [] };
    expect(condition()).toEqual([['IPVSUnavailable', 'False', 'the kernel has IPVS']]);
    status = WITHOUT;
    expect(condition()).toEqual([['IPVSUnavailable', 'True', 'the kernel of this node has no IPVS: load it']]);
    proxy = proxyOf({}, []);
    expect(condition()).toEqual([]);
  });

  it('that are in force in part say what is not', () => {
    status = { state: 'partly', messages: ['a', 'b'] };
    expect(part().problem).toBe('not all of the virtual servers is in force: a; b');
    expect(part().lacks(['192.0.2.1/24'])).toBe(false);
    proxy = proxyOf({}, []);
    expect(part().problem).toBeNull();
  });
});
