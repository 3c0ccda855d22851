import { describe, expect, it } from 'vitest';
import { addressesOf, allHosts, defaultVip, ownAddresses, planNetwork } from './network-plan.ts';
import { checkNetworkName, NETWORKS, type NetworkName } from './networks.ts';

const NAMES = Object.keys(NETWORKS) as NetworkName[];

describe('planNetwork', () => {
  it('numbers the nodes from .11 on, beside the client and the API server', () => {
    const plan = planNetwork('default', 3);
    expect(plan.nodes.map((node) => [node.name, node.netns, node.address, ...addressesOf(node, 6)])).toEqual([
      ['node1', 'kiv-node1', '172.30.0.11', 'fd00:172:30::11'],
      ['node2', 'kiv-node2', '172.30.0.12', 'fd00:172:30::12'],
      ['node3', 'kiv-node3', '172.30.0.13', 'fd00:172:30::13'],
    ]);
    expect([plan.client.address, plan.newcomer.address, plan.api.address]).toEqual([
      ...['172.30.0.2', '172.30.0.3', '172.30.0.5'],
    ]);
    expect(plan.nodes.flatMap(({ nics }) => nics.flatMap(({ gateways }) => gateways))).toEqual([]);
  });

  it.each(NAMES)(
    'gives every machine of %s names and addresses of its own, none of them the virtual address',
    (name) => {
      const hosts = allHosts(planNetwork('default', 80, name));
      const values = [
        hosts.map((host) => host.name),
        hosts.map((host) => host.netns),
        hosts.flatMap(({ nics }) => nics.map(({ mac }) => mac)),
        hosts.flatMap(({ nics }) => nics.map(({ port }) => port)),
        hosts.flatMap((host) => ownAddresses({ ...host, bridges: [] })),
      ];
      for (const each of values) expect(new Set(each).size).toBe(each.length);
      expect(hosts.flatMap(ownAddresses)).not.toContain(defaultVip(name).replace(/\/.*/, ''));
      // Names of interfaces have 15 characters at most (IFNAMSIZ).
      expect(hosts.flatMap(({ nics }) => nics.map(({ port }) => port)).filter((port) => port.length > 15)).toEqual([]);
    },
  );

  it('gives clients a cable to each switch, and an address where nodes have none', () => {
    const { client, nodes, switches } = planNetwork('default', 2, 'bare');
    expect(switches).toEqual(['switch0', 'switch1']);
    expect(client.nics.map(({ addresses }) => addresses)).toEqual([
      ['172.30.0.2/24', 'fd00:172:30::2/64'],
      ['172.31.0.2/24', 'fd00:172:31::2/64'],
    ]);
    expect(nodes[0]?.nics[1]).toMatchObject({ name: 'eth1', port: 'node1-eth1', addresses: [] });
    expect(nodes[0]?.nics[0].gateways).toEqual(['172.30.0.1', 'fd00:172:30::1']);
  });

  it('knows a node by its IPv6 address where there is no other', () => {
    const [node] = planNetwork('default', 1, 'ipv6').nodes;
    expect(node?.address).toBe('fd00:172:30::11');
    expect(node === undefined ? [] : ownAddresses(node)).toEqual(['fd00:172:30::11', 'fd00:172:30::5ec:11']);
  });

  it.each([0, -1, 1.5, 81, Number.NaN])('refuses %d nodes', (nodes) => {
    expect(() => planNetwork('default', nodes)).toThrow(/1 to 80/);
  });
});

describe('checkNetworkName', () => {
  it('lists the networks when there is none of this name', () => {
    expect(checkNetworkName('twonics')).toBe('twonics');
    expect(() => checkNetworkName('token-ring')).toThrow(/there are: flat, routed, ipv6, twonics/);
  });
});

describe('defaultVip', () => {
  it.each([
    ['flat', '172.30.0.100/24'],
    ['twonics', '172.31.0.100/24'],
    ['bare', '172.30.0.100/24'],
    ['ipv6', 'fd00:172:30::100/64'],
    ['overlap', '10.1.2.100/24'],
  ] as const)('is in the last subnet that nodes of %s have: %s', (name, address) => {
    expect(defaultVip(name)).toBe(address);
  });
});
