import { describe, expect, it } from 'vitest';
import { apiServerFor, checkClusterName, ownsNetns, planCluster } from './plan.ts';

const shape = { name: 'default', nodes: 3, controlPlanes: 1, subnet: 0 };

describe('the plan of a cluster', () => {
  it('gives one control plane a machine of its own, which is no node', () => {
    const plan = planCluster(shape);
    expect(plan.machines.map(({ name, controlPlane, node }) => [name, controlPlane, node])).toEqual([
      ['cp', true, false],
      ['node1', false, true],
      ['node2', false, true],
      ['node3', false, true],
    ]);
    expect(apiServerFor(plan, plan.nodes[0])).toBe('https://10.77.0.2:6443');
  });

  it('puts several control planes on nodes, each of which talks to its own API server', () => {
    const plan = planCluster({ ...shape, nodes: 4, controlPlanes: 3 });
    expect(plan.machines.map(({ name, controlPlane }) => [name, controlPlane])).toEqual([
      ['node1', true],
      ['node2', true],
      ['node3', true],
      ['node4', false],
    ]);
    expect(plan.nodes.map((node) => apiServerFor(plan, node))).toEqual(
      ['10.77.0.11', '10.77.0.12', '10.77.0.13', '10.77.0.11'].map((address) => `https://${address}:6443`),
    );
  });

  it('keeps clusters with different subnets and names apart', () => {
    const [one, other] = [planCluster(shape), planCluster({ ...shape, name: 'x', subnet: 7 })];
    const addresses = (plan: typeof one) =>
      plan.machines.flatMap(({ ipv4, ipv6, netns, mac }) => [ipv4, ipv6, netns, mac]);
    expect(addresses(one).filter((each) => addresses(other).includes(each))).toEqual([]);
    expect(ownsNetns('default', 'kivc-x-node1')).toBe(false);
    expect(ownsNetns('x', 'kivc-x-node1')).toBe(true);
  });

  it('has a client that shares no /16 with a node', () => {
    const { remote, nodes } = planCluster({ ...shape, subnet: 7 });
    const network = (address: string) => address.split('.').slice(0, 2).join('.');
    expect(nodes.map(({ ipv4 }) => network(ipv4))).not.toContain(network(remote.ipv4));
    expect(remote.gateway.replace(/\d+$/, '')).toBe(remote.ipv4.replace(/\d+$/, ''));
  });

  it('gives every machine names and addresses of its own', () => {
    const { machines } = planCluster({ ...shape, nodes: 20 });
    for (const key of ['name', 'netns', 'ipv4', 'ipv6', 'mac'] as const) {
      expect(new Set(machines.map((machine) => machine[key])).size).toBe(21);
    }
  });

  it.each([
    [{ nodes: 0 }, '0 nodes are not possible: 1 to 20'],
    [{ nodes: 21 }, '21 nodes are not possible'],
    [{ controlPlanes: 2 }, '2 control planes are not possible: 1, 3 or 5'],
    [{ nodes: 2, controlPlanes: 3 }, '3 control planes need as many nodes, not 2'],
  ])('refuses %o', (change, message) => {
    expect(() => planCluster({ ...shape, ...change })).toThrow(message);
  });

  it.each(['', 'UP', 'node1', 'cp', 'switch', 'nineletters'])('refuses the name %j', (name) => {
    expect(() => checkClusterName(name)).toThrow('is not usable');
  });
});
