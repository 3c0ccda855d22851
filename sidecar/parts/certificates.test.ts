import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { CertifiedAddresses } from '../sources/proxy.ts';
import { Certificates, endpointsOf } from './certificates.ts';

const SETTINGS: CertifiedAddresses = {
  addresses: ['192.0.2.100'],
  port: 6443,
  extraPorts: [9345],
  everyServer: true,
};
const SERVERS = [
  { address: '192.0.2.1', port: 6443 },
  { address: '192.0.2.2', port: 7443 },
];

describe('the servers whose certificates are looked at', () => {
  it('are all that the proxy has, at each port that speaks TLS as an API server does', () => {
    const found = endpointsOf(SETTINGS, SERVERS, '192.0.2.9');
    expect(found.map(({ address, port }) => `${address}:${port}`)).toEqual([
      '192.0.2.1:6443',
      '192.0.2.1:9345',
      '192.0.2.2:7443',
      '192.0.2.2:9345',
    ]);
  });

  it('are this node’s own without a proxy, for it alone is met at the address', () => {
    const settings = { ...SETTINGS, extraPorts: [], everyServer: false };
    expect(endpointsOf(settings, SERVERS, '192.0.2.9')).toEqual([{ address: '192.0.2.9', port: 6443 }]);
    expect(endpointsOf(settings, null, '')).toEqual([]);
  });

  it('are none without addresses of the control plane', () => {
    expect(endpointsOf(null, SERVERS, '192.0.2.9')).toEqual([]);
    const dependencies = { settings: () => null, servers: () => null, log: pino({ level: 'silent' }) };
    expect(new Certificates({ nodeAddress: '' }, dependencies).view).toBeNull();
  });

  it('are said not to be known before the first look', () => {
    const dependencies = { settings: () => SETTINGS, servers: () => SERVERS, log: pino({ level: 'silent' }) };
    const certificates = new Certificates({ nodeAddress: '' }, dependencies);
    const condition = { type: 'CertificateLacksAddress', status: 'Unknown', message: 'no certificate was seen yet' };
    expect(certificates.view).toEqual({ certificates: [], condition });
    expect(certificates.problems).toEqual([]);
  });
});
