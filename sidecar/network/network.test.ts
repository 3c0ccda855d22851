import { describe, expect, it } from 'vitest';
import { presentAddresses, readNetwork } from './network.ts';

describe('the node’s network', () => {
  it('sees loopback on the machine that runs this', async () => {
    expect(presentAddresses().get('lo')?.has('127.0.0.1')).toBe(true);
    const { interfaces } = await readNetwork();
    expect(interfaces.find(({ name }) => name === 'lo')?.addresses).toContainEqual({
      address: '127.0.0.1',
      prefixLength: 8,
      family: 4,
    });
  });
});
