import { describe, expect, it } from 'vitest';
import { endpointsOf, readEndpointSlice, readEndpointSlices, readKeptEndpoints } from './endpoint-slices.ts';

const metadata = { name: 'kubernetes', resourceVersion: '7' };
const ports = [{ name: 'https', port: 6443, protocol: 'TCP' }];

describe('an EndpointSlice', () => {
  it('tells addresses in their one spelling and in order, each once', () => {
    const slice = readEndpointSlice({
      metadata,
      ports,
      endpoints: [{ addresses: ['FD00::2'] }, { addresses: ['192.0.2.1'] }, { addresses: ['192.0.2.1'] }],
    });
    expect(slice).toEqual({
      ...metadata,
      endpoints: [
        { address: '192.0.2.1', port: 6443 },
        { address: 'fd00::2', port: 6443 },
      ],
    });
  });

  it('tells of none that is not ready; one that does not say is', () => {
    const endpoint = (address: string, conditions?: object | null) => ({ addresses: [address], conditions });
    const endpoints = [
      endpoint('192.0.2.1', { ready: true }),
      endpoint('192.0.2.2', { ready: false }),
      endpoint('192.0.2.3', { ready: null }),
      endpoint('192.0.2.4', null),
    ];
    const told = readEndpointSlice({ metadata, ports, endpoints }).endpoints.map(({ address }) => address);
    expect(told).toEqual(['192.0.2.1', '192.0.2.3', '192.0.2.4']);
  });

  it('has the API server’s port, whatever other ports there are', () => {
    const many = [{ name: 'konnectivity', port: 8132 }, ...ports];
    const endpoints = [{ addresses: ['192.0.2.1'] }];
    expect(readEndpointSlice({ metadata, ports: many, endpoints }).endpoints[0]?.port).toBe(6443);
    expect(readEndpointSlice({ metadata, ports: [], endpoints }).endpoints).toEqual([]);
  });

  it('may have nothing but its metadata, and no address that is none', () => {
    expect(readEndpointSlice({ metadata, endpoints: null, ports: null }).endpoints).toEqual([]);
    const names = [{ addresses: ['master.example'] }];
    expect(readEndpointSlice({ metadata, ports, endpoints: names }).endpoints).toEqual([]);
  });

  it('is one of several that together tell', () => {
    const { resourceVersion, items: slices } = readEndpointSlices({
      metadata: { resourceVersion: '10' },
      items: [
        { metadata, ports, endpoints: [{ addresses: ['192.0.2.2'] }] },
        { metadata: { ...metadata, name: 'kubernetes-ipv6' }, ports, endpoints: [{ addresses: ['fd00::1'] }] },
      ],
    });
    expect(resourceVersion).toBe('10');
    expect(endpointsOf(slices).map(({ address }) => address)).toEqual(['192.0.2.2', 'fd00::1']);
  });
});

describe('endpoints that were kept', () => {
  it('are taken as they were written', () => {
    const kept = [{ address: '192.0.2.1', port: 6443 }];
    expect(readKeptEndpoints(JSON.parse(JSON.stringify(kept)))).toEqual(kept);
  });

  it.each([
    ['nothing', []],
    ['something else', { nodes: [] }],
    ['no address', [{ address: 'master; shutdown', port: 6443 }]],
    ['another spelling', [{ address: 'FD00::1', port: 6443 }]],
    ['no port', [{ address: '192.0.2.1', port: 0 }]],
  ])('are not taken when they are %s', (_what, document) => {
    expect(readKeptEndpoints(document)).toBeUndefined();
  });
});
