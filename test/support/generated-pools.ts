import fc from 'fast-check';
import { canonical } from '../../common/addresses.ts';

/*
 * Pools and plans at random, right ones and such as people and programs write by mistake or in bad faith: each field is most often right, so
 * that what is wrong in one is seen. The same are given to the API server, to the controller and to the agent.
 */

function pick<T>(...values: readonly T[]): fc.Arbitrary<T> {
  return fc.constantFrom(...values);
}

/** Mostly what is right, now and then something else. */
function mostly<T, U>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<U>, times = 8): fc.Arbitrary<T | U> {
  return fc.oneof({ arbitrary: right, weight: times }, { arbitrary: wrong, weight: 1 });
}

const hex = fc.oneof(
  pick('0', '00', '0000', '1', 'ff', 'ffff', 'FFFF', 'fe80', 'ff02', 'fd00', 'ABC', '8000', '00f0'),
  fc.integer({ min: 0, max: 0xffff }).map((group) => group.toString(16)),
);
const byte = fc.oneof(pick(0, 1, 10, 127, 128, 169, 192, 224, 240, 254, 255), fc.integer({ min: 0, max: 255 }));

const ipv4 = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.'));
const goodIpv4 = fc.tuple(byte, byte, byte).map((bytes) => `10.${bytes.join('.')}`);
/** Groups before and behind a gap, also too many of them, and without a gap. */
const ipv6 = fc.oneof(
  fc.array(hex, { minLength: 7, maxLength: 9 }).map((groups) => groups.join(':')),
  fc
    .tuple(fc.array(hex, { maxLength: 5 }), fc.array(hex, { maxLength: 5 }))
    .map(([head, tail]) => `${head.join(':')}::${tail.join(':')}`),
);
const goodIpv6 = fc
  .tuple(pick('fd00', '2001:db8', 'FD00:0:0'), fc.array(hex, { maxLength: 3 }))
  .map(([head, tail]) => `${head}::${tail.join(':')}`);

/** An address whose bits behind a prefix are all alike, as those of a subnet's own addresses are, and that prefix or one beside it. */
const subnetsOwn = fc
  .tuple(
    fc.integer({ min: 1, max: 32 }),
    fc.integer({ min: 0x0a00_0000, max: 0x0aff_ffff }),
    fc.boolean(),
    pick(-1, 0, 0, 1),
  )
  .map(([prefix, number, ones, beside]) => {
    const size = 2 ** (32 - prefix);
    const first = number - (number % size);
    const address = ones ? first + size - 1 : first;
    const bytes = [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256);
    return `${bytes.join('.')}/${prefix + beside}`;
  });
const groupsOfBits = (bits: string) =>
  Array.from({ length: 8 }, (_, at) => Number.parseInt(bits.slice(16 * at, 16 * at + 16), 2));
const subnetsOwn6 = fc
  .tuple(
    fc.integer({ min: 1, max: 128 }),
    fc.array(fc.boolean(), { minLength: 112, maxLength: 112 }),
    pick(-1, 0, 0, 1),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([prefix, bits, beside, short, padded]) => {
    const all = `1111110100000000${bits.map(Number).join('')}`.slice(0, prefix).padEnd(128, '0');
    const groups = groupsOfBits(all).map((group) => group.toString(16).padStart(padded ? 4 : 1, '0'));
    const text = groups.join(':');
    return `${short ? text.replace(/:0+(:0+)+/, '::').replace(':::', '::') : text}/${prefix + beside}`;
  });

const prefix = fc.oneof(
  fc.integer({ min: 0, max: 130 }).map((length) => `/${length}`),
  pick('', '', '/', '/024', '/24/24', '/x', '/-1', '/255.255.255.0'),
);
const strange = pick(
  '',
  ' ',
  'host.example.org',
  '10.0.0.1 ',
  ' 10.0.0.1',
  '10.0.0.1\n',
  '10.0.0.1\n10.0.0.2',
  '10.0.0.01',
  '010.0.0.1',
  '0x0a000001',
  '10.1',
  '::ffff:1.2.3.4',
  '::FFFF:1.2.3.4/120',
  '::ffff:102:304',
  '0:0:0:0:0:ffff:102:304',
  '::1.2.3.4',
  'fd00::1.2.3.4',
  '64:ff9b::1.2.3.4',
  'fe80::1%eth0',
  'fd00::1%1',
  '[fd00::1]',
  'fd00::1]',
  ':::',
  '::1::',
  ':1',
  '1:',
  'fd00:::1',
  '１０.0.0.1',
  '10.0.0.1"',
  "10.0.0.1'",
  '10.0.0.1 dev lo',
  '169.254.169.254',
  '255.255.255.255',
  '240.0.0.1',
  '0.0.0.0/0',
  '::/0',
  'fe80::1/64',
  'febf::1',
  'fec0::1',
  'ff::1',
  '🙂'.repeat(22),
);

