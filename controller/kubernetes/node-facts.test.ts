import type { V1Node } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { nodeFacts, sameNode } from './node-facts.ts';

function node(change: (node: V1Node) => void = () => undefined): V1Node {
  const made: V1Node = {
    metadata: { name: 'n1', resourceVersion: '7', labels: { zone: 'a', role: 'edge' }, annotations: { big: 'x' } },
    spec: { taints: [{ key: 'edge', value: '', effect: 'NoSchedule' }], podCIDR: '10.0.0.0/24' },
    status: {
      addresses: [
        { type: 'Hostname', address: 'n1' },
        { type: 'InternalIP', address: '192.0.2.11' },
        { type: 'InternalIP', address: '2001:db8::11' },
        { type: 'ExternalIP', address: '198.51.100.11' },
      ],
      conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date(0) }],
      images: [{ names: ['a'], sizeBytes: 1 }],
    },
  };
  change(made);
  return made;
}

describe('what is kept of a Node', () => {
  it('is what decides, and nothing else', () => {
    expect(nodeFacts(node())).toEqual({
      metadata: { name: 'n1', resourceVersion: '7' },
      labels: { zone: 'a', role: 'edge' },
      taints: [{ key: 'edge', effect: 'NoSchedule' }],
      unschedulable: false,
      internalAddresses: ['192.0.2.11', '2001:db8::11'],
      externalAddresses: ['198.51.100.11'],
      ready: true,
    });
  });

  it('is there also of a Node that has said nothing yet', () => {
    expect(nodeFacts({ metadata: { name: 'n2' } })).toMatchObject({ labels: {}, taints: [], ready: false });
  });

  it('does not change with a heartbeat', () => {
    const beat = node((changed) => {
      changed.metadata = { ...changed.metadata, resourceVersion: '8', labels: { role: 'edge', zone: 'a' } };
      changed.status = {
        ...changed.status,
        conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date(9) }],
      };
    });
    expect(sameNode(nodeFacts(node()), nodeFacts(beat))).toBe(true);
  });

  it.each([
    ['a cordon', (changed: V1Node) => Object.assign(changed.spec ?? {}, { unschedulable: true })],
    ['a taint', (changed: V1Node) => Object.assign(changed.spec ?? {}, { taints: [] })],
    ['a label', (changed: V1Node) => Object.assign(changed.metadata ?? {}, { labels: { zone: 'b', role: 'edge' } })],
    ['an address', (changed: V1Node) => Object.assign(changed.status ?? {}, { addresses: [] })],
    ['readiness', (changed: V1Node) => Object.assign(changed.status ?? {}, { conditions: [] })],
  ])('changes with %s', (_what, change) => {
    expect(sameNode(nodeFacts(node()), nodeFacts(node(change)))).toBe(false);
  });
});
