import { describe, expect, it } from 'vitest';
import type { PodObject } from './api-protocol.ts';
import { readApiRequest, selectPods } from './api-requests.ts';

const PODS = '/api/v1/namespaces/vip/pods';

function pod(name: string, namespace: string, labels: Record<string, string>): PodObject {
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
      kind: 'pods',
      namespace: 'vip',
      labels: { 'a/b': 'c', d: 'e' },
      watch: undefined,
    });
  });

  it('reads a watch that goes on from a resource version', () => {
    expect(readApiRequest(`${PODS}?watch=true&resourceVersion=1&timeoutSeconds=30`)).toMatchObject({
      watch: { initial: false, timeoutSeconds: 30 },
    });
  });

  it('lets a watch without a resource version begin with what exists', () => {
    expect(readApiRequest(`${PODS}?watch=1`)).toMatchObject({ watch: { initial: true, timeoutSeconds: undefined } });
  });

  it('reads list and watch of one node', () => {
    const one = '/api/v1/nodes?fieldSelector=metadata.name%3Dnode1';
    expect(readApiRequest(one)).toEqual({ kind: 'nodes', name: 'node1', watch: undefined });
    expect(readApiRequest(`${one}&watch=true&timeoutSeconds=120`)).toEqual({
      kind: 'nodes',
      name: 'node1',
      watch: { initial: true, timeoutSeconds: 120 },
    });
    expect(readApiRequest('/api/v1/nodes')).toEqual({ kind: 'nodes', name: undefined, watch: undefined });
  });

  it('reads list, watch and status of one node’s plan', () => {
    const all = '/apis/keepalived-ingress-vip.io/v1alpha1/nodeplans';
    const one = `${all}?fieldSelector=metadata.name%3Dnode1`;
    expect(readApiRequest(one)).toEqual({ kind: 'plans', name: 'node1', watch: undefined, since: 0 });
    expect(readApiRequest(`${one}&watch=true&resourceVersion=7`)).toMatchObject({
      watch: { initial: false },
      since: 7,
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

describe('selectPods', () => {
  it('gives the pods of the namespace that carry all labels', () => {
    const pods = [
      pod('a', 'vip', { x: '1', y: '2' }),
      pod('b', 'vip', { x: '1' }),
      pod('c', 'else', { x: '1', y: '2' }),
    ];
    expect(selectPods(pods, 'vip', { x: '1', y: '2' }).map(({ metadata }) => metadata.name)).toEqual(['a']);
    expect(selectPods(pods, 'vip', {}).map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
  });
});
