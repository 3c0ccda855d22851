import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../testing/fake-cluster.ts';
import { nodePlanOf, poolOf } from '../../testing/objects.ts';
import { unavailableAddresses } from './unavailable.ts';

describe('addresses that no Service may have', () => {
  it('are those of nodes, of the release, and those that pools hold by themselves; each with the reason', () => {
    const fake = new FakeCluster();
    fake.addNodes('a');
    fake.address('a', { external: ['198.51.100.1'] });
    const found = unavailableAddresses(
      {
        pools: [poolOf('web', ['192.0.2.100/24', '2001:DB8::1'])],
        plans: [nodePlanOf('a', { addresses: ['192.0.2.200/24'], held: [] })],
        nodes: fake.caches.nodes.list(),
      },
      { addresses: ['192.0.2.2'] },
    );
    expect(Object.fromEntries(found)).toEqual({
      '192.0.2.11': 'is an address of node a itself',
      '198.51.100.1': 'is an address of node a itself',
      '192.0.2.200': 'is an address of node a itself',
      '192.0.2.100': 'is held by pool "web" with or without a Service',
      '2001:db8::1': 'is held by pool "web" with or without a Service',
      '192.0.2.2': "is the release's own virtual address",
    });
  });
});
