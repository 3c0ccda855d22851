import { describe, expect, it } from 'vitest';
import type { ProxySettings } from '../config/control-plane.ts';
import { defaultProxySettings } from '../testing/proxy.ts';
import { endpointText, knownBackends, sectionsOf, serversOf } from './sections.ts';

const told = [
  { address: '192.0.2.2', port: 6443 },
  { address: '192.0.2.1', port: 6443 },
];
function settings(given: Partial<ProxySettings['backends']> = {}) {
  const backends = { source: 'EndpointSlices', addresses: ['192.0.2.3'], port: 6443, ...given } as const;
  return { backends, addresses: ['192.0.2.100', 'fd00::100'] };
}

describe('the backends that are known', () => {
  it('are those that the API told and those of the settings, in order and each once', () => {
    const known = knownBackends(settings({ addresses: ['192.0.2.3', '192.0.2.1'] }), told, '192.0.2.9');
    expect(known.map(({ address }) => address)).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
  });

  it('have the port that the API tells, where it tells one', () => {
    const known = knownBackends(settings({ addresses: ['192.0.2.1'] }), [{ address: '192.0.2.1', port: 7443 }], '');
    expect(known).toEqual([{ address: '192.0.2.1', port: 7443 }]);
  });

  it('are those of the settings alone when the settings say so', () => {
    expect(knownBackends(settings({ source: 'List' }), told, '')).toEqual([{ address: '192.0.2.3', port: 6443 }]);
  });

  it('are this node’s own API server while nobody told of any', () => {
    expect(knownBackends(settings({ addresses: [] }), [], 'FD00::9')).toEqual([{ address: 'fd00::9', port: 6443 }]);
    expect(knownBackends(settings({ addresses: [] }), [], '')).toEqual([]);
  });
});

describe('a virtual address', () => {
  it('is no backend, whoever says so: the proxy would connect to itself', () => {
    const virtual = [
      { address: '192.0.2.100', port: 6443 },
      { address: '192.0.2.1', port: 6443 },
    ];
    const known = knownBackends(settings({ addresses: ['fd00::100'] }), virtual, '192.0.2.9');
    expect(known.map(({ address }) => address)).toEqual(['192.0.2.1']);
    expect(knownBackends(settings({ addresses: [] }), virtual.slice(0, 1), '192.0.2.9')).toEqual([
      { address: '192.0.2.9', port: 6443 },
    ]);
  });
});

describe('the sections of HAProxy', () => {
  const two = defaultProxySettings({
    ports: [
      { port: 6443, targetPort: 6443, check: 'kubernetes', bindPort: 6444 },
      { port: 9345, targetPort: 9346, check: 'tcp', bindPort: 6445 },
    ],
  });

  it('are one for each port, and one beside it whose servers are not checked', () => {
    expect(sectionsOf(two).map(({ name, check }) => [name, check])).toEqual([
      ['api', 'kubernetes'],
      ['api-unchecked', null],
      ['port-9345', 'tcp'],
      ['port-9345-unchecked', null],
    ]);
  });

  it('have every backend as a server, the API server’s at its own port and others at the settings’', () => {
    const servers = serversOf(sectionsOf(two), [{ address: '192.0.2.1', port: 7443 }]);
    expect(servers.map(({ section, name, port }) => `${section}/${name}:${port}`)).toEqual([
      'api/192.0.2.1:7443',
      'api-unchecked/192.0.2.1:7443',
      'port-9345/192.0.2.1:9346',
      'port-9345-unchecked/192.0.2.1:9346',
    ]);
  });

  it('name a server of IPv6 in brackets', () => {
    expect(endpointText({ address: 'fd00::1', port: 6443 })).toBe('[fd00::1]:6443');
    expect(endpointText({ address: '192.0.2.1', port: 6443 })).toBe('192.0.2.1:6443');
  });
});