/** Texts where a virtual address is asked for. */
export const addresses: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.oneof(ipv4, ipv6, goodIpv4, goodIpv6), prefix).map((parts) => parts.join('')),
  subnetsOwn,
  subnetsOwn6,
  strange,
);
const rightAddresses = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 254 }), pick('', '/24')).map(([last, length]) => `10.0.0.${last}${length}`),
  fc
    .tuple(fc.integer({ min: 1, max: 0xffff }), pick('', '/64'))
    .map(([last, length]) => `fd00::${last.toString(16)}${length}`),
);

/** Texts where an interface is asked for. */
export const interfaces: fc.Arbitrary<string> = fc.oneof(
  pick(
    '',
    'eth0',
    'enp0s31f6.100',
    'br-lan',
    'wlan_0',
    '52:54:00:12:34:56',
    '52:54:00:AB:CD:EF',
    'team0+1',
    'a'.repeat(15),
  ),
  pick(
    'lo',
    'eth0:1',
    'eth0@if5',
    'vlan10@eth0',
    'a'.repeat(16),
    '00:00:00:00:00:00',
    '01:00:5e:00:00:01',
    '.',
    '..',
    '-v',
    '--',
  ),
  pick(
    'eth 0',
    'eth0\n',
    'eth"0',
    "eth'0",
    'eth{0}',
    '$x',
    '#',
    '!',
    'eth/0',
    'ethé',
    '$(id)',
    '~SEQ',
    'a;b',
    '52:54:00:12:34',
    ' ',
  ),
  fc.string({ maxLength: 18 }),
  fc.string({ unit: 'binary', maxLength: 5 }),
);

/** Texts where the host of a check is asked for. */
export const hosts: fc.Arbitrary<string> = fc.oneof(
  pick(
    '127.0.0.1',
    'localhost',
    '::1',
    'fd00::1',
    'ingress.example.org',
    'a.b.',
    'node-1',
    '1node',
    'a_b',
    '_x',
    'x--y',
  ),
  pick(
    '10.0.0.1:80',
    'http://x',
    'x/y',
    'a b',
    '[::1]',
    '::ffff:127.0.0.1',
    'fe80::1%eth0',
    '127.1',
    '0x7f.1',
    '1.2.3',
    'a.1',
    'a.0x1f',
  ),
  pick(
    '169.254.169.254',
    '0.0.0.0',
    '::',
    'ff02::1',
    'xn--a',
    'a.xn--0',
    'XN--x',
    '',
    '.',
    'a..b',
    '-a',
    'a-',
    'é',
    'a@b',
    'a?b',
    'a\nb',
    '%41',
  ),
  pick('a'.repeat(63), 'a'.repeat(64), `${'a'.repeat(60)}.`.repeat(4), `${'a'.repeat(63)}.`.repeat(4)),
  fc.oneof(ipv4, ipv6, goodIpv6),
  fc.string({ maxLength: 8 }),
  fc.domain(),
);

/** Mostly right, so that what else is wrong in a check is seen. */
const checkedHosts = mostly(pick('127.0.0.1', 'localhost', 'fd00::7', 'ingress.example.org'), hosts, 6);
const ports = mostly(fc.integer({ min: 1, max: 65_535 }), pick<unknown>(0, 65_536, -1, 80.5, '80', null, 1e30));
const paths = mostly(
  pick('/', '/healthz', '/a?b=c#d', '/%20', '//x', '/é'.replace('é', '%C3%A9')),
  fc.oneof(pick('healthz', '', '/a b', '/a\nb', '/é', '/\u007f'), fc.string({ maxLength: 4 })),
);
const headers = mostly(
  pick('ingress.example.org', 'a.b:8443', '[fd00::1]:80', ''),
  fc.oneof(pick('a b', 'a\r\nb', 'a:b', 'http://a', 'a:999999', 'é'), fc.string({ maxLength: 4 })),
);
const wholes = mostly(pick(1, 2, 1000), pick<unknown>(0, 1001, -1, 1.5, '1'));

function optional(fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(fields, { requiredKeys: [] });
}

