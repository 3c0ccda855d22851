import { expect, it } from 'vitest';
import { standInObjects } from './kube-vip-stand-in.ts';

it("kube-vip's stand-in has the names that the documentation calls kube-vip's", () => {
  const objects = standInObjects({ 'cidr-global': '192.0.2.0/28' }, [
    { node: 'node1', addresses: ['192.0.2.1', '192.0.2.2'] },
    { node: 'node2', addresses: ['192.0.2.3'], leaves: true },
  ]) as { readonly kind: string; readonly metadata: object; readonly data?: object }[];
  expect(objects.map(({ kind, metadata }) => ({ kind, ...metadata }))).toEqual([
    { kind: 'ConfigMap', name: 'kubevip', namespace: 'kube-system' },
    { kind: 'ConfigMap', name: 'kube-vip-stand-in', namespace: 'kube-system' },
    { kind: 'Deployment', name: 'kube-vip-cloud-provider', namespace: 'kube-system' },
    { kind: 'DaemonSet', name: 'kube-vip-ds', namespace: 'kube-system' },
  ]);
  expect(objects[0]?.data).toEqual({ 'cidr-global': '192.0.2.0/28' });
  expect(objects[1]?.data).toEqual({ node1: '192.0.2.1\n192.0.2.2', node2: '192.0.2.3', 'node2.leaves': '' });
});
