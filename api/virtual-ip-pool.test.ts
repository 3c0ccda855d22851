import { describe, expect, it } from 'vitest';
import { virtualIpPoolSpecSchema } from './virtual-ip-pool.ts';

function problems(spec: object): string[] {
  return (virtualIpPoolSpecSchema.safeParse(spec).error?.issues ?? []).map(({ path, message }) =>
    [path.join('.'), message].join(': '),
  );
}

const range = { cidr: '192.168.11.128/28' };

describe('what a pool gives to Services', () => {
  it.each<[string, object]>([
    ['a subnet', { ranges: [range], services: { autoAssign: true } }],
    ['a subnet whose addresses get another prefix', { ranges: [{ ...range, prefixLength: 24 }], services: {} }],
    ['a first and a last address', { ranges: [{ first: '10.0.0.250', last: '10.0.1.5' }] }],
    [
      'one address',
      { ranges: [{ first: '10.0.0.9', last: '10.0.0.9' }, { cidr: '10.0.0.1/32' }, { cidr: 'fd00::1/128' }] },
    ],
    [
      'both families',
      { ranges: [range, { cidr: 'fd00::/64', prefixLength: 64 }, { first: 'fd01::1', last: 'fd01::ff' }] },
    ],
    ['ranges beside addresses that are always held', { addresses: ['10.0.0.1'], ranges: [range] }],
    [
      'ranges that touch',
      { ranges: [{ cidr: '10.0.0.0/25' }, { cidr: '10.0.0.128/25' }, { first: '10.0.1.0', last: '10.0.1.9' }] },
    ],
    [
      'what is left out',
      { ranges: [range], exclude: ['192.168.11.130', '192.168.11.132/30', 'fd00::1', 'fd00::/126'] },
    ],
    [
      'whom it serves, and how',
      {
        ranges: [range],
        avoidNetworkAndBroadcast: false,
        services: {
          autoAssign: false,
          disabled: true,
          priority: 0,
          namespaces: ['web', 'a-1'],
          namespaceSelector: { matchLabels: { team: 'web' } },
          serviceSelector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['front'] }] },
          fence: true,
          sharing: 'AnyNamespace',
          retainSeconds: 0,
        },
      },
    ],
  ])('can be said: %s', (_, spec) => {
    expect(problems(spec)).toEqual([]);
  });

  const of = (more: object) => ({ ranges: [more] });
  it.each<[string, object, string]>([
    [
      'neither addresses nor ranges',
      {},
      ': give addresses, which nodes always hold, or ranges, from which Services get theirs, or both',
    ],
    [
      'Services without ranges',
      { addresses: ['10.0.0.1'], services: {} },
      ': services needs ranges: what is in addresses no Service gets',
    ],
    ['nothing in a range', of({}), 'ranges.0: give either cidr, or first and last'],
    ['a first without a last', of({ first: '10.0.0.1' }), 'ranges.0: give either cidr, or first and last'],
    ['a last without a first', of({ last: '10.0.0.1' }), 'ranges.0: give either cidr, or first and last'],
    [
      'a subnet and a first address',
      of({ ...range, first: '192.168.11.130' }),
      'ranges.0: give either cidr, or first and last',
    ],
    [
      'a range of two families',
      of({ first: '10.0.0.1', last: 'fd00::1' }),
      'ranges.0: first and last must be of one family, both IPv4 or both IPv6',
    ],
    [
      'a range upside down, of which the last byte is larger',
      of({ first: '10.0.1.5', last: '10.0.0.250' }),
      'ranges.0: first must not be above last',
    ],
    ...[
      [{ cidr: '10.0.0.0/24' }, { first: '10.0.0.255', last: '10.0.1.9' }],
      [{ cidr: '10.0.0.0/24' }, { cidr: 'fd00::/64' }, { cidr: '10.0.0.0/24' }],
      [
        { first: '10.0.0.0', last: '10.0.9.0' },
        { first: '10.0.3.3', last: '10.0.3.3' },
      ],
    ].map((ranges): [string, object, string] => [
      `ranges that overlap, ${JSON.stringify(ranges)}`,
      { ranges },
      'ranges: two ranges overlap; take what is in both out of one of them',
    ]),
    ['a prefix that IPv4 has not', of({ ...range, prefixLength: 33 }), 'ranges.0: prefixLength of IPv4 is at most 32'],
    [
      'an address for a subnet',
      of({ cidr: '10.0.0.1' }),
      'ranges.0.cidr: "10.0.0.1" is no subnet; write an IPv4 or IPv6 address and a prefix, for example 192.168.11.128/28',
    ],
    ...['10.0.0.1/24', '10.0.0.1/31', 'fd00::1/64', 'fd00::1/127', '10.0.0.128/24'].map(
      (cidr): [string, object, string] => [
        `the subnet ${cidr}`,
        of({ cidr }),
        `ranges.0.cidr: "${cidr}" begins in the middle of the subnet that its prefix says; write the first address of the subnet, as in 192.168.11.128/28`,
      ],
    ),
    ...['127.0.0.0/24', '0.0.0.0/1', 'fe80::/64', '::/64', 'ff00::/8'].map((cidr): [string, object, string] => [
      `the subnet ${cidr}`,
      of({ cidr }),
      `ranges.0.cidr: "${cidr}" begins in loopback, link-local, multicast, reserved or unspecified addresses; give a free one of the nodes' network`,
    ]),
    [
      'a subnet where an address is meant',
      of({ first: '10.0.0.1/24', last: '10.0.0.9' }),
      'ranges.0.first: "10.0.0.1/24" is not an IPv4 or IPv6 address without a prefix; write for example 192.168.11.200',
    ],
    [
      'a name to leave out',
      { ranges: [range], exclude: ['gateway'] },
      'exclude.0: "gateway" is neither an IPv4 or IPv6 address nor a subnet; write for example 192.168.11.10 or 192.168.11.32/30',
    ],
    [
      'an address with the prefix of its network to leave out',
      { ranges: [range], exclude: ['192.168.11.130/28'] },
      'exclude.0: "192.168.11.130/28" begins in the middle of the subnet that its prefix says; write the first address of the subnet, as in 192.168.11.128/28',
    ],
    [
      'a fence around nobody',
      { ranges: [range], services: { fence: true } },
      'services: fence needs namespaces or namespaceSelector, which say for whom it is',
    ],
    [
      'a fence around an empty list',
      { ranges: [range], services: { fence: true, namespaces: [] } },
      'services: fence needs namespaces or namespaceSelector, which say for whom it is',
    ],
    [
      'a name that no namespace has',
      { ranges: [range], services: { namespaces: ['Web'] } },
      'services.namespaces.0: "Web" is no name of a namespace; a-z, 0-9 and - are allowed',
    ],
  ])('cannot be %s', (_, spec, problem) => {
    expect(problems(spec)).toContain(problem);
  });
});