const timing = {
  periodSeconds: mostly(pick(0.1, 1, 2.5, 3600, 0.25), pick<unknown>(0, 0.05, 0.0999, -1, 3601, '1', 3600.5)),
  timeoutSeconds: mostly(pick(0.05, 1, 60, 0.5), pick<unknown>(0, 0.04, -1, 61, '1')),
  failureThreshold: wholes,
  successThreshold: wholes,
};
const httpGet = fc
  .tuple(
    fc.record({ port: ports }),
    optional({
      host: checkedHosts,
      path: paths,
      scheme: mostly(pick('HTTP', 'HTTPS'), pick('http', 'FTP')),
      httpHeaders: fc.oneof(
        headers.map((value) => [{ name: 'Host', value }]),
        pick([], [{ name: 'Cookie', value: 'x' }]),
      ),
    }),
  )
  .map((parts) => Object.assign({}, ...parts));
const tcpSocket = fc
  .tuple(fc.record({ port: ports }), optional({ host: checkedHosts }))
  .map((parts) => Object.assign({}, ...parts));

/** Health checks, of which one thing or another may be wrong. */
const healthChecks = fc
  .tuple(
    fc.oneof(
      { arbitrary: httpGet.map((check) => ({ httpGet: check })), weight: 6 },
      { arbitrary: tcpSocket.map((check) => ({ tcpSocket: check })), weight: 6 },
      { arbitrary: fc.record({ httpGet, tcpSocket }), weight: 1 },
      { arbitrary: fc.constant({}), weight: 1 },
    ),
    mostly(fc.constant({}), optional(timing), 1),
  )
  .map((parts) => Object.assign({}, ...parts));

const routerIds = mostly(fc.integer({ min: 1, max: 255 }), pick<unknown>(0, 256, 1.5, '1'), 20);

/** Specs of pools. */
export const specs: fc.Arbitrary<object> = fc
  .tuple(
    fc.record({ addresses: fc.uniqueArray(mostly(rightAddresses, addresses, 6), { minLength: 1, maxLength: 3 }) }),
    optional({
      interface: mostly(pick('', 'eth0', '52:54:00:12:34:56'), interfaces, 4),
      healthCheck: healthChecks,
      failback: optional({
        enabled: fc.boolean(),
        delaySeconds: mostly(pick(0, 30, 86_400), pick<unknown>(-1, 86_401, 1.5)),
      }),
      vrrp: optional({
        peering: mostly(pick('Multicast', 'Unicast'), pick('unicast')),
        virtualRouterIds: fc.record({ first: routerIds, last: routerIds }),
      }),
      spread: optional({ topologyKey: mostly(pick('zone'), pick('', '🙂'.repeat(316), '🙂'.repeat(317))) }),
    }),
  )
  .map((parts) => Object.assign({}, ...parts));

const subnets = fc.oneof(
  fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 20, max: 32 })).map(([number, length]) => {
    const first = number - (number % 2 ** (32 - length));
    return `10.0.${Math.floor(first / 256)}.${first % 256}/${length}`;
  }),
  fc.tuple(hex, pick(32, 48, 64, 120)).map(([group, length]) => `fd00:${group}::/${length}`),
);
const rangeTexts = mostly(subnets, addresses);
const ends = fc.oneof(
  fc.tuple(byte, byte).map((bytes) => `10.0.${bytes.join('.')}`),
  hex.map((group) => `fd00::${group}`),
);
const rangeEnds = mostly(ends, addresses, 12);
const prefixLengths = mostly(pick(8, 24, 32), pick<unknown>(0, 33, 64, 128, 129, 1.5, '24'), 4);
const ranges = mostly(
  fc.oneof(
    { arbitrary: fc.record({ cidr: rangeTexts }), weight: 2 },
    { arbitrary: fc.record({ cidr: rangeTexts, prefixLength: prefixLengths }), weight: 1 },
    // The ends are most often of one family and in order: whether they have to be is seen by the others.
    {
      arbitrary: fc
        .tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 300 }))
        .map(([number, length]) =>
          [number, Math.min(number + length, 0xffff)].map((at) => `10.0.${at >> 8}.${at % 256}`),
        )
        .map(([first, last]) => ({ first, last })),
      weight: 2,
    },
    { arbitrary: fc.record({ first: rangeEnds, last: rangeEnds }), weight: 1 },
  ),
  optional({ cidr: rangeTexts, first: rangeEnds, last: rangeEnds, prefixLength: prefixLengths }),
  12,
);
const selectors = optional({
  matchLabels: pick({}, { tier: 'front' }),
  matchExpressions: mostly(
    pick([{ key: 'tier', operator: 'In', values: ['front'] }]),
    pick([{ key: 'tier', operator: 'In' }], [{ key: '', operator: 'Exists' }]),
  ),
});
const services = optional({
  autoAssign: fc.boolean(),
  disabled: fc.boolean(),
  priority: mostly(pick(0, 100, 1_000_000), pick<unknown>(-1, 1_000_001, 1.5, '1')),
  namespaces: fc.array(mostly(pick('default', 'a-1', 'a'.repeat(63)), pick('', 'A', '-a', 'a.b', 'a'.repeat(64))), {
    maxLength: 2,
  }),
  namespaceSelector: selectors,
  serviceSelector: selectors,
  fence: fc.boolean(),
  sharing: mostly(pick('Never', 'SameNamespace', 'AnyNamespace'), pick('never', '')),
  health: mostly(pick('Endpoints', 'Probe', 'Always'), pick('probe', '')),
  retainSeconds: mostly(pick(0, 86_400, 31_536_000), pick<unknown>(-1, 31_536_001, 0.5)),
});

