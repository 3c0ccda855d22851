import { describe, expect, it } from 'vitest';
import { endpointSliceFacts, sameEndpointSlice, serviceKeyOf } from './endpoint-slice-facts.ts';

const metadata = {
  ...{ name: 'web-x', namespace: 'shop', resourceVersion: '7' },
  labels: { 'kubernetes.io/service-name': 'web' },
};
const ports = [
  { protocol: 'UDP', port: 53 },
  { name: 'any', protocol: 'TCP' },
  { protocol: 'TCP', port: 8080 },
  { port: 80 },
];

describe('what is kept of an EndpointSlice', () => {
  it('is the ready endpoints with their nodes, and the first TCP port', () => {
    const facts = endpointSliceFacts({
      ...{ metadata, addressType: 'IPv4', ports },
      endpoints: [
        { addresses: ['10.0.0.1'], nodeName: 'a', conditions: { ready: true } },
        { addresses: ['10.0.0.2'], nodeName: 'a', conditions: { ready: false, serving: true, terminating: true } },
        { addresses: ['10.0.0.3'], nodeName: 'b' },
        { addresses: ['10.0.0.4'], conditions: {} },
      ],
    });
    expect(facts).toEqual({
      metadata: { name: 'web-x', namespace: 'shop', resourceVersion: '7' },
      ...{ service: 'web', family: 4, port: 8080 },
      endpoints: [
        { node: 'a', address: '10.0.0.1' },
        { node: 'b', address: '10.0.0.3' },
      ],
    });
    expect(serviceKeyOf(facts)).toBe('shop/web');
  });

  it('is nothing of one that has none, or only names', () => {
    const names = endpointSliceFacts({
      ...{ metadata, addressType: 'FQDN' },
      endpoints: [{ addresses: ['example.org'], nodeName: 'a' }],
    });
    expect([names.endpoints, names.port]).toEqual([[], undefined]);
    expect(endpointSliceFacts({ metadata, addressType: 'IPv6', endpoints: null })).toMatchObject({
      ...{ family: 6, endpoints: [] },
    });
  });

  it('is the same whatever its version is', () => {
    const one = endpointSliceFacts({ metadata, addressType: 'IPv4', ports, endpoints: [] });
    const later = { ...one, metadata: { ...one.metadata, resourceVersion: '8' } };
    expect(sameEndpointSlice(one, later)).toBe(true);
    expect(sameEndpointSlice(one, { ...later, port: 1 })).toBe(false);
  });
});
