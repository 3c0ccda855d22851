import { describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { virtualIpPoolSpecSchema } from '../../api/virtual-ip-pool.ts';
import { translate } from './translate.ts';

interface MadePool {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

function made(...objects: readonly unknown[]) {
  const { manifest, warnings } = translate(objects.map((each) => stringify(each)).join('---\n'));
  const pools = parseAllDocuments(manifest).map((document) => document.toJS() as MadePool);
  for (const { spec } of pools) expect(virtualIpPoolSpecSchema.safeParse(spec).error?.issues).toBeUndefined();
  return { pools, warnings, spec: pools[0]?.spec ?? {} };
}

function metalLb(kind: string, name: string, spec: object, labels = {}) {
  return { apiVersion: 'metallb.io/v1beta1', kind, metadata: { name, namespace: 'metallb-system', labels }, spec };
}

function pool(spec: object = {}, labels = {}) {
  return metalLb('IPAddressPool', 'first-pool', { addresses: ['192.168.10.0/24'], ...spec }, labels);
}

const EVERYWHERE = metalLb('L2Advertisement', 'all', {});

function kubeVip(data: Readonly<Record<string, string>>) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kubevip', namespace: 'kube-system' }, data };
}

describe('a pool of MetalLB', () => {
  it('is one of the same name with the same addresses, all of them given', () => {
    const addresses = ['192.168.10.0/24', '192.168.9.1-192.168.9.5', 'fc00:f853:ccd:e799::/124'];
    expect(made(pool({ addresses }), EVERYWHERE)).toMatchObject({
      pools: [
        {
          apiVersion: 'keepalived-ingress-vip.io/v1alpha1',
          kind: 'VirtualIPPool',
          metadata: { name: 'first-pool' },
          spec: {
            ranges: [
              { cidr: '192.168.10.0/24' },
              { first: '192.168.9.1', last: '192.168.9.5' },
              { cidr: 'fc00:f853:ccd:e799::/124' },
            ],
            avoidNetworkAndBroadcast: false,
            services: { sharing: 'AnyNamespace' },
          },
        },
      ],
      warnings: [],
    });
  });

  it('is read from what kubectl prints, too', () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [pool(), EVERYWHERE] };
    expect(made(list).pools).toHaveLength(1);
    expect(translate(JSON.stringify(list)).warnings).toEqual([]);
  });

  it('says which Services it serves, and in which order', () => {
    const serviceAllocation = {
      priority: 50,
      namespaces: ['shop'],
      serviceSelectors: [{ matchExpressions: [{ key: 'tier', operator: 'In', values: ['web'] }] }],
    };
    const { pools, warnings } = made(
      pool({ autoAssign: false, serviceAllocation }),
      metalLb('IPAddressPool', 'last', { addresses: ['10.0.0.0/28'] }),
      EVERYWHERE,
    );
    expect(pools[0]?.spec.services).toEqual({
      autoAssign: false,
      priority: 50,
      namespaces: ['shop'],
      serviceSelector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['web'] }] },
      sharing: 'AnyNamespace',
    });
    // Without a priority it is the last one there.
    expect(pools[1]?.spec.services).toMatchObject({ priority: 1_000_000 });
    expect(warnings).toEqual([]);
  });

  it('joins several selectors by one label; of others it takes the first, which is narrower, and says so', () => {
    const selectors = (...labels: object[]) => ({
      serviceAllocation: { namespaceSelectors: labels.map((matchLabels) => ({ matchLabels })) },
    });
    const joined = made(pool(selectors({ team: 'a' }, { team: 'b' })), EVERYWHERE);
    expect(joined.spec.services).toMatchObject({
      namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['a', 'b'] }] },
    });
    expect(joined.warnings).toEqual([]);
    const narrower = made(pool(selectors({ team: 'a' }, { stage: 'b' })), EVERYWHERE);
    expect(narrower.spec.services).toMatchObject({ namespaceSelector: { matchLabels: { team: 'a' } } });
    expect(narrower.warnings).toEqual([expect.stringContaining('namespaceSelectors: only the first is taken')]);
  });

  it('is not widened where namespaces or a selector suffice there: both must match here', () => {
    const serviceAllocation = { namespaces: ['a'], namespaceSelectors: [{ matchLabels: { team: 'b' } }] };
    const { spec, warnings } = made(pool({ serviceAllocation }), EVERYWHERE);
    expect(spec.services).toEqual({ namespaces: ['a'], sharing: 'AnyNamespace' });
    expect(warnings).toEqual([expect.stringMatching(/^IPAddressPool first-pool: .*namespaceSelectors is left out/)]);
  });

  it('leaves out addresses that end in .0 and .255, if it did', () => {
    const addresses = ['192.168.10.0/23', '10.0.0.250-10.0.1.3', 'fd00::/120'];
    expect(made(pool({ addresses, avoidBuggyIPs: true }), EVERYWHERE).spec.exclude).toEqual([
      ...['192.168.10.0', '192.168.10.255', '192.168.11.0', '192.168.11.255'],
      ...['10.0.0.255', '10.0.1.0'],
    ]);
    const large = made(pool({ addresses: ['10.0.0.0/8'], avoidBuggyIPs: true }), EVERYWHERE);
    expect(large.spec).not.toHaveProperty('exclude');
    expect(large.warnings).toEqual([expect.stringContaining('avoidBuggyIPs is left out')]);
  });

  it('is on the interface and nodes of its advertisement, chosen by name or label', () => {
    const nodeSelectors = [{ matchLabels: { 'example.org/edge': 'yes' } }];
    const advertisements = [
      metalLb('L2Advertisement', 'edge', {
        ipAddressPoolSelectors: [{ matchLabels: { zone: 'edge' } }],
        nodeSelectors,
        interfaces: ['eth1'],
      }),
      metalLb('L2Advertisement', 'other', { ipAddressPools: ['other'] }),
    ];
    const { spec, warnings } = made(pool({}, { zone: 'edge' }), ...advertisements);
    expect(spec).toMatchObject({ nodeSelector: { 'example.org/edge': 'yes' }, interface: 'eth1' });
    expect(warnings).toEqual([]);
  });

  it.each([
    [[], 'no L2Advertisement is of it'],
    [[EVERYWHERE, metalLb('L2Advertisement', 'more', {})], 'several L2Advertisements are of it'],
    [[metalLb('L2Advertisement', 'a', { interfaces: ['eth0', 'eth1'] })], 'spec.interfaces is left out'],
    [
      [metalLb('L2Advertisement', 'a', { nodeSelectors: [{ matchLabels: { a: 'b' } }, { matchLabels: { c: 'd' } }] })],
      'spec.nodeSelectors is left out',
    ],
    [[EVERYWHERE, metalLb('BGPPeer', 'router', {})], 'BGPPeer router: is left out'],
    [[EVERYWHERE, metalLb('ServiceL2Status', 'x', {})], 'ServiceL2Status x: is left out'],
    [[EVERYWHERE, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } }], 'Secret s: is left out'],
  ])('tells what has no equivalent, %#', (others, text) => {
    const { spec, warnings } = made(pool(), ...others);
    expect(warnings).toEqual([expect.stringContaining(text)]);
    expect(spec).not.toHaveProperty('nodeSelector');
    expect(spec).not.toHaveProperty('interface');
  });

  it('tells what an API server would refuse', () => {
    const dotted = metalLb('IPAddressPool', 'first.pool', { addresses: ['10.0.0.0/28', 'nonsense', '10.0.0.0/30'] });
    const { warnings } = translate([dotted, EVERYWHERE].map((each) => stringify(each)).join('---\n'));
    expect(warnings).toEqual([
      expect.stringContaining(
        'IPAddressPool first.pool: spec.addresses: "nonsense" is neither a subnet nor two addresses',
      ),
      expect.stringContaining('VirtualIPPool first.pool: the name is not at most 40 characters of a-z, 0-9 and -'),
      expect.stringContaining('VirtualIPPool first.pool: spec.ranges: two ranges overlap'),
    ]);
  });
});

