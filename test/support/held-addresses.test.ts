import { describe, expect, it } from 'vitest';
import { parseAddresses } from './held-addresses.ts';

describe('parseAddresses', () => {
  it('gives the addresses of all interfaces but loopback, without link-local ones', () => {
    const json = JSON.stringify([
      { ifname: 'lo', addr_info: [{ local: '127.0.0.1', scope: 'host' }] },
      {},
      {
        ifname: 'eth0',
        addr_info: [
          { family: 'inet', local: '172.30.0.11', prefixlen: 24, scope: 'global' },
          { family: 'inet', local: '172.30.0.100', prefixlen: 24, scope: 'global', secondary: true },
          { family: 'inet6', local: 'fe80::1', scope: 'link' },
          { family: 'inet6', local: 'fd00:172:30::100', scope: 'global' },
        ],
      },
      { ifname: 'eth1', addr_info: [{ local: '10.0.0.1', scope: 'global' }] },
    ]);
    expect(parseAddresses(json)).toEqual(['172.30.0.11', '172.30.0.100', 'fd00:172:30::100', '10.0.0.1']);
  });

  it('gives none for a namespace without interfaces', () => {
    expect(parseAddresses('[]')).toEqual([]);
  });
});
