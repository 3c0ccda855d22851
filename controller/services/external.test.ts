import { describe, expect, it } from 'vitest';
import { allocate } from './allocate.ts';
import { externalText } from './external.ts';
import { applied, asking, claim, holdings, input, owned, pool, retained, service, settings } from './testing/scenes.ts';
import type { AllocationInput, LoadBalancerService } from './types.ts';

const IN_POOLS = { ...settings, externalIPs: 'InPools' } as const;
const HAD = '192.168.11.1';
const FREE = '192.168.11.2';
const STRANGER = '203.0.113.7';

type Changes = Parameters<typeof service>[1];

/** A Service that is no load balancer. */
function plain(name: string, externalIPs: readonly string[], changes: Changes = {}): LoadBalancerService {
  return service(name, { type: 'ClusterIP', loadBalancerClass: undefined, externalIPs, ...changes });
}

/** The claim of an address that Services have by spec.externalIPs. */
function placed(address: string, ...owners: readonly LoadBalancerService[]) {
  const named = owners.map(({ metadata: { namespace, name, uid } }) => ({ namespace, name, uid }));
  return claim({ address, owners: named.map((owner) => ({ ...owner, by: 'ExternalIPs' as const })) });
}

function decided(changes: Partial<AllocationInput>) {
  const before = input({ settings: IN_POOLS, ...changes });
  const allocation = allocate(before);
  const after = applied(before, allocation);
  const refused = allocation.external.flatMap((verdict) => verdict.refused.map(externalText));
  const reasons = allocation.external.flatMap((verdict) => verdict.refused.map(({ refusal }) => refusal.reason));
  return { allocation, after, holdings: holdings(after), refused, reasons };
}

describe('spec.externalIPs', () => {
  it.each(['ClusterIP', 'NodePort', 'LoadBalancer'])('of a Service of type %s is claimed, if a pool has it', (type) => {
    const { allocation } = decided({ services: [plain('web', [FREE], { type })] });
    expect(allocation.claims).toEqual([
      {
        kind: 'create',
        spec: {
          address: FREE,
          pool: 'web',
          owners: [{ namespace: 'default', name: 'web', uid: 'uid-of-web', by: 'ExternalIPs' }],
        },
        releases: [],
      },
    ]);
    expect(allocation.services).toEqual([]);
    expect(allocation.external).toMatchObject([{ addresses: [FREE], refused: [] }]);
  });

  it('is nobody’s business where that is off, and is given up when it is switched off', () => {
    const web = plain('web', [FREE]);
    expect(decided({ settings, services: [web] }).allocation).toEqual({ services: [], external: [], claims: [] });
    expect(decided({ settings, services: [web], claims: [placed(FREE, web)] }).holdings).toEqual([
      `${FREE}: for default/web`,
    ]);
  });

  it('is not placed for a stranger’s address, which is told with the field and the fix', () => {
    const { holdings: all, refused, reasons } = decided({ services: [plain('web', [STRANGER, FREE])] });
    expect(all).toEqual([`${FREE}: default/web`]);
    expect(reasons).toEqual(['NotInPool']);
    expect(refused).toEqual([
      `spec.externalIPs: ${STRANGER} is not placed: no pool has ${STRANGER} in its spec.ranges; ask for an address of one, or widen a pool`,
    ]);
  });

  it.each([
    ['another namespace', { namespaces: ['other'] }, 'NotAdmitted'],
    ['Services with other labels', { serviceSelector: { matchLabels: { public: 'yes' } } }, 'NotAdmitted'],
    ['a fenced namespace', { namespaces: ['other'], fence: true }, 'FencedOff'],
    ['those that have something', { disabled: true }, 'PoolDisabled'],
  ])('is not placed where its pool is for %s', (_whom, services, reason) => {
    const { holdings: all, reasons } = decided({
      pools: [pool('web', { services })],
      services: [plain('web', [FREE])],
    });
    expect([all, reasons]).toEqual([[], [reason]]);
  });

  it('does not get around the fence of its own namespace', () => {
    const fence = pool('fence', {
      ranges: [{ first: '10.0.0.1', last: '10.0.0.2' }],
      services: { namespaces: ['default'], fence: true },
    });
    const { holdings: all, reasons } = decided({
      pools: [pool('web'), fence],
      services: [plain('web', [FREE, '10.0.0.1'])],
    });
    expect([all, reasons]).toEqual([['10.0.0.1: default/web'], ['FencedOff']]);
  });

  it('is placed of a pool that gives nothing unasked, whatever pool an annotation asks for', () => {
    const pools = [
      pool('web', { services: { autoAssign: false } }),
      pool('two', { ranges: [{ cidr: '10.0.0.0/29' }] }),
    ];
    const both = asking('both', { pool: 'two' }, { externalIPs: [FREE] });
    const { holdings: all, refused } = decided({ pools, services: [both] });
    expect(all).toHaveLength(2);
    expect(all).toContain(`${FREE}: default/both`);
    expect(refused).toEqual([]);
  });

  it('takes no address that another Service has, nor a node’s own', () => {
    const unavailable = new Map([[FREE, 'is an address of node n1 itself']]);
    const other = service('other');
    const { refused } = decided({
      services: [other, plain('web', [HAD, FREE])],
      claims: [owned(HAD, other)],
      unavailable,
    });
    expect(refused).toEqual([
      expect.stringContaining(`${HAD} is had by Service default/other; ask for another address`),
      expect.stringContaining(`${FREE} is an address of node n1 itself`),
    ]);
  });

  it('goes to the older of two, also where that one asks by annotation', () => {
    const young = plain('young', [FREE], { metadata: { createdMs: Number.MAX_SAFE_INTEGER } });
    expect(decided({ services: [young, asking('old', { addresses: FREE })] }).holdings).toEqual([
      `${FREE}: default/old`,
    ]);
  });

  it('goes before whoever asks for no address by name', () => {
    const pools = [pool('web', { ranges: [{ first: FREE, last: FREE }] })];
    const { holdings: all } = decided({
      pools,
      services: [service('old'), plain('web', [FREE], { metadata: { createdMs: Number.MAX_SAFE_INTEGER } })],
    });
    expect(all).toEqual([`${FREE}: default/web`]);
  });
});