/** Specs of pools that give addresses to Services. */
export const rangedSpecs: fc.Arbitrary<object> = fc
  .tuple(
    mostly(fc.record({ ranges: fc.array(ranges, { minLength: 1, maxLength: 3 }) }), pick({}, { ranges: [] }), 20),
    optional({
      addresses: pick(['10.9.9.9']),
      exclude: fc.array(mostly(fc.oneof(ends, subnets), addresses), { maxLength: 2 }),
      avoidNetworkAndBroadcast: fc.boolean(),
      services: mostly(pick({}), services, 1),
    }),
  )
  .map((parts) => Object.assign({}, ...parts));

/** Texts where an address without a prefix is asked for, in the shortest notation. */
export const claimedAddresses: fc.Arbitrary<string> = fc.oneof(
  goodIpv4,
  goodIpv6.map(canonical),
  fc
    .tuple(pick('fd00', '2001'), fc.array(hex, { minLength: 7, maxLength: 7 }))
    .map(([head, tail]) => canonical([head, ...tail].join(':'))),
);

const poolNames = mostly(
  pick('a', 'b', 'a-b', 'a'.repeat(40)),
  pick('', 'A', 'a.b', '-a', 'a-', 'a'.repeat(41), 'a\nb', '../x'),
  20,
);
const plannedPools = fc
  .tuple(
    fc.record({
      name: poolNames,
      interface: mostly(pick('', 'eth0'), interfaces, 3),
      failbackDelaySeconds: mostly(pick<unknown>(null, 0, 0.5, 86_400), pick<unknown>(-1, 86_401, 'x'), 20),
    }),
    mostly(fc.constant({}), fc.record({ healthCheck: healthChecks }), 3),
    mostly(fc.constant({}), fc.record({ localEndpoints: fc.record({ port: ports }) }), 3),
  )
  .map((parts) => Object.assign({}, ...parts));
/** Without prefixes that make an address its subnet's own: the API server does not ask that of plans. */
const plannedAddresses = fc.oneof(
  rightAddresses,
  fc.oneof(ipv4, ipv6, goodIpv4, goodIpv6),
  strange.filter((text) => !text.includes('/')),
);
const plannedInstances = fc
  .record({
    pool: poolNames,
    slot: fc.integer({ min: 0, max: 99 }),
    own: mostly(fc.constant(true), fc.constant(false), 20),
  })
  .chain(({ pool, slot, own }) =>
    fc.record(
      {
        name: fc.constant(own ? `${pool}-${slot}` : 'a'),
        pool: fc.constant(pool),
        virtualRouterId: routerIds,
        rank: mostly(fc.integer({ min: 0, max: 7 }), pick<unknown>(-1, 0.5, 65_536), 20),
        addresses: fc.array(mostly(rightAddresses, plannedAddresses, 3), { minLength: 1, maxLength: 3 }),
        peers: fc.array(mostly(pick('10.0.0.7', 'fd00::7'), plannedAddresses, 2), { minLength: 1, maxLength: 2 }),
        leaving: fc.boolean(),
      },
      { requiredKeys: ['name', 'pool', 'virtualRouterId', 'rank', 'addresses'] },
    ),
  );

/** Specs of plans. */
export const plans: fc.Arbitrary<object> = fc.record({
  plan: mostly(pick('p'), pick('', 'x'.repeat(65)), 30),
  pools: fc.array(plannedPools, { maxLength: 3 }),
  instances: fc.array(plannedInstances, { maxLength: 2 }),
});
