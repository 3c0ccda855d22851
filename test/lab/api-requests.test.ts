import { describe, expect, it } from 'vitest';
import type { ApiObject } from './api-protocol.ts';
import { isSelected, readApiRequest, type Selection } from './api-requests.ts';

const PODS = '/api/v1/namespaces/vip/pods';

function pod(name: string, namespace: string, labels: Record<string, string>): ApiObject {
  return {
    metadata: { name, namespace, uid: name, resourceVersion: '1', labels },
    spec: { nodeName: name, hostNetwork: true },
    status: { phase: 'Running', hostIP: '172.30.0.11', podIP: '172.30.0.11' },
  };
}

describe('readApiRequest', () => {
  it.each(['/readyz', '/livez', '/healthz', '/readyz?verbose'])('knows %s as a question after health', (url) => {
    expect(readApiRequest(url)).toEqual({ kind: 'health' });
  });

  it('reads namespace and labels of a list of pods', () => {
    expect(readApiRequest(`${PODS}?labelSelector=${encodeURIComponent('a/b=c,d==e')}&limit=500`)).toEqual({
      kind: 'objects',
      of: 'pods',
      selection: { namespace: 'vip', name: undefined, labels: { 'a/b': 'c', d: 'e' } },
      watch: undefined,
    });
  });

  it('reads a watch that goes on from a resource version', () => {
    expect(readApiRequest(`${PODS}?watch=true&resourceVersion=1&timeoutSeconds=30`)).toMatchObject({
      watch: { since: 1, timeoutSeconds: 30 },
    });
  });

  it('lets a watch without a resource version begin with what exists', () => {
    expect(readApiRequest(`${PODS}?watch=1`)).toMatchObject({ watch: { since: 0, timeoutSeconds: undefined } });
  });

  it('reads list and watch of one node', () => {
    const one = '/api/v1/nodes?fieldSelector=metadata.name%3Dnode1';
    const nodes = { kind: 'objects', of: 'nodes', selection: { name: 'node1', labels: {} } };
    expect(readApiRequest(one)).toEqual({ ...nodes, watch: undefined });
    expect(readApiRequest(`${one}&watch=true&timeoutSeconds=120`)).toEqual({
      ...nodes,
      watch: { since: 0, timeoutSeconds: 120 },
    });
    expect(readApiRequest('/api/v1/nodes')).toEqual({ ...nodes, selection: { labels: {} }, watch: undefined });
  });

  it('reads list, watch and status of one node’s plan', () => {
    const all = '/apis/keepalived-ingress-vip.io/v1alpha1/nodeplans';
    const one = `${all}?fieldSelector=metadata.name%3Dnode1`;
    expect(readApiRequest(one)).toEqual({
      kind: 'objects',
      of: 'nodeplans',
      selection: { name: 'node1', labels: {} },
      watch: undefined,
    });
    expect(readApiRequest(`${one}&watch=true&resourceVersion=7`)).toMatchObject({
      watch: { since: 7 },
    });
    expect(readApiRequest(`${all}/node1/status?fieldManager=x&force=true`)).toEqual({
      kind: 'plan-status',
      name: 'node1',
    });
    expect(readApiRequest('/apis/example.org/v1/nodeplans')).toEqual({ kind: 'unknown' });
  });

  it('does not know other paths', () => {
    expect(readApiRequest('/api/v1/namespaces/vip/secrets')).toEqual({ kind: 'unknown' });
    expect(readApiRequest('/readyz/')).toEqual({ kind: 'unknown' });
  });
});

describe('objects that are meant', () => {
  it('are those of the namespace that carry all labels', () => {
    const pods = [
      pod('a', 'vip', { x: '1', y: '2' }),
      pod('b', 'vip', { x: '1' }),
      pod('c', 'else', { x: '1', y: '2' }),
    ];
    const selected = (selection: Selection) =>
      pods.filter((each) => isSelected(each, selection)).map(({ metadata }) => metadata.name);
    expect(selected({ namespace: 'vip', labels: { x: '1', y: '2' } })).toEqual(['a']);
    expect(selected({ namespace: 'vip' })).toEqual(['a', 'b']);
    expect(selected({ name: 'c', labels: { x: '1' } })).toEqual(['c']);
  });
});