describe('the ConfigMap of kube-vip', () => {
  it('is a pool for all, and one for each namespace that comes first', () => {
    const { pools, warnings } = made(
      kubeVip({
        'range-global': '192.168.0.200-192.168.0.202, fd00::10-fd00::1f',
        'cidr-shop': '192.168.0.220/29',
        'interface-shop': 'eth1',
        'allow-share-shop': 'true',
      }),
    );
    expect(pools.map(({ metadata, spec }) => [metadata.name, spec])).toEqual([
      [
        'kube-vip-global',
        {
          ranges: [
            { first: '192.168.0.200', last: '192.168.0.202' },
            { first: 'fd00::10', last: 'fd00::1f' },
          ],
          avoidNetworkAndBroadcast: false,
          services: { sharing: 'Never' },
        },
      ],
      [
        'kube-vip-shop',
        {
          // With host bits, as it is allowed there.
          ranges: [{ cidr: '192.168.0.216/29' }],
          avoidNetworkAndBroadcast: false,
          services: { namespaces: ['shop'], priority: 10 },
          interface: 'eth1',
        },
      ],
    ]);
    expect(warnings).toEqual([
      expect.stringContaining('share an address need the annotation keepalived-ingress-vip.io/share'),
      expect.stringContaining('gets addresses of kube-vip-global here'),
    ]);
  });

  it('leaves out a subnet’s ends, if it did', () => {
    const { spec } = made(kubeVip({ 'cidr-global': '10.0.0.0/28', 'skip-end-ips-in-cidr': 'true' }));
    expect(spec).not.toHaveProperty('avoidNetworkAndBroadcast');
  });

  it('tells what has no equivalent', () => {
    const data = { 'cidr-global': '10.0.0.0/28', 'range-shop': '0.0.0.0', 'search-order': 'desc', other: 'x' };
    expect(made(kubeVip(data)).warnings).toEqual([
      expect.stringContaining('shop: addresses of DHCP are not served'),
      expect.stringContaining('search-order is left out'),
      expect.stringContaining('other is left out'),
    ]);
  });
});

describe('what is no pool', () => {
  it.each(['', 'a: [', 'kind: Service\napiVersion: v1\nmetadata: {name: x}', '- 1'])('is refused: %j', (text) => {
    expect(() => translate(text)).toThrow(/^(there is no pool in what was given|what was given is no YAML)/);
  });
});