describe('how many nodes have an address', () => {
  const services = { ranges: [range], services: {} };
  const TWO = { mode: 'Replicas', replicas: 2 };
  it.each<[string, object]>([
    ['one', { addresses: ['10.0.0.1'], distribution: { mode: 'One' } }],
    ['every one', { addresses: ['10.0.0.1'], distribution: { mode: 'All' } }],
    ['two', { addresses: ['10.0.0.1'], distribution: TWO, failback: {}, vrrp: { peering: 'Unicast' } }],
    ['every one, but for Services', { ...services, distribution: { mode: 'All' }, vrrp: { peering: 'Unicast' } }],
  ])('can be said: %s', (_, spec) => {
    expect(problems(spec)).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['some of them', { distribution: { mode: 'Replicas' } }, 'mode Replicas needs replicas'],
    ['two of one', { distribution: { mode: 'One', replicas: 2 } }, 'mode Replicas needs replicas'],
    ['none', { distribution: { mode: 'Replicas', replicas: 0 } }, 'distribution.replicas'],
    ['some on an interface', { distribution: TWO, interface: 'eth0' }, 'leave interface out'],
    ['some, in zones', { distribution: TWO, spread: { topologyKey: 'zone' } }, 'take it out'],
    ['every one on an interface', { distribution: { mode: 'All' }, interface: 'eth0' }, 'leave interface out'],
    ['every one, to which an address goes back', { distribution: { mode: 'All' }, failback: {} }, 'take them out'],
  ])('is refused: %s', (_, spec, sentence) => {
    expect(problems({ addresses: ['10.0.0.1'], ...spec })).toEqual([expect.stringContaining(sentence)]);
  });
});
