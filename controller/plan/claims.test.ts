import { describe, expect, it } from 'vitest';
import { claimAddresses, oldestFirst } from './claims.ts';
import { node, pool } from './testing/scenes.ts';

const nobody = { reserved: [], nodes: [] };

function reasons(refused: readonly { readonly reason: string }[] | undefined): string[] {
  return (refused ?? []).map(({ reason }) => reason);
}

describe('oldestFirst', () => {
  it('sorts by creation, then by name; what is not stored yet is youngest', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => pool(name, { addresses: [] }, { created: '2026-02-01T00:00:00Z' }));
    const old = pool('z', { addresses: [] }, { created: '2026-01-31T23:59:59Z' });
    const unborn = { ...pool('0', { addresses: [] }), createdMs: Number.POSITIVE_INFINITY };
    const pools = [unborn, c, old, b, a].filter((each) => each !== undefined);
    expect(oldestFirst(pools).map(({ name }) => name)).toEqual(['z', 'a', 'b', 'c', '0']);
  });
});

describe('claimAddresses', () => {
  it('gives an address to the oldest pool that asks for it, however it is written, and names it to the others', () => {
    const pools = [
      pool('edge', { addresses: ['192.168.1.5', '2001:db8::5'] }),
      pool('lab', { addresses: ['192.168.1.5/24', '2001:DB8:0::5/64', '192.168.1.6'] }),
    ];
    const claims = claimAddresses(pools, nobody);
    expect(claims.get('edge')?.refused).toEqual([]);
    expect(claims.get('lab')?.accepted.map(({ given }) => given)).toEqual(['192.168.1.6']);
    expect(claims.get('lab')?.refused).toEqual([
      {
        address: '192.168.1.5/24',
        reason: '192.168.1.5 belongs to the older pool "edge"; remove it from one of the two',
        claimedBy: 'edge',
      },
      {
        address: '2001:DB8:0::5/64',
        reason: '2001:db8::5 belongs to the older pool "edge"; remove it from one of the two',
        claimedBy: 'edge',
      },
    ]);
  });

  it('leaves to a Service what it has, though an older pool lists it since', () => {
    const older = pool('edge', { addresses: ['192.168.1.5/24', '192.168.1.6'] });
    const younger = pool('web', { ranges: [{ cidr: '192.168.1.0/28' }], services: {} });
    const served = {
      ...younger,
      name: 'svc-3f29c0a1d7',
      addresses: ['192.168.1.5'],
      ofServices: new Set(['192.168.1.5']),
    };
    const claims = claimAddresses([older, { ...served, settings: { ...served.settings, ofPool: 'web' } }], nobody);
    expect(claims.get('svc-3f29c0a1d7')?.accepted.map(({ given }) => given)).toEqual(['192.168.1.5']);
    expect(claims.get('edge')?.accepted.map(({ given }) => given)).toEqual(['192.168.1.6']);
    expect(claims.get('edge')?.refused).toEqual([
      {
        address: '192.168.1.5/24',
        reason:
          '192.168.1.5 is had by a Service, as an address of pool "web"; remove it from spec.addresses, or have the Service give it up',
        claimedBy: 'svc-3f29c0a1d7',
      },
    ]);
  });

  it.each([
    ['127.0.0.1', 'is a loopback, link-local, multicast, reserved or unspecified address'],
    ['fe80::1', 'is a loopback, link-local, multicast, reserved or unspecified address'],
    ['::ffff:192.168.1.5', 'is an IPv4 address in the notation of IPv6'],
    ['192.168.1.255/24', "is the network, broadcast or routers' address of the subnet"],
    ['fd00::/64', "is the network, broadcast or routers' address of the subnet"],
    ['192.168.1.5/0', 'is not an IPv4 or IPv6 address'],
  ])(
    'refuses %s, which an API server may have stored by an older definition, and no other address',
    (address, reason) => {
      const claims = claimAddresses([pool('a', { addresses: [address, '192.168.1.7'] })], nobody);
      expect(claims.get('a')?.accepted.map(({ given }) => given)).toEqual(['192.168.1.7']);
      expect(reasons(claims.get('a')?.refused)).toEqual([expect.stringContaining(`"${address}" ${reason}`)]);
    },
  );

  it.each<[object, string]>([
    [{ interface: 'vlan10@eth0' }, 'spec.interface: "vlan10@eth0" is no interface'],
    [
      { healthCheck: { tcpSocket: { port: 80, host: '10.0.0.1:80' } } },
      'spec.healthCheck.tcpSocket.host: "10.0.0.1:80" is no host',
    ],
    [{ healthCheck: { tcpSocket: { port: 80 }, periodSeconds: 0 } }, 'spec.healthCheck.periodSeconds: '],
    [{ healthCheck: {} }, 'spec.healthCheck: give exactly one of httpGet and tcpSocket'],
    [
      { healthCheck: { httpGet: { port: 80, host: 'FD00:0::7' } } },
      'the host of healthCheck, FD00:0::7, is a virtual address, at which every node reaches the one that holds it',
    ],
    [
      { healthCheck: { tcpSocket: { port: 80, host: '192.168.1.8' } } },
      'the host of healthCheck, 192.168.1.8, is a virtual',
    ],
    [
      { healthCheck: { tcpSocket: { port: 80, host: '192.168.1.2' } } },
      'the host of healthCheck, 192.168.1.2, is a virtual',
    ],
  ])('refuses a pool with %j, and no other', (change, reason) => {
    const pools = [
      pool('a', { addresses: ['192.168.1.7', 'fd00::7'], ...change }),
      pool('b', { addresses: ['192.168.1.8'], healthCheck: { tcpSocket: { port: 80, host: '192.168.1.9' } } }),
    ];
    const claims = claimAddresses(pools, { ...nobody, reserved: ['192.168.1.2'] });
    expect(claims.get('a')?.accepted).toEqual([]);
    expect(new Set(reasons(claims.get('a')?.refused))).toEqual(new Set([expect.stringContaining(reason)]));
    expect(claims.get('b')).toMatchObject({ refused: [], accepted: [{ given: '192.168.1.8' }] });
  });

  it('gives what an older pool may not have to the next', () => {
    const pools = [pool('a', { addresses: ['192.168.1.300'] }), pool('b', { addresses: ['192.168.1.30'] })];
    const claims = claimAddresses(pools, nobody);
    expect(reasons(claims.get('a')?.refused)).toEqual([
      '"192.168.1.300" is not an IPv4 or IPv6 address, with or without a prefix; write for example 192.168.1.200 or 192.168.1.200/24',
    ]);
    expect(claims.get('b')?.refused).toEqual([]);
  });

  it('takes one of two entries of one pool that are the same address', () => {
    const claims = claimAddresses(
      [pool('a', { addresses: ['FD00::1', '192.168.1.5/25', '192.168.1.5', 'fd00::1'] })],
      nobody,
    );
    expect(claims.get('a')?.accepted.map(({ given }) => given)).toEqual(['192.168.1.5', 'FD00::1']);
    expect(claims.get('a')?.refused).toEqual([
      {
        address: '192.168.1.5/25',
        reason: '192.168.1.5/25 is in this pool already, as 192.168.1.5; remove one of the two',
        claimedBy: 'a',
      },
      {
        address: 'fd00::1',
        reason: 'fd00::1 is in this pool already, as FD00::1; remove one of the two',
        claimedBy: 'a',
      },
    ]);
  });

  it("refuses the release's own virtual address", () => {
    const claims = claimAddresses([pool('a', { addresses: ['fd00::2', '192.168.1.2/24'] })], {
      reserved: ['192.168.1.2', 'FD00:0::2'],
      nodes: [],
    });
    expect(claims.get('a')?.accepted).toEqual([]);
    expect(claims.get('a')?.refused[0]).toEqual({
      address: '192.168.1.2/24',
      reason:
        "192.168.1.2 is the release's own virtual address (keepalived.vipAddressCidr or vipAddresses); remove it there or from this pool",
      claimedBy: undefined,
    });
  });

  it("refuses a node's address, but not a virtual one that a node reports as its own", () => {
    const machine = node('worker-1', { addresses: ['192.168.1.5', '192.168.1.6'] });
    const groups = [{ slot: 0, virtualRouterId: 1, addresses: ['192.168.1.6'], nodes: ['worker-1'] }];
    const asked = pool('a', { addresses: ['192.168.1.5', '192.168.1.6'] }, { groups });
    const claims = claimAddresses([asked], { reserved: [], nodes: [machine] });
    expect(claims.get('a')?.accepted.map(({ address }) => address)).toEqual(['192.168.1.6']);
    expect(reasons(claims.get('a')?.refused)).toEqual([
      '192.168.1.5 is an address of node worker-1 itself; give the pool one that no machine has, or take it off that node',
    ]);
  });
});
