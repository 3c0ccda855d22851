import { describe, expect, it } from 'vitest';
import { allHosts, planNetwork } from './network-plan.ts';

describe('planNetwork', () => {
  it('numbers the nodes from .11 on, beside the client and the API server', () => {
    const plan = planNetwork('default', 3);
    expect(plan.nodes.map(({ name, netns, ipv4, ipv6 }) => [name, netns, ipv4, ipv6])).toEqual([
      ['node1', 'kiv-node1', '172.30.0.11', 'fd00:172:30::11'],
      ['node2', 'kiv-node2', '172.30.0.12', 'fd00:172:30::12'],
      ['node3', 'kiv-node3', '172.30.0.13', 'fd00:172:30::13'],
    ]);
    expect([plan.client.ipv4, plan.newcomer.ipv4, plan.api.ipv4]).toEqual(['172.30.0.2', '172.30.0.3', '172.30.0.5']);
  });

  it('gives every machine an address, a MAC address and a namespace of its own, none of them the virtual address', () => {
    const hosts = allHosts(planNetwork('default', 80));
    for (const key of ['ipv4', 'ipv6', 'mac', 'netns', 'name'] as const) {
      expect(new Set(hosts.map((host) => host[key])).size).toBe(83);
    }
    expect(hosts.map((host) => host.ipv4)).not.toContain('172.30.0.100');
  });

  it.each([0, -1, 1.5, 81, Number.NaN])('refuses %d nodes', (nodes) => {
    expect(() => planNetwork('default', nodes)).toThrow(/1 to 80/);
  });
});