describe('one address in spec.externalIPs of two Services', () => {
  const http = plain('http', [FREE]);
  const https = plain('https', [FREE], { ports: [{ protocol: 'TCP', port: 443 }] });

  it('is had by both without a key, if their ports differ', () => {
    const { after, holdings: all } = decided({ services: [http, https] });
    expect(all).toEqual([`${FREE}: default/http default/https`]);
    expect(allocate(after).claims).toEqual([]);
  });

  it('stays until the last of them goes', () => {
    const claims = [placed(FREE, http, https)];
    expect(decided({ services: [https], claims }).holdings).toEqual([`${FREE}: default/https`]);
    expect(decided({ services: [], claims }).holdings).toEqual([`${FREE}: for default/http`]);
  });

  it.each([
    ['their ports clash', plain('twin', [FREE]), {}, 'both have port TCP 80'],
    ['the pool lets nobody share', https, { sharing: 'Never' as const }, 'spec.services.sharing Never'],
    [
      'they are of two namespaces',
      plain('https', [FREE], { ports: [], metadata: { namespace: 'other' } }),
      {},
      'if its spec.services.sharing is AnyNamespace',
    ],
    [
      'their keys differ',
      plain('https', [FREE], { ports: [], annotations: { 'keepalived-ingress-vip.io/share': 'b' } }),
      {},
      'which shares by another key, "a"',
    ],
  ])('is refused where %s', (_why, second, services, text) => {
    const first = plain('first', [FREE], { annotations: { 'keepalived-ingress-vip.io/share': 'a' } });
    const { refused } = decided({
      pools: [pool('web', { services })],
      services: [first, second],
      claims: [placed(FREE, first)],
    });
    expect(refused).toEqual([expect.stringContaining(text)]);
  });

  it('is shared with a load balancer by a common key alone', () => {
    const key = { 'keepalived-ingress-vip.io/share': 'k' };
    const balancer = service('balancer', { annotations: key });
    const claims = [owned(FREE, balancer)];
    expect(decided({ services: [balancer, https], claims }).reasons).toEqual(['AddressTaken']);
    const keyed = { ...https, annotations: key };
    expect(decided({ services: [balancer, keyed], claims }).holdings).toEqual([
      `${FREE}: default/balancer default/https`,
    ]);
  });
});

