import { describe, expect, it } from 'vitest';
import { asking, service, settings } from './testing/scenes.ts';
import type { LoadBalancerService } from './types.ts';
import { wishOf } from './wishes.ts';

const BOTH: Pick<LoadBalancerService, 'ipFamilies' | 'ipFamilyPolicy'> = {
  ipFamilies: ['IPv4', 'IPv6'],
  ipFamilyPolicy: 'PreferDualStack',
};
const OWN = 'keepalived-ingress-vip.io';

function wished(annotations: Readonly<Record<string, string>>, changes: Partial<LoadBalancerService> = {}) {
  return wishOf(service('web', { ...BOTH, annotations, ...changes }), settings);
}

describe('addresses', () => {
  it.each([
    `${OWN}/addresses`,
    'metallb.io/loadBalancerIPs',
    'metallb.universe.tf/loadBalancerIPs',
    'kube-vip.io/loadbalancerIPs',
    'lbipam.cilium.io/ips',
    'io.cilium/lb-ipam-ips',
    'purelb.io/addresses',
  ])('are asked for by %s', (name) => {
    expect(wished({ [name]: '192.168.11.7, FD00:0::7,192.168.11.7' })).toEqual({
      families: [4, 6],
      perFamily: 1,
      listed: ['192.168.11.7', 'fd00::7'],
    });
  });

  it('are asked for by spec.loadBalancerIP, too', () => {
    expect(wished({}, { loadBalancerIP: '192.168.11.7' }).listed).toEqual(['192.168.11.7']);
  });

  it('are not asked for by an empty text', () => {
    expect(wished({ [`${OWN}/addresses`]: ' ', 'metallb.io/loadBalancerIPs': '' }, { loadBalancerIP: '' })).toEqual({
      families: [4, 6],
      perFamily: 1,
      listed: [],
    });
  });

  it('are asked for in several ways that agree, in any order; spec.loadBalancerIP has room for one of them', () => {
    const annotations = { [`${OWN}/addresses`]: '192.168.11.7,fd00::7', 'purelb.io/addresses': 'fd00::7,192.168.11.7' };
    const { listed, problem } = wished(annotations, { loadBalancerIP: 'fd00::7' });
    expect(listed).toEqual(['192.168.11.7', 'fd00::7']);
    expect(problem).toBeUndefined();
  });

  it.each([
    [{ [`${OWN}/addresses`]: '192.168.11.7', 'metallb.io/loadBalancerIPs': '192.168.11.8' }, undefined],
    [{ [`${OWN}/addresses`]: '192.168.11.7', 'metallb.io/loadBalancerIPs': '192.168.11.7,fd00::7' }, undefined],
    [{ 'kube-vip.io/loadbalancerIPs': '192.168.11.7' }, '192.168.11.8'],
  ])('of which none is taken when two sources disagree: %o, %s', (annotations, loadBalancerIP) => {
    const { listed, problem } = wished(annotations, { loadBalancerIP });
    expect(listed).toEqual([]);
    expect(problem?.reason).toBe('ConflictingRequest');
    expect(problem?.message).toMatch(/^it asks for different addresses: annotation .* "192\.168\.11\.7.*; leave one/);
  });

  it.each([
    [
      { [`${OWN}/addresses`]: '192.168.11' },
      `annotation ${OWN}/addresses: "192.168.11" is not an IPv4 or IPv6 address without a prefix; separate several by commas, for example 192.168.11.7 or 192.168.11.7,fd00::7`,
    ],
    [
      { 'metallb.io/loadBalancerIPs': '192.168.11.7/32' },
      'annotation metallb.io/loadBalancerIPs: "192.168.11.7/32" is',
    ],
    [
      { 'kube-vip.io/loadbalancerIPs': '0.0.0.0' },
      'annotation kube-vip.io/loadbalancerIPs: 0.0.0.0 asks for an address of DHCP, which is not served; leave it away to get one of a pool',
    ],
    [{ 'kube-vip.io/loadbalancerIPs': '::' }, 'annotation kube-vip.io/loadbalancerIPs: :: asks for an address of DHCP'],
    [
      { [`${OWN}/addresses`]: Array.from({ length: 17 }, (_, index) => `10.0.0.${index}`).join() },
      'it asks for 17 addresses of IPv4; at most 16 can be had',
    ],
  ])('that cannot be: %o', (annotations, message) => {
    const { listed, problem } = wished(annotations);
    expect(listed).toEqual([]);
    expect(problem?.reason).toBe('InvalidRequest');
    expect(problem?.message).toContain(message);
  });

  it('of a family that the Service does not have cannot be', () => {
    const web = asking('web', { addresses: 'fd00::7' });
    expect(wishOf(web, settings).problem?.message).toBe(
      'it asks for fd00::7, but spec.ipFamilies has no IPv6; set spec.ipFamilyPolicy to PreferDualStack, or leave that address away',
    );
  });
});

describe('a pool', () => {
  it.each([`${OWN}/pool`, 'metallb.io/address-pool', 'metallb.universe.tf/address-pool', 'purelb.io/service-group'])(
    'is asked for by %s',
    (name) => {
      expect(wished({ [name]: 'web' }).pool).toEqual({ name: 'web', from: `annotation ${name}` });
    },
  );

  it('is none when two sources disagree', () => {
    const { pool, problem } = wished({ [`${OWN}/pool`]: 'a', 'metallb.io/address-pool': 'b' });
    expect(pool).toBeUndefined();
    expect(problem).toEqual({
      reason: 'ConflictingRequest',
      message: `it asks for different pools: annotation ${OWN}/pool "a", annotation metallb.io/address-pool "b"; leave one of them`,
    });
  });
});

describe('a key for sharing', () => {
  it.each([
    `${OWN}/share`,
    'metallb.io/allow-shared-ip',
    'metallb.universe.tf/allow-shared-ip',
    'purelb.io/allow-shared-ip',
  ])('is said by %s', (name) => {
    expect(wished({ [name]: 'k' }).share).toEqual({ key: 'k' });
  });

  it('of Cilium shares with the namespaces that are named', () => {
    const key = { 'lbipam.cilium.io/sharing-key': 'k' };
    const cross = 'lbipam.cilium.io/sharing-cross-namespace';
    expect(wished(key).share).toEqual({ key: 'k', namespaces: new Set(['default']) });
    expect(wished({ ...key, [cross]: 'a, b' }).share?.namespaces).toEqual(new Set(['default', 'a', 'b']));
    expect(wished({ ...key, [cross]: '*' }).share).toEqual({ key: 'k' });
    expect(wished({ ...key, [`${OWN}/share`]: 'k' }).share).toEqual({ key: 'k' });
  });

  it('is none when two sources disagree, or when it is too long', () => {
    expect(wished({ [`${OWN}/share`]: 'a', 'metallb.io/allow-shared-ip': 'b' }).problem?.reason).toBe(
      'ConflictingRequest',
    );
    expect(wished({ [`${OWN}/share`]: 'a'.repeat(254) }).problem).toEqual({
      reason: 'InvalidRequest',
      message: `annotation ${OWN}/share is longer than 253 characters; shorten it`,
    });
  });
});

describe('how many', () => {
  it('are asked for of each family', () => {
    expect(wished({ [`${OWN}/addresses-per-family`]: '3' }).perFamily).toBe(3);
  });

  it.each(['0', '17', '-1', '1.5', 'two'])('cannot be %s', (value) => {
    expect(wished({ [`${OWN}/addresses-per-family`]: value }).problem).toEqual({
      reason: 'InvalidRequest',
      message: `annotation ${OWN}/addresses-per-family: "${value}" is not a number from 1 to 16`,
    });
  });
});

describe('how long addresses wait for a Service that is gone', () => {
  it.each([
    ['0', 0],
    [' 600 ', 600],
    ['31536000', 31_536_000],
  ])('is said by it in seconds: "%s"', (value, retainSeconds) => {
    expect(wished({ [`${OWN}/retain`]: value })).toMatchObject({ retainSeconds });
  });

  it('is left to the pool where it says nothing', () => {
    expect(wished({ [`${OWN}/retain`]: '' })).toEqual({ families: [4, 6], perFamily: 1, listed: [] });
  });

  it.each(['-1', '1.5', '1h', '0x10', '31536001', 'forever'])('is refused by a sentence: "%s"', (value) => {
    expect(wished({ [`${OWN}/retain`]: value }).problem).toEqual({
      reason: 'InvalidRequest',
      message: `annotation ${OWN}/retain: "${value}" is not a whole number of seconds from 0 to 31536000, which is a year; 0 gives the address up at once`,
    });
  });
});

describe('annotations', () => {
  it('of other load balancers mean nothing where the settings say so; our own and the field do', () => {
    const annotations = { 'metallb.io/loadBalancerIPs': 'x', 'kube-vip.io/serviceInterface': 'eth1' };
    const web = service('web', { annotations, loadBalancerIP: '192.168.11.7' });
    expect(wishOf(web, { ...settings, aliases: false })).toMatchObject({ listed: ['192.168.11.7'] });
    expect(wishOf(web, { ...settings, aliases: false }).problem).toBeUndefined();
  });

  it.each([
    [
      `${OWN}/adresses`,
      `annotation ${OWN}/adresses is not known; known are ${OWN}/addresses, ${OWN}/pool, ${OWN}/share`,
    ],
    [`${OWN}/probe`, `annotation ${OWN}/probe: "x" is neither tcp nor tcp:<port of the pods>`],
    ['kube-vip.io/serviceInterface', 'annotation kube-vip.io/serviceInterface is not served: which interface has'],
  ])('that mean nothing here are told: %s', (name, message) => {
    const { problem } = wished({ [name]: 'x' });
    expect(problem?.reason).toBe('InvalidRequest');
    expect(problem?.message).toContain(message);
  });
});
