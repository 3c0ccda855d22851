import { describe, expect, it } from 'vitest';
import type { VrrpInstance } from '../desired/vrrp-instance.ts';
import { routesFor } from './routes.ts';

const ADDRESS4 = { address: '192.0.2.100', prefixLength: 32, family: 4, interface: 'eth1' } as const;
const ADDRESS6 = { address: '2001:db8::64', prefixLength: 128, family: 6, interface: 'eth1' } as const;

function instance(options: Partial<VrrpInstance>): VrrpInstance {
  return {
    name: 'vip',
    version: 3,
    virtualRouterId: 10,
    advertIntervalSeconds: 0.1,
    interface: 'eth0',
    addresses: [ADDRESS4],
    ...options,
  };
}

describe('where lists go', () => {
  it('is where VRRP goes by multicast: by IPv4 where there is an address of it, on the interface that VRRP is spoken on', () => {
    const instances = [
      instance({ addresses: [ADDRESS6, ADDRESS4] }),
      instance({}),
      instance({ addresses: [ADDRESS6], interface: 'eth2' }),
    ];
    expect(routesFor(instances)).toEqual({
      routes: [
        { to: 'group', family: 4, interface: 'eth0' },
        { to: 'group', family: 6, interface: 'eth2' },
      ],
      sources: [],
    });
  });

  it('is every peer by unicast, each once, from the address that peers know', () => {
    const unicast = { sourceAddress: '192.0.2.1', peers: ['192.0.2.2', '192.0.2.3'] };
    const instances = [instance({ unicast }), instance({ unicast: { ...unicast, peers: ['192.0.2.3'] } })];
    expect(routesFor(instances)).toEqual({
      routes: [
        { to: 'peer', address: '192.0.2.2' },
        { to: 'peer', address: '192.0.2.3' },
      ],
      sources: ['192.0.2.1'],
    });
  });

  it('is nowhere without an address to hold', () => {
    expect(routesFor([instance({ addresses: [] })])).toEqual({ routes: [], sources: [] });
  });
});
