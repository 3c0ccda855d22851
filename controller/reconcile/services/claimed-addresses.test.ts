import { describe, expect, it } from 'vitest';
import type { VirtualIpPoolSpec } from '../../../api/virtual-ip-pool.ts';
import { rangesOf } from './claimed-addresses.ts';

describe("a pool's ranges", () => {
  const spec = (): VirtualIpPoolSpec => ({ ranges: [{ cidr: '192.168.11.128/28' }], services: {} });

  it('are the same object when only its status was written: all that was reckoned of them goes on to be known', () => {
    expect(rangesOf(spec())).toBe(rangesOf(spec()));
    const other: VirtualIpPoolSpec = { ...spec(), services: { disabled: true } };
    expect(rangesOf(other)).toBe(rangesOf(spec()));
  });

  it.each<[string, Partial<VirtualIpPoolSpec>]>([
    ['others', { ranges: [{ cidr: '192.168.12.0/28' }] }],
    ['without some of it', { exclude: ['192.168.11.130'] }],
    ["with a subnet's own", { avoidNetworkAndBroadcast: false }],
  ])('are another object when they are %s', (_, changes) => {
    expect(rangesOf({ ...spec(), ...changes })).not.toBe(rangesOf(spec()));
  });
});