describe('a load balancer with spec.externalIPs', () => {
  it('has both, and publishes its own alone', () => {
    const web = service('web', { externalIPs: [FREE] });
    const { allocation, after } = decided({ services: [web] });
    const [verdict] = allocation.services;
    expect(verdict?.addresses).toHaveLength(1);
    expect(verdict?.addresses).not.toContain(FREE);
    expect(after.claims.map(({ spec }) => spec.owners.map(({ by }) => by))).toEqual(
      expect.arrayContaining([['ExternalIPs'], [undefined]]),
    );
    expect(allocate(after).claims).toEqual([]);
  });

  it('keeps as its own an address that it names in the field afterwards', () => {
    const web = service('web', { externalIPs: [HAD], ingress: [{ ip: HAD }] });
    const { allocation } = decided({ services: [web], claims: [owned(HAD, web)] });
    expect(allocation.claims).toEqual([]);
    expect(allocation.services[0]?.addresses).toEqual([HAD]);
  });

  it('goes on to have by the field what it has no more as a load balancer, and publishes that no more', () => {
    const web = plain('web', [HAD], { ownFinalizer: true, ingress: [{ ip: HAD }] });
    const { allocation, after } = decided({ services: [web], claims: [owned(HAD, web)] });
    expect(after.claims[0]?.spec.owners).toMatchObject([{ uid: 'uid-of-web', by: 'ExternalIPs' }]);
    expect(allocation.services).toMatchObject([{ serves: false, released: [HAD] }]);
    expect(allocation.claims).toMatchObject([{ releases: [{ uid: 'uid-of-web' }] }]);
  });

  it('goes on to have as its own what it names by annotation instead of in the field, though an older one waits for it', () => {
    const web = asking('web', { addresses: HAD });
    const older = asking('older', { addresses: HAD }, { metadata: { createdMs: 0 } });
    const { allocation, after } = decided({ services: [older, web], claims: [placed(HAD, web)] });
    expect(after.claims[0]?.spec.owners).toEqual([{ namespace: 'default', name: 'web', uid: 'uid-of-web' }]);
    expect(allocation.services.find(({ service: { metadata } }) => metadata.name === 'web')).toMatchObject({
      addresses: [HAD],
      ok: true,
    });
  });

  it('takes over as its own what it publishes besides, as some load balancers have it', () => {
    const web = service('web', { externalIPs: [HAD], ingress: [{ ip: HAD }] });
    const { after } = decided({ services: [web], claims: [placed(HAD, web)] });
    expect(after.claims[0]?.spec.owners).toEqual([{ namespace: 'default', name: 'web', uid: 'uid-of-web' }]);
  });
});

describe('an address that was placed by spec.externalIPs', () => {
  const web = plain('web', [HAD]);

  it.each([
    ['has other ranges', [pool('web', { ranges: [{ first: FREE, last: FREE }] })]],
    ['serves others', [pool('web', { services: { namespaces: ['other'] } })]],
    ['is gone', []],
  ])('stays when its pool %s', (_what, pools) => {
    expect(decided({ pools, services: [web], claims: [placed(HAD, web)] }).holdings).toEqual([`${HAD}: default/web`]);
  });

  it('stays while its Service is being deleted, since nodes serve it so long; then it waits for one of its name', () => {
    const going = plain('web', [HAD, FREE], { metadata: { deleting: true, finalizers: ['example.org/x'] } });
    expect(decided({ services: [going], claims: [placed(HAD, going)] }).holdings).toEqual([`${HAD}: default/web`]);
    expect(decided({ claims: [placed(HAD, going)] }).holdings).toEqual([`${HAD}: for default/web`]);
  });

  it('comes back to a load balancer of its Service’s name, which asks for none', () => {
    expect(decided({ services: [service('web')], claims: [retained(HAD, 'web')] }).holdings).toEqual([
      `${HAD}: default/web`,
    ]);
  });

  it('waits as long as its Service wished, which is gone when that is known', () => {
    const annotations = { 'keepalived-ingress-vip.io/retain': '60' };
    const { after } = decided({ services: [plain('web', [HAD], { annotations })] });
    expect(decided({ claims: after.claims }).after.claims[0]?.spec.retained).toMatchObject({ retainSeconds: 60 });
  });

  it('is given up when the field has it no more', () => {
    const { allocation, holdings: all } = decided({ services: [plain('web', [])], claims: [placed(HAD, web)] });
    expect(all).toEqual([`${HAD}: for default/web`]);
    expect(allocation.claims).toMatchObject([{ releases: [{ uid: 'uid-of-web', by: 'ExternalIPs' }] }]);
  });
});

describe('spec.externalIPs with externalTrafficPolicy Local', () => {
  const local = { externalTrafficPolicy: 'Local' } as const;

  it('is placed for type LoadBalancer, of which nodes know whether they have an endpoint', () => {
    const foreign = plain('web', [FREE], { ...local, type: 'LoadBalancer', healthCheckNodePort: 32_000 });
    expect(decided({ services: [foreign] }).holdings).toEqual([`${FREE}: default/web`]);
  });

  it('is not placed for another type, and said of what was placed before', () => {
    const web = plain('web', [FREE], { ...local, type: 'NodePort' });
    const { refused, reasons, holdings: all } = decided({ services: [web] });
    expect([reasons, all]).toEqual([['LocalNotServed'], []]);
    expect(refused[0]).toContain(`annotation keepalived-ingress-vip.io/addresses: ${FREE}`);
    expect(decided({ services: [web], claims: [placed(FREE, web)] }).refused).toEqual([
      expect.stringContaining(`${FREE} is placed, but with spec.externalTrafficPolicy Local`),
    ]);
  });
});
