import { describe, expect, it } from 'vitest';
import { controlPlaneOf, controlPlaneSchema, type ProxySettings } from '../config/control-plane.ts';
import { type KnownBackend, knownStates, virtualServicesOf } from './virtual-services.ts';

function proxyOf(server: object, section: object = {}): ProxySettings {
  const parsed = controlPlaneSchema.parse({
    enabled: true,
    keepalived: {
      vrrpInstances: [{ virtualIPs: ['192.0.2.1/24', '2001:db8::1/64'] }],
      virtualServers: [{ ipAddress: '192.0.2.1', ...server }],
    },
    ...section,
  });
  const proxy = controlPlaneOf(parsed, { version: 3, advertIntervalSeconds: 0.1 })?.proxy;
  if (!proxy) throw new Error('no proxy');
  return proxy;
}

function backend(number: number, state?: KnownBackend['state'], prepared = true): KnownBackend {
  return { address: `192.0.2.${number}`, port: 6443, state, prepared };
}

/** The servers of the first service, each as address:port*weight. */
function serversOf(backends: readonly KnownBackend[], proxy = proxyOf({})): string[] {
  const [service] = virtualServicesOf(proxy, backends).services;
  return (service?.servers ?? []).map(({ address, port, weight }) => `${address}:${port}*${weight}`);
}

describe('what IPVS is to balance', () => {
  it('is nothing where no virtual server is asked for', () => {
    expect(virtualServicesOf({ ipvs: null, ports: proxyOf({}).ports }, [backend(9)])).toEqual({
      services: [],
      syncId: null,
    });
  });

  it('is each port of each such address, as the settings say', () => {
    const server = { lbAlgo: 'sed', lbKind: 'NAT', delayLoop: '2s', persistenceTimeoutSeconds: 0 };
    const proxy = proxyOf(server, { extraPorts: [{ port: 443, targetPort: 8443 }] });
    const common = { address: '192.0.2.1', kind: 'NAT', scheduler: 'sed', persistenceSeconds: 0, delaySeconds: 2 };
    expect(virtualServicesOf(proxy, [{ ...backend(9), port: 16443 }])).toEqual({
      services: [
        { ...common, port: 6443, servers: [{ address: '192.0.2.9', port: 16443, weight: 1 }] },
        { ...common, port: 443, servers: [{ address: '192.0.2.9', port: 8443, weight: 1 }] },
      ],
      syncId: 51,
    });
  });

  it('goes to servers that are up; one that drains keeps what it has, and one that is down leaves', () => {
    const backends = [
      backend(9, 'up'),
      backend(10, 'draining'),
      backend(11, 'down'),
      backend(12, 'leaving'),
      backend(13),
    ];
    expect(serversOf(backends)).toEqual([
      '192.0.2.9:6443*1',
      '192.0.2.10:6443*0',
      '192.0.2.12:6443*0',
      '192.0.2.13:6443*1',
    ]);
  });

  it('goes to all when none is up: it may be the check that is wrong', () => {
    expect(serversOf([backend(9, 'down'), backend(10, 'draining')])).toEqual(['192.0.2.9:6443*1', '192.0.2.10:6443*1']);
  });

  it('goes by DR and TUN to nodes alone that are prepared, unless none has said so; by NAT to all', () => {
    const backends = [backend(9, 'up', false), backend(10, 'up')];
    for (const lbKind of ['DR', 'TUN']) expect(serversOf(backends, proxyOf({ lbKind }))).toEqual(['192.0.2.10:6443*1']);
    expect(serversOf(backends, proxyOf({ lbKind: 'NAT' }))).toHaveLength(2);
    expect(serversOf([backend(9, 'up', false), backend(10, 'up', false)])).toHaveLength(2);
    // Better late than lost.
    expect(serversOf([backend(9, 'up', false), backend(10, 'down')])).toEqual(['192.0.2.10:6443*1']);
  });

  it('leaves out servers of the other family', () => {
    const mixed = [backend(9), { address: '2001:db8::9', port: 6443, state: undefined, prepared: true }];
    expect(serversOf(mixed)).toEqual(['192.0.2.9:6443*1']);
    expect(serversOf(mixed, proxyOf({ ipAddress: '2001:db8::1' }))).toEqual(['2001:db8::9:6443*1']);
  });

  it('knows of a server what the proxy finds of it', () => {
    const view = { address: '192.0.2.9', state: 'down' } as const;
    const backends = [9, 10].map((number) => ({ address: `192.0.2.${number}`, port: 6443 }));
    expect(knownStates(backends, [view]).map(({ state }) => state)).toEqual(['down', undefined]);
  });
});
