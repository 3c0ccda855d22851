import { describe, expect, it, vi } from 'vitest';
import { allocate } from './allocate.ts';
import { ALLOCATED_CONDITION, SERVICE_FINALIZER } from './annotations.ts';
import {
  applied,
  asking,
  claim,
  holdings,
  input,
  NOW_MS,
  owned,
  pool,
  retained,
  SECOND_MS,
  service,
  settings,
  verdictOn,
} from './testing/scenes.ts';
import type { AllocationInput } from './types.ts';

const DUAL = { ranges: [{ cidr: '192.168.11.0/29' }, { cidr: 'fd00::/125' }] };
const ONE = { ranges: [{ first: '192.168.11.1', last: '192.168.11.1' }] };
const PREFER = { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' } as const;
const REQUIRE = { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' } as const;

/** Decides, and stores what was decided. */
function decided(changes: Partial<AllocationInput>) {
  const before = input(changes);
  const allocation = allocate(before);
  const after = applied(before, allocation);
  return { allocation, after, holdings: holdings(after), on: (name: string) => verdictOn(allocation, name) };
}

function gone(name: string) {
  return service(name, { metadata: { deleting: true, finalizers: [SERVICE_FINALIZER] }, ownFinalizer: true });
}

function publishing(name: string, ...ips: string[]) {
  return service(name, { ingress: ips.map((ip) => ({ ip })) });
}

describe('a Service of type LoadBalancer', () => {
  it('gets an address of a pool, and that is all that changes', () => {
    const { allocation, after, on } = decided({ services: [service('web')] });
    const address = on('web')?.addresses[0] ?? '';
    expect(allocation.claims).toEqual([
      {
        kind: 'create',
        spec: { address, pool: 'web', owners: [{ namespace: 'default', name: 'web', uid: 'uid-of-web' }] },
        releases: [],
      },
    ]);
    expect(on('web')).toMatchObject({
      serves: true,
      ok: true,
      reason: 'Allocated',
      message: `it has ${address} of pool web`,
      released: [],
    });
    expect(address).toMatch(/^192\.168\.11\.[1-4]$/);
    expect(allocate(after)).toMatchObject({ claims: [], services: [on('web')] });
  });

  it('has what its claim says', () => {
    const { allocation, on } = decided({
      services: [service('web')],
      claims: [owned('192.168.11.3', service('web'))],
    });
    expect(allocation.claims).toEqual([]);
    expect(on('web')?.addresses).toEqual(['192.168.11.3']);
  });

  it('gets the same first address in any cluster, whoever is there besides', () => {
    const wide = [pool('web', { ranges: [{ cidr: '10.0.0.0/16' }] })];
    const names = Array.from({ length: 20 }, (_, index) => `svc-${index}`);
    const alone = names.map((name) => decided({ pools: wide, services: [service(name)] }).on(name)?.addresses);
    const services = names.map((name) => service(name)).reverse();
    const together = decided({ pools: wide, services });
    expect(names.map((name) => together.on(name)?.addresses)).toEqual(alone);
    expect(new Set(alone.flat()).size).toBe(20);
  });

  it('waits while no address is free, the oldest first', () => {
    const young = service('a-young', { metadata: { createdMs: NOW_MS } });
    const old = service('old', { metadata: { createdMs: NOW_MS - SECOND_MS } });
    const { on } = decided({ pools: [pool('web', ONE)], services: [young, old] });
    expect(on('old')?.addresses).toEqual(['192.168.11.1']);
    expect(on('a-young')).toMatchObject({
      serves: true,
      addresses: [],
      ok: false,
      reason: 'PoolExhausted',
      message: 'no IPv4 address is free in web; widen spec.ranges, or delete what is not needed',
    });
  });

  it('gets nothing that nobody may have', () => {
    const unavailable = new Map([1, 2, 4].map((last) => [`192.168.11.${last}`, 'is an address of node n1 itself']));
    expect(decided({ services: [service('web')], unavailable }).on('web')?.addresses).toEqual(['192.168.11.3']);
  });

  it('gets several of a family when it asks for several, and gives the last up when it asks for fewer', () => {
    const two = decided({ services: [asking('web', { 'addresses-per-family': '2' })] });
    expect(two.on('web')).toMatchObject({ ok: true, reason: 'Allocated' });
    const addresses = two.on('web')?.addresses ?? [];
    expect(new Set(addresses).size).toBe(2);
    const one = publishing('web', ...addresses.toReversed());
    const fewer = decided({ services: [one], claims: two.after.claims });
    expect(fewer.on('web')).toMatchObject({ addresses: addresses.slice(1), released: addresses.slice(0, 1) });
  });

  it('has part of several when there are not as many, and says so', () => {
    const { on } = decided({ pools: [pool('web', ONE)], services: [asking('web', { 'addresses-per-family': '2' })] });
    expect(on('web')).toMatchObject({ addresses: ['192.168.11.1'], ok: false, reason: 'PoolExhausted' });
    expect(on('web')?.message).toMatch(/\. It keeps 192\.168\.11\.1 of pool web$/);
  });

  it('gets nothing while its namespace is not known, and keeps what it has', () => {
    const namespaces = new Map();
    expect(decided({ services: [service('web')], namespaces }).on('web')).toMatchObject({
      addresses: [],
      ok: false,
      reason: 'NamespaceUnknown',
      message: 'its namespace default is not known yet',
    });
    const claims = [owned('192.168.11.3', service('web'))];
    expect(decided({ services: [service('web')], namespaces, claims }).on('web')).toMatchObject({
      addresses: ['192.168.11.3'],
      ok: true,
    });
  });
});

describe('which Services are ours', () => {
  const classless = { ...settings, classless: true };
  const foreign = service('web', { loadBalancerClass: 'example.com/other', ingress: [{ ip: '192.168.11.2' }] });
  const without = { loadBalancerClass: undefined };

  it('are those of our class', () => {
    expect(decided({ services: [foreign] }).allocation).toEqual({ services: [], external: [], claims: [] });
    expect(decided({ services: [foreign], settings: classless }).allocation).toEqual({
      services: [],
      external: [],
      claims: [],
    });
  });

  it('are those without a class only where that is said', () => {
    const services = [service('web', without)];
    expect(decided({ services }).allocation).toEqual({ services: [], external: [], claims: [] });
    expect(decided({ services, settings: classless }).on('web')).toMatchObject({ serves: true, ok: true });
  });

  it('are none of another type, unless it has something of ours', () => {
    const clusterIp = service('web', { type: 'ClusterIP', loadBalancerClass: undefined });
    expect(decided({ services: [clusterIp], settings: classless }).allocation.services).toEqual([]);
    const marked = { ...clusterIp, conditions: [{ type: ALLOCATED_CONDITION }] as never };
    expect(decided({ services: [marked] }).on('web')).toMatchObject({ serves: false, reason: 'NotServed' });
    const others = { ...clusterIp, metadata: { ...clusterIp.metadata, finalizers: [SERVICE_FINALIZER] } };
    expect(decided({ services: [others], settings: classless }).allocation.services).toEqual([]);
    const begun = { ...others, ownFinalizer: true };
    expect(decided({ services: [begun] }).on('web')).toMatchObject({ serves: false });
  });

  it.each([
    ['deleted', gone('web')],
    ['of another type', service('web', { type: 'ClusterIP', loadBalancerClass: undefined })],
    ['of another class', service('web', { loadBalancerClass: 'example.com/other' })],
  ])('give up what they had when they are %s', (_how, parting) => {
    const { on, holdings: now } = decided({ services: [parting], claims: [owned('192.168.11.3', service('web'))] });
    expect(on('web')).toMatchObject({ serves: false, addresses: [], released: ['192.168.11.3'], ok: false });
    expect(now).toEqual(['192.168.11.3: for default/web']);
  });

  it('go on to be told of what they gave up, as long as they publish it', () => {
    const parting = { ...gone('web'), ingress: [{ ip: '192.168.11.3' }, { ip: '203.0.113.1' }] };
    const { on } = decided({ services: [parting], claims: [retained('192.168.11.3', 'web')] });
    expect(on('web')?.released).toEqual(['192.168.11.3']);
    const marked = { ...parting, conditions: [{ type: ALLOCATED_CONDITION }] as never };
    expect(decided({ services: [marked] }).on('web')?.released).toEqual(['192.168.11.3', '203.0.113.1']);
  });
});

describe('a Service whose addresses were taken out of its status', () => {
  it('keeps what another load balancer publishes since, while nodes let go of its addresses', () => {
    const said = [{ type: ALLOCATED_CONDITION, status: 'False', reason: 'NotServed' }] as never;
    const parted = service('web', { loadBalancerClass: 'example.com/other', ownFinalizer: true, conditions: said });
    const taken = { ...parted, ingress: [{ ip: '192.168.11.3' }, { ip: '203.0.113.1' }] };
    const { on } = decided({ services: [taken], claims: [retained('192.168.11.3', 'web')] });
    expect(on('web')).toMatchObject({ serves: false, released: [] });
    const late = decided({ services: [taken], claims: [owned('192.168.11.3', service('web'))] });
    expect(late.on('web')?.released).toEqual(['192.168.11.3']);
  });
});

describe('an address whose Service went', () => {
  it('waits for a Service of its name, and is given to that, whatever its uid', () => {
    const first = decided({ services: [gone('web')], claims: [owned('192.168.11.3', service('web'))] });
    expect(first.allocation.claims).toMatchObject([
      {
        kind: 'update',
        spec: { owners: [], retained: { namespace: 'default', name: 'web', since: '2030-01-01T00:00:00.000Z' } },
        releases: [{ uid: 'uid-of-web' }],
      },
    ]);
    expect(first.allocation.reviewAtMs).toBe(NOW_MS + 86_400 * SECOND_MS);
    const rivals = [service('a'), service('b'), service('c')];
    const again = service('web', { metadata: { uid: 'another' } });
    const second = decided({ services: [...rivals, again], claims: first.after.claims });
    expect(second.on('web')?.addresses).toEqual(['192.168.11.3']);
    expect(second.after.claims.find(({ spec }) => spec.address === '192.168.11.3')?.spec).toEqual({
      address: '192.168.11.3',
      pool: 'web',
      owners: [{ namespace: 'default', name: 'web', uid: 'another' }],
    });
  });

  it('goes over at once to a Service that took the place of its own unseen', () => {
    const again = service('web', { metadata: { uid: 'another' } });
    const { allocation, holdings: now } = decided({
      services: [again],
      claims: [owned('192.168.11.3', service('web'))],
    });
    expect(now).toEqual(['192.168.11.3: default/web']);
    expect(allocation.claims).toMatchObject([{ kind: 'update', releases: [{ uid: 'uid-of-web' }] }]);
  });

  it('is nobody’s of another namespace who has the same name', () => {
    const { on } = decided({
      services: [service('web', { metadata: { namespace: 'other' } })],
      claims: [retained('192.168.11.3', 'web')],
    });
    expect(on('web')?.addresses).not.toEqual(['192.168.11.3']);
  });

  it('comes back although its pool gives nothing new or nothing unasked, but not past who is served', () => {
    const claims = [retained('192.168.11.3', 'web')];
    const addresses = (services: object) =>
      decided({ pools: [pool('web', { services })], claims, services: [service('web')] }).on('web')?.addresses;
    expect(addresses({ disabled: true })).toEqual(['192.168.11.3']);
    expect(addresses({ autoAssign: false })).toEqual(['192.168.11.3']);
    expect(addresses({ namespaces: ['other'] })).toEqual([]);
  });

  it('comes back only of the pool that the Service asks for', () => {
    const pools = [pool('web'), pool('other', { ranges: [{ first: '10.0.0.1', last: '10.0.0.1' }] })];
    const { on } = decided({
      pools,
      claims: [retained('192.168.11.3', 'web')],
      services: [asking('web', { pool: 'other' })],
    });
    expect(on('web')?.addresses).toEqual(['10.0.0.1']);
  });

  it('is, of several that a Service had, the last that it had', () => {
    const claims = [retained('192.168.11.2', 'web', NOW_MS - 9000), retained('192.168.11.3', 'web', NOW_MS - 5000)];
    expect(decided({ claims, services: [service('web')] }).on('web')?.addresses).toEqual(['192.168.11.3']);
  });

  it('makes nobody wait: when nothing else is free, the longest retained goes first', () => {
    const claims = [
      retained('192.168.11.1', 'a', NOW_MS - 5000),
      retained('192.168.11.2', 'b', NOW_MS - 9000),
      retained('192.168.11.3', 'c', NOW_MS - 7000),
    ];
    const first = decided({ claims, services: [service('web')] });
    expect(first.on('web')?.addresses).toEqual(['192.168.11.4']);
    const second = decided({ claims: first.after.claims, services: [service('web'), service('more')] });
    expect(second.on('more')?.addresses).toEqual(['192.168.11.2']);
    expect(second.allocation.claims).toMatchObject([{ kind: 'update', releases: [] }]);
  });

  it('is not looked for among all that wait again and again, where thousands take the place of others', () => {
    const count = 200;
    const unavailable = new Map<string, string>();
    const has = vi.spyOn(unavailable, 'has');
    const claims = Array.from({ length: count }, (_, index) => retained(`10.0.0.${index + 1}`, `old-${index}`));
    const services = Array.from({ length: count }, (_, index) => service(`new-${index}`));
    const pools = [pool('web', { ranges: [{ first: '10.0.0.1', last: `10.0.0.${count}` }] })];
    expect(decided({ pools, claims, services, unavailable }).allocation.claims).toHaveLength(count);
    expect(has.mock.calls.length).toBeLessThan(10 * count);
  });

  it('goes to its Service before one that was never here takes what waited longest', () => {
    const claims = [
      retained('192.168.11.1', 'b', NOW_MS - 9000),
      retained('192.168.11.2', 'x', NOW_MS - 5000),
      retained('192.168.11.3', 'y', NOW_MS - 5000),
      retained('192.168.11.4', 'z', NOW_MS - 5000),
    ];
    const { on } = decided({ claims, services: [service('a'), service('b')] });
    expect(on('b')?.addresses).toEqual(['192.168.11.1']);
    expect(on('a')?.addresses).toEqual(['192.168.11.2']);
  });

  it('is not given again while nobody may have it', () => {
    const unavailable = new Map([['192.168.11.1', 'is an address of node n1 itself']]);
    const claims = [retained('192.168.11.1', 'web')];
    const { on } = decided({ pools: [pool('web', ONE)], claims, services: [service('web')], unavailable });
    expect(on('web')?.addresses).toEqual([]);
  });

  it('is free after the time that its pool says', () => {
    const pools = [pool('web', { services: { retainSeconds: 60 } })];
    const claims = [retained('192.168.11.3', 'web', NOW_MS - 60_000), retained('192.168.11.2', 'b', NOW_MS - 59_000)];
    const { allocation } = decided({ pools, claims });
    expect(allocation.claims).toEqual([{ kind: 'delete', claim: claims[0], releases: [] }]);
    expect(allocation.reviewAtMs).toBe(NOW_MS + SECOND_MS);
  });

  it('is free at once when that is no time', () => {
    const { allocation } = decided({
      pools: [pool('web', { services: { retainSeconds: 0 } })],
      services: [gone('web')],
      claims: [owned('192.168.11.3', service('web'))],
    });
    expect(allocation.claims).toMatchObject([{ kind: 'delete', releases: [{ uid: 'uid-of-web' }] }]);
    expect(allocation.reviewAtMs).toBeUndefined();
  });

  it('is free at once, too, when a living Service gives it up', () => {
    const { allocation } = decided({
      pools: [pool('web', { services: { retainSeconds: 0 } })],
      services: [asking('web', { addresses: '192.168.11.1' })],
      claims: [owned('192.168.11.3', service('web'))],
    });
    expect(allocation.claims.map(({ kind }) => kind)).toEqual(['create', 'delete']);
  });

  it('waits as long as its Service wished, whatever the pool says then', () => {
    const pools = [pool('web', { services: { retainSeconds: 0 } })];
    const web = asking('web', { retain: '60' });
    const { after } = decided({ pools, services: [web] });
    const { address } = after.claims[0]?.spec ?? { address: '' };
    expect(after.claims[0]?.spec.owners).toMatchObject([{ uid: 'uid-of-web', retainSeconds: 60 }]);
    const parted = decided({ pools, services: [gone('web')], claims: after.claims });
    expect(parted.after.claims[0]?.spec.retained).toMatchObject({ name: 'web', retainSeconds: 60 });
    expect(parted.allocation.reviewAtMs).toBe(NOW_MS + 60 * SECOND_MS);
    const later = { pools, claims: parted.after.claims, nowMs: NOW_MS + 59 * SECOND_MS };
    expect(decided(later).holdings).toEqual([`${address}: for default/web`]);
    expect(decided({ ...later, nowMs: NOW_MS + 60 * SECOND_MS }).holdings).toEqual([]);
  });

  it('waits no time when its Service wished so, though the pool lets others wait', () => {
    const web = asking('web', { retain: '0' });
    const { after } = decided({ services: [web] });
    expect(decided({ services: [gone('web')], claims: after.claims }).holdings).toEqual([]);
  });

  it('is waited for on other terms when the annotation changes, and on the same when that cannot be read', () => {
    const { after } = decided({ services: [asking('web', { retain: '60' })] });
    const changed = decided({ claims: after.claims, services: [asking('web', { retain: '5' })] });
    expect(changed.after.claims[0]?.spec.owners).toMatchObject([{ retainSeconds: 5 }]);
    const unread = decided({ claims: changed.after.claims, services: [asking('web', { retain: 'x' })] });
    expect(unread.allocation.claims).toEqual([]);
    expect(unread.on('web')).toMatchObject({ reason: 'InvalidRequest', addresses: [after.claims[0]?.spec.address] });
    const none = decided({ claims: changed.after.claims, services: [service('web')] });
    expect(none.after.claims[0]?.spec.owners).toEqual([{ namespace: 'default', name: 'web', uid: 'uid-of-web' }]);
  });

  it('is looked at again when the first of several ends', () => {
    const pools = [pool('web', { services: { retainSeconds: 60 } })];
    const claims = [retained('192.168.11.2', 'a', NOW_MS - 50_000), retained('192.168.11.3', 'b', NOW_MS - 10_000)];
    expect(decided({ pools, claims }).allocation.reviewAtMs).toBe(NOW_MS + 10_000);
  });

  it('waits from now on if it was written by a clock that was ahead, and not if that was a little', () => {
    const claims = [retained('192.168.11.3', 'a', NOW_MS + 3_600_000), retained('192.168.11.2', 'b', NOW_MS + 5000)];
    const { allocation } = decided({ claims });
    expect(allocation.claims).toMatchObject([
      { kind: 'update', spec: { address: '192.168.11.3', retained: { since: '2030-01-01T00:00:00.000Z' } } },
    ]);
  });
});

describe('an address that a Service publishes without a claim', () => {
  it('stays its own', () => {
    const { holdings: now, on } = decided({ services: [publishing('web', '192.168.11.4')] });
    expect(now).toEqual(['192.168.11.4: default/web']);
    expect(on('web')).toMatchObject({ ok: true, addresses: ['192.168.11.4'] });
  });

  it('is waited for while a node has it from the load balancer before: the Service is not renumbered for that', () => {
    const unavailable = new Map([['192.168.11.3', 'is an address of node n1 itself']]);
    const onNodes = new Set(unavailable.keys());
    const services = [publishing('web', '192.168.11.3')];
    const { holdings: all, on } = decided({ services, unavailable, onNodes });
    expect(all).toEqual([]);
    expect(on('web')).toMatchObject({ ok: false, reason: 'AddressTaken', addresses: [], released: [] });
    expect(on('web')?.message).toContain(
      '192.168.11.3, which it publishes, is an address of node n1 itself; it is taken',
    );
    expect(decided({ services }).holdings).toEqual(['192.168.11.3: default/web']);
    const elsewhere = [{ ...asking('web', { addresses: '192.168.11.1' }), ingress: [{ ip: '192.168.11.3' }] }];
    expect(decided({ services: elsewhere, unavailable, onNodes }).holdings).toEqual(['192.168.11.1: default/web']);
  });

  it('is not taken from the status while it is only said that it cannot be had', () => {
    const unavailable = new Map([['192.168.11.3', 'is an address of node n1 itself']]);
    const condition = { type: ALLOCATED_CONDITION, reason: 'AddressTaken', message: '', lastTransitionTime: '' };
    const web = { ...publishing('web', '192.168.11.3'), conditions: [{ ...condition, status: 'False' }] };
    const onNodes = new Set(unavailable.keys());
    expect(decided({ services: [web], unavailable, onNodes }).on('web')?.released).toEqual([]);
  });

  it('stays its own before anybody gets anything, also one that asks for it', () => {
    const old = asking('old', { addresses: '192.168.11.4' }, { metadata: { createdMs: 0 } });
    const { holdings: now, on } = decided({ services: [old, publishing('web', '192.168.11.4')] });
    expect(now).toEqual(['192.168.11.4: default/web']);
    expect(on('old')).toMatchObject({ ok: false, reason: 'AddressTaken' });
  });

  it('stays its own although the pool would not give it to it', () => {
    const services = { disabled: true, autoAssign: false, namespaces: ['other'] };
    const { holdings: now } = decided({
      pools: [pool('web', { services })],
      services: [publishing('web', '192.168.11.4')],
    });
    expect(now).toEqual(['192.168.11.4: default/web']);
  });

  it('stays its own although it waited for another, who does not live', () => {
    const { holdings: now } = decided({
      claims: [retained('192.168.11.4', 'b')],
      services: [publishing('web', '192.168.11.4')],
    });
    expect(now).toEqual(['192.168.11.4: default/web']);
  });

  it('is not its own past a fence', () => {
    const { holdings: now } = decided({
      pools: [pool('web', { services: { fence: true, namespaces: ['other'] } })],
      services: [publishing('web', '192.168.11.4')],
    });
    expect(now).toEqual([]);
  });

  it.each([
    ['in no pool', publishing('web', '203.0.113.1'), /^192\.168\.11\.[1-4]$/],
    ['of a family that it does not have', publishing('web', 'fd00::1'), /^192\.168\.11\.[1-4]$/],
    ['another’s', publishing('web', '192.168.11.2'), /^192\.168\.11\.[134]$/],
    ['one that nobody may have', publishing('web', '192.168.11.3'), /^192\.168\.11\.[14]$/],
  ])('is left alone when it is %s', (_what, publisher, given) => {
    const { on } = decided({
      pools: [pool('web', { ranges: [{ first: '192.168.11.1', last: '192.168.11.4' }, { cidr: 'fd00::/125' }] })],
      claims: [owned('192.168.11.2', service('b'))],
      services: [publisher, service('b')],
      unavailable: new Map([['192.168.11.3', 'is the release’s own']]),
    });
    expect(on('web')?.addresses[0]).toMatch(given);
  });

  it('is no reason to have more than is asked for', () => {
    const { holdings: now } = decided({
      claims: [owned('192.168.11.2', service('web'))],
      services: [publishing('web', '192.168.11.3')],
    });
    expect(now).toEqual(['192.168.11.2: default/web']);
  });

  it('and does not want is no claim of anybody’s', () => {
    const web = asking('web', { addresses: '192.168.11.2' }, { ingress: [{ ip: '192.168.11.1' }] });
    const { allocation } = decided({ services: [web] });
    expect(allocation.claims).toMatchObject([{ kind: 'create', spec: { address: '192.168.11.2' } }]);
  });

  it('is shared as the Services share it', () => {
    const share = (name: string, port: number) =>
      asking(name, { share: 'k' }, { ingress: [{ ip: '192.168.11.3' }], ports: [{ protocol: 'TCP', port }] });
    const { holdings: now } = decided({ services: [share('a', 80), share('b', 443), share('c', 80)] });
    expect(now).toHaveLength(2);
    expect(now).toContain('192.168.11.3: default/a default/b');
  });
});

describe('a request for an address by name', () => {
  it('is met before those who ask for none, however old', () => {
    const old = service('old', { metadata: { createdMs: 0 } });
    const { holdings: now } = decided({
      pools: [pool('web', ONE)],
      services: [old, asking('web', { addresses: '192.168.11.1' })],
    });
    expect(now).toEqual(['192.168.11.1: default/web']);
  });

  it('is met for the oldest of several; the next gets the address when that goes', () => {
    const wishes = { addresses: '192.168.11.2' };
    const old = asking('old', wishes, { metadata: { createdMs: 0 } });
    const first = decided({ services: [asking('web', wishes), old] });
    expect(first.holdings).toEqual(['192.168.11.2: default/old']);
    expect(first.on('web')).toMatchObject({
      addresses: [],
      ok: false,
      reason: 'AddressTaken',
      message:
        '192.168.11.2 is had by Service default/old; ask for another address, or give both the same annotation keepalived-ingress-vip.io/share',
    });
    const second = decided({ services: [asking('web', wishes), gone('old')], claims: first.after.claims });
    expect(second.holdings).toEqual(['192.168.11.2: default/web']);
  });

  it('is met although the address waits for another', () => {
    const { holdings: now } = decided({
      claims: [retained('192.168.11.2', 'b')],
      services: [asking('web', { addresses: '192.168.11.2' })],
    });
    expect(now).toEqual(['192.168.11.2: default/web']);
  });

  it('moves a Service: it has the new address before it gives up the old one, which nobody gets at once', () => {
    const services = [
      asking('web', { addresses: '192.168.11.2' }),
      asking('next', { addresses: '192.168.11.1' }, { metadata: { createdMs: 0 } }),
    ];
    const { allocation, after, on } = decided({ services, claims: [owned('192.168.11.1', service('web'))] });
    expect(allocation.claims).toMatchObject([
      { kind: 'create', spec: { address: '192.168.11.2' } },
      {
        kind: 'update',
        spec: { address: '192.168.11.1', owners: [] },
        releases: [{ name: 'web' }],
        restsOn: [{ owner: { name: 'web' }, address: '192.168.11.2' }],
      },
    ]);
    expect(on('web')).toMatchObject({ addresses: ['192.168.11.2'], released: ['192.168.11.1'], ok: true });
    expect(on('next')).toMatchObject({ addresses: [], ok: false });
    expect(holdings(applied(after, allocate(after)))).toEqual([
      '192.168.11.1: default/next',
      '192.168.11.2: default/web',
    ]);
  });

  it('that was met by half, as a crash leaves it, goes on to its end', () => {
    const { holdings: now, on } = decided({
      services: [{ ...asking('web', { addresses: '192.168.11.2' }), ingress: [{ ip: '192.168.11.1' }] }],
      claims: [owned('192.168.11.1', service('web')), owned('192.168.11.2', service('web'))],
    });
    expect(now).toEqual(['192.168.11.1: for default/web', '192.168.11.2: default/web']);
    expect(on('web')?.addresses).toEqual(['192.168.11.2']);
  });

  it.each([
    [
      'NotInPool',
      { addresses: '10.0.0.1' },
      'no pool has 10.0.0.1 in its spec.ranges; ask for an address of one, or widen a pool',
    ],
    ['AddressTaken', { addresses: '192.168.11.4' }, '192.168.11.4 is an address of node n1 itself'],
    [
      'AddressTaken',
      { addresses: '192.168.11.3' },
      '192.168.11.3 is had by Service default/b; ask for another address',
    ],
    [
      'NotInPool',
      { addresses: '192.168.11.2', pool: 'x' },
      '192.168.11.2 is of pool web, but annotation keepalived-ingress-vip.io/pool asks for pool x',
    ],
  ])('that cannot be met (%s) leaves the Service with what it has', (reason, wishes, message) => {
    const { holdings: now, on } = decided({
      services: [asking('web', wishes), service('b')],
      claims: [owned('192.168.11.1', service('web')), owned('192.168.11.3', service('b'))],
      unavailable: new Map([['192.168.11.4', 'is an address of node n1 itself']]),
    });
    expect(now).toEqual(['192.168.11.1: default/web', '192.168.11.3: default/b']);
    expect(on('web')).toMatchObject({ addresses: ['192.168.11.1'], ok: false, reason });
    expect(on('web')?.message).toContain(message);
    expect(on('web')?.message).toContain('. It keeps 192.168.11.1 of pool web');
  });

  it('for several is met for those that can be had; what it had stays until all are', () => {
    const services = [asking('web', { addresses: '192.168.11.2,192.168.11.3' }), service('b')];
    const claims = [owned('192.168.11.1', service('web')), owned('192.168.11.3', service('b'))];
    const first = decided({ services, claims });
    expect(first.holdings).toEqual([
      '192.168.11.1: default/web',
      '192.168.11.2: default/web',
      '192.168.11.3: default/b',
    ]);
    expect(first.on('web')).toMatchObject({ ok: false, reason: 'AddressTaken' });
    const second = decided({ services: services.slice(0, 1), claims: first.after.claims });
    expect(second.on('web')).toMatchObject({ ok: true, addresses: ['192.168.11.2', '192.168.11.3'] });
  });

  it('that is taken back leaves the Service with what it has', () => {
    const { allocation } = decided({ services: [service('web')], claims: [owned('192.168.11.4', service('web'))] });
    expect(allocation.claims).toEqual([]);
  });

  it('is of the older pool where two have the address', () => {
    const pools = [
      pool('web'),
      pool('older', { services: { namespaces: ['other'] } }, { createdMs: NOW_MS - SECOND_MS }),
    ];
    const { on } = decided({ pools, services: [asking('web', { addresses: '192.168.11.2' })] });
    expect(on('web')).toMatchObject({ ok: false, reason: 'NotAdmitted' });
    expect(decided({ pools, services: [service('web')] }).on('web')).toMatchObject({ reason: 'PoolExhausted' });
  });
});

describe('a request that cannot be read', () => {
  it('leaves the Service with what it has, and gives it nothing', () => {
    const web = asking('web', { addresses: '192.168.11' });
    const claims = [owned('192.168.11.1', service('web'))];
    expect(decided({ services: [web] })).toMatchObject({ holdings: [] });
    const { holdings: now, on } = decided({ services: [web], claims });
    expect(now).toEqual(['192.168.11.1: default/web']);
    expect(on('web')).toMatchObject({ ok: false, reason: 'InvalidRequest', addresses: ['192.168.11.1'] });
    expect(on('web')?.message).toMatch(
      /^annotation keepalived-ingress-vip\.io\/addresses: .* It keeps 192\.168\.11\.1 of/,
    );
  });

  it('leaves it several addresses, though nobody can say how many it asks for', () => {
    const claims = [owned('192.168.11.1', service('web')), owned('192.168.11.2', service('web'))];
    const web = asking('web', { 'addresses-per-family': 'two' });
    expect(decided({ services: [web], claims }).allocation.claims).toEqual([]);
  });

  it('does not keep it from giving up what it does not have any more', () => {
    const claims = [owned('192.168.11.1', service('web')), owned('fd00::1', service('web'))];
    const { holdings: now } = decided({
      pools: [pool('web', DUAL)],
      services: [asking('web', { addresses: 'x' })],
      claims,
    });
    expect(now).toEqual(['192.168.11.1: default/web', 'fd00::1: for default/web']);
  });
});

describe('externalTrafficPolicy Local', () => {
  const local = { externalTrafficPolicy: 'Local' } as const;
  const key = { share: 'k' };
  const other = { port: 81, protocol: 'TCP' };

  it('gets an address as any other', () => {
    expect(decided({ services: [service('web', local)] }).on('web')).toMatchObject({ ok: true, reason: 'Allocated' });
  });

  it.each([
    ['the same pods', { ...local, selector: { app: 'web' } }, true],
    ['other pods', { ...local, selector: { app: 'db' } }, false],
    ['pods that need not be ready', { ...local, selector: { app: 'web' }, publishNotReadyAddresses: true }, false],
    ['endpoints that somebody lists', { ...local, selector: {} }, false],
    ['the same pods from all nodes', { selector: { app: 'web' } }, false],
  ])('shares its address with a Service that has %s: %j (%s)', (_, changes, shares) => {
    const wishes = { ...key, addresses: '192.168.11.2' };
    const second = asking('second', wishes, { ...changes, ports: [other], metadata: { createdMs: NOW_MS + 1 } });
    const { on } = decided({ services: [asking('web', wishes, local), second] });
    expect(on('web')).toMatchObject({ ok: true, addresses: ['192.168.11.2'] });
    if (shares) expect(on('second')).toMatchObject({ ok: true, addresses: ['192.168.11.2'] });
    else expect(on('second')).toMatchObject({ ok: false, addresses: [], reason: 'SharingRefused' });
  });

  it('shares it with none of another namespace, whose pods of these labels are others', () => {
    const pools = [pool('web', { services: { sharing: 'AnyNamespace' } })];
    const wishes = { ...key, addresses: '192.168.11.2' };
    const selector = { app: 'web' };
    const strange = asking('second', wishes, {
      ...{ ...local, selector, ports: [other] },
      metadata: { namespace: 'other', createdMs: NOW_MS + 1 },
    });
    const { on } = decided({ pools, services: [asking('web', wishes, { ...local, selector }), strange] });
    expect(on('second')).toMatchObject({ ok: false, reason: 'SharingRefused' });
    expect(on('second')?.message).toContain('one namespace');
  });
});

describe('two families', () => {
  const both = [pool('web', DUAL)];

  it.each([PREFER, REQUIRE])('get an address each, in the order of the Service (%o)', (families) => {
    const order = { ...families, ipFamilies: ['IPv6', 'IPv4'] as const };
    const { on } = decided({ pools: both, services: [service('web', order)] });
    expect(on('web')?.addresses).toEqual([
      expect.stringMatching(/^fd00::[1-7]$/),
      expect.stringMatching(/^192\.168\.11\.[1-6]$/),
    ]);
    expect(on('web')).toMatchObject({ ok: true, reason: 'Allocated' });
  });

  it('that are preferred: one is enough, and the second is added when there is one', () => {
    const first = decided({ services: [service('web', PREFER)] });
    expect(first.on('web')).toMatchObject({ ok: true, reason: 'AwaitingSecondFamily' });
    const [address] = first.on('web')?.addresses ?? [];
    expect(first.on('web')?.message).toBe(
      `it has ${address} of pool web, and gets one of IPv6 when there is one: no pool that serves it has IPv6 ranges; add some to web, or another pool`,
    );
    const second = decided({ pools: both, services: [service('web', PREFER)], claims: first.after.claims });
    expect(second.on('web')).toMatchObject({ ok: true, reason: 'Allocated' });
    expect(second.on('web')?.addresses).toEqual([address, expect.stringMatching(/^fd00::/)]);
  });

  it('that are preferred, of which one is asked for by name and cannot be had, are not enough', () => {
    const web = asking('web', { addresses: 'fd00::99' }, PREFER);
    expect(decided({ pools: both, services: [web] }).on('web')).toMatchObject({ ok: false, reason: 'NotInPool' });
  });

  it('that are required: nothing is taken before both can be had', () => {
    const { holdings: now, on } = decided({ services: [service('web', REQUIRE)] });
    expect(now).toEqual([]);
    expect(on('web')).toMatchObject({
      ok: false,
      reason: 'NoPool',
      message:
        'it needs addresses of IPv4 and IPv6: no pool that serves it has IPv6 ranges; add some to web, or another pool',
    });
  });

  it('that are required, with one address by name: nothing is taken unless that can be had', () => {
    const web = asking('web', { addresses: '10.0.0.1' }, REQUIRE);
    expect(decided({ pools: both, services: [web] })).toMatchObject({ holdings: [] });
  });

  it('that are required later: what the Service has stays, and is all it has until both can be had', () => {
    const claims = [owned('192.168.11.1', service('web'))];
    expect(decided({ services: [service('web', REQUIRE)], claims }).on('web')).toMatchObject({
      ok: false,
      addresses: ['192.168.11.1'],
    });
    const { on } = decided({ pools: both, services: [service('web', REQUIRE)], claims });
    expect(on('web')).toMatchObject({ ok: true, addresses: ['192.168.11.1', expect.stringMatching(/^fd00::/)] });
  });

  it('that become one: the other’s address is given up, and another may have it at once', () => {
    const claims = [owned('192.168.11.1', service('web')), owned('fd00::1', service('web'))];
    const next = asking('next', { addresses: 'fd00::1' }, { ipFamilies: ['IPv6'] });
    const { holdings: now, on } = decided({ pools: both, services: [service('web'), next], claims });
    expect(now).toEqual(['192.168.11.1: default/web', 'fd00::1: default/next']);
    expect(on('web')).toMatchObject({ ok: true, released: ['fd00::1'] });
  });

  it('that become two again: the address that was given up comes back', () => {
    const claims = [owned('192.168.11.1', service('web')), retained('fd00::5', 'web')];
    const { on } = decided({ pools: both, services: [service('web', PREFER)], claims });
    expect(on('web')?.addresses).toEqual(['192.168.11.1', 'fd00::5']);
  });

  it('may be of different pools', () => {
    const pools = [pool('web'), pool('six', { ranges: [{ cidr: 'fd00::/125' }] })];
    expect(decided({ pools, services: [service('web', REQUIRE)] }).on('web')).toMatchObject({ ok: true });
  });

  it('that are required do not take what another asks for by name', () => {
    const pools = [pool('web', { ranges: [{ first: '192.168.11.1', last: '192.168.11.4' }, { cidr: 'fd00::1/128' }] })];
    const old = asking('old', { addresses: '192.168.11.1' }, { ...REQUIRE, metadata: { createdMs: 0 } });
    const six = asking('six', { addresses: 'fd00::1' }, { ipFamilies: ['IPv6'] });
    expect(decided({ pools, services: [old, six] }).holdings).toEqual(['fd00::1: default/six']);
  });

  it('that are required take what another asks for by name and cannot have', () => {
    const pools = [pool('web', { ranges: [{ first: '192.168.11.1', last: '192.168.11.4' }, { cidr: 'fd00::1/128' }] })];
    const old = asking('old', { addresses: '192.168.11.1' }, { ...REQUIRE, metadata: { createdMs: 0 } });
    const six = asking('six', { addresses: 'fd00::1', pool: 'x' }, { ipFamilies: ['IPv6'] });
    expect(decided({ pools, services: [old, six] }).holdings).toEqual([
      '192.168.11.1: default/old',
      'fd00::1: default/old',
    ]);
  });
});

describe('pools that change', () => {
  const claims = [owned('192.168.11.2', service('web'))];
  const services = [service('web')];

  it.each([
    ['shrinks', [pool('web', ONE)], 'spec.ranges of pool web do not have it any more'],
    ['excludes it', [pool('web', { exclude: ['192.168.11.2'] })], 'spec.ranges of pool web do not have it any more'],
    ['is gone', [], 'pool web is gone'],
    ['is being deleted', [pool('web', {}, { deleting: true })], 'pool web is being deleted'],
    ['serves nobody any more', [pool('web', { services: undefined })], 'pool web has no spec.services any more'],
  ])('take no address away: a pool that %s', (_how, pools, why) => {
    const { allocation, on } = decided({ pools, claims, services });
    expect(allocation.claims).toEqual([]);
    expect(on('web')).toMatchObject({
      ok: true,
      reason: 'Kept',
      addresses: ['192.168.11.2'],
      message: `it keeps 192.168.11.2 (OutsidePool: ${why})`,
    });
  });

  it.each([
    { namespaces: ['other'] },
    { serviceSelector: { matchLabels: { a: 'b' } } },
    { disabled: true },
    { autoAssign: false },
    { fence: true, namespaces: ['other'] },
    { priority: 5000 },
  ])('take no address away: a pool that would not give it, by %o', (rules) => {
    const pools = [pool('web', { services: rules }), pool('better', { ranges: [{ cidr: '10.0.0.0/24' }] })];
    const { allocation, on } = decided({ pools, claims, services });
    expect(allocation.claims).toEqual([]);
    expect(on('web')).toMatchObject({ ok: true, reason: 'Allocated', addresses: ['192.168.11.2'] });
  });

  it('that do not have an address any more leave it to the one that has it', () => {
    const { allocation, on } = decided({ pools: [pool('web', ONE), pool('next')], claims, services });
    expect(allocation.claims).toMatchObject([{ kind: 'update', spec: { pool: 'next' }, releases: [] }]);
    expect(on('web')).toMatchObject({ reason: 'Allocated', addresses: ['192.168.11.2'] });
  });

  it('that do not have an address any more keep it for nobody', () => {
    const pools = [pool('web', ONE)];
    expect(decided({ pools, claims: [retained('192.168.11.2', 'web')] }).holdings).toEqual([]);
    expect(decided({ pools, claims, services: [gone('web')] }).holdings).toEqual([]);
    const mover = asking('web', { addresses: '192.168.11.1' });
    expect(decided({ pools, claims, services: [mover] }).holdings).toEqual(['192.168.11.1: default/web']);
  });

  it('do not take a Service’s address when it asks for another pool by name: only an address by name does', () => {
    const pools = [pool('web'), pool('other', { ranges: [{ cidr: '10.0.0.0/24' }] })];
    const { allocation, on } = decided({ pools, claims, services: [asking('web', { pool: 'other' })] });
    expect(allocation.claims).toEqual([]);
    expect(on('web')).toMatchObject({ ok: true, reason: 'Kept', addresses: ['192.168.11.2'] });
    expect(on('web')?.message).toBe(
      'it keeps 192.168.11.2 of pool web: annotation keepalived-ingress-vip.io/pool asks for pool other, but an address that a Service has is changed only for one that annotation keepalived-ingress-vip.io/addresses names',
    );
  });
});

describe('which pool', () => {
  const low = pool('low', { ranges: [{ cidr: '10.0.0.0/30' }], services: { priority: 10 } });

  function addressWith(pools: AllocationInput['pools'], web = service('web'), more: Partial<AllocationInput> = {}) {
    return decided({ pools, services: [web], ...more }).on('web');
  }

  it('is that of the lowest priority that has something, whatever it is called and however young', () => {
    const young = pool(
      'z',
      { ranges: [{ cidr: '10.0.0.0/30' }], services: { priority: 10 } },
      { createdMs: NOW_MS + 1 },
    );
    expect(addressWith([pool('web'), young])?.addresses[0]).toMatch(/^10\./);
    const claims = [owned('10.0.0.1', service('b')), owned('10.0.0.2', service('b'))];
    const services = [asking('b', { 'addresses-per-family': '2' }), service('web')];
    expect(addressWith([pool('web'), young], service('web'), { claims, services })?.addresses[0]).toMatch(/^192\./);
  });

  it('is of equal priority the one of which more is free', () => {
    const pools = [pool('web'), pool('z', { ranges: [{ first: '10.0.0.1', last: '10.0.0.2' }] })];
    const claims = [owned('192.168.11.1', service('b'))];
    expect(
      addressWith(pools, service('web'), { claims, services: [service('b'), service('web')] })?.addresses[0],
    ).toMatch(/^10\./);
  });

  it('gives what waits for others only when none of equal priority has anything free', () => {
    const pools = [low, pool('mid', { ranges: [{ first: '10.0.1.1', last: '10.0.1.1' }], services: { priority: 10 } })];
    const claims = [
      claim({ ...retained('10.0.0.1', 'x').spec, pool: 'low' }),
      claim({ ...retained('10.0.0.2', 'y').spec, pool: 'low' }),
    ];
    expect(addressWith([...pools, pool('web')], service('web'), { claims })?.addresses).toEqual(['10.0.1.1']);
    expect(addressWith([low, pool('web')], service('web'), { claims })?.addresses).toEqual(['10.0.0.1']);
  });

  it('is the one that is asked for by name, also one that gives nothing unasked', () => {
    const quiet = pool('quiet', { ranges: [{ cidr: '10.9.0.0/24' }], services: { autoAssign: false } });
    expect(addressWith([pool('web'), quiet])?.addresses[0]).toMatch(/^192\./);
    expect(addressWith([pool('web'), quiet], asking('web', { pool: 'quiet' }))?.addresses[0]).toMatch(/^10\.9\./);
    expect(addressWith([quiet])).toMatchObject({ ok: false, reason: 'NoPool' });
    expect(addressWith([quiet])?.message).toContain('keepalived-ingress-vip.io/pool');
    expect(addressWith([quiet], asking('web', { addresses: '10.9.0.7' }))?.addresses).toEqual(['10.9.0.7']);
  });

  it.each([
    ['none at all', [], {}, 'NoPool', 'no VirtualIPPool has spec.services'],
    ['one that is not there', [pool('web')], { pool: 'x' }, 'NoPool', 'asks for pool x, but there is none'],
    [
      'one without spec.services',
      [pool('web', { services: undefined })],
      { pool: 'web' },
      'NoPool',
      'it serves no Services',
    ],
    [
      'one that is being deleted',
      [pool('web', {}, { deleting: true })],
      { pool: 'web' },
      'NoPool',
      'it serves no Services',
    ],
    [
      'one that gives nothing new',
      [pool('web', { services: { disabled: true } })],
      {},
      'PoolDisabled',
      'spec.services.disabled',
    ],
    [
      'one that gives nothing new, by address',
      [pool('web', { services: { disabled: true } })],
      { addresses: '192.168.11.2' },
      'PoolDisabled',
      'spec.services.disabled',
    ],
    [
      'one for others',
      [pool('web', { services: { namespaces: ['other'] } })],
      {},
      'NotAdmitted',
      'pool web does not serve namespace default',
    ],
    [
      'one for others, by address',
      [pool('web', { services: { namespaces: ['other'] } })],
      { addresses: '192.168.11.2' },
      'NotAdmitted',
      'namespace default',
    ],
    [
      'one for other labels of namespaces',
      [pool('web', { services: { namespaceSelector: { matchLabels: { team: 'b' } } } })],
      {},
      'NotAdmitted',
      'namespace default',
    ],
    [
      'one for other labels',
      [pool('web', { services: { serviceSelector: { matchLabels: { a: 'b' } } } })],
      { pool: 'web' },
      'NotAdmitted',
      'with these labels',
    ],
    [
      'one that is fenced off',
      [pool('web', { services: { fence: true, namespaces: ['other'] } })],
      { addresses: '192.168.11.2' },
      'FencedOff',
      'pool web is fenced off from namespace default; ask for another pool',
    ],
  ])('can be %s', (_which, pools, wishes, reason, message) => {
    const verdict = addressWith(pools, asking('web', wishes));
    expect(verdict).toMatchObject({ addresses: [], ok: false, reason });
    expect(verdict?.message).toContain(message);
  });

  it('is one whose selectors all match', () => {
    const rules = {
      namespaces: ['other', 'default'],
      namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' as const }] },
      serviceSelector: { matchLabels: { tier: 'front' } },
    };
    const web = service('web', { metadata: { labels: { tier: 'front' } } });
    expect(addressWith([pool('web', { services: rules })], web)).toMatchObject({ ok: true });
  });

  it('is, behind a fence, one of the fence alone, whatever is asked for', () => {
    const fence = pool('fence', {
      ranges: [{ cidr: '10.8.0.0/24' }],
      services: { fence: true, namespaces: ['default'] },
    });
    expect(addressWith([pool('web'), fence])?.addresses[0]).toMatch(/^10\.8\./);
    for (const wishes of [{ pool: 'web' }, { addresses: '192.168.11.2' }]) {
      expect(addressWith([pool('web'), fence], asking('web', wishes))).toMatchObject({
        ok: false,
        reason: 'FencedOff',
        message: 'namespace default gets addresses of pool fence only, which is its fence; ask for one of it',
      });
    }
    const stranger = service('web', { metadata: { namespace: 'other' } });
    expect(addressWith([pool('web'), fence], stranger)?.addresses[0]).toMatch(/^192\./);
  });
});

describe('claims', () => {
  it('that are not named after their address are put right', () => {
    const wrong = { ...owned('192.168.11.2', service('web')), metadata: { name: 'wrong', uid: '1' } };
    const { allocation, holdings: now } = decided({ claims: [wrong], services: [publishing('web', '192.168.11.2')] });
    expect(allocation.claims.map(({ kind }) => kind)).toEqual(['create', 'delete']);
    expect(now).toEqual(['192.168.11.2: default/web']);
  });

  it('that have their address in another notation make room for one that is compared', () => {
    const spelt = retained('fd00:0:0:0:0:0:0:3', 'x');
    const web = asking('web', { addresses: 'fd00::3' }, { ipFamilies: ['IPv6'] });
    const { allocation } = decided({ pools: [pool('web', DUAL)], claims: [spelt], services: [web] });
    expect(allocation.claims).toEqual([
      expect.objectContaining({ kind: 'create', spec: expect.objectContaining({ address: 'fd00::3' }) }),
      { kind: 'delete', claim: spelt, releases: [] },
    ]);
  });

  it('come out the same, in whatever order the cluster is told', () => {
    const services = ['a', 'b', 'c', 'd', 'e'].map((name) => asking(name, { share: 'k' }));
    const before = input({
      pools: [pool('web'), pool('b', { ranges: [{ cidr: '10.0.0.0/29' }] })],
      services,
      claims: [owned('192.168.11.2', service('b')), retained('192.168.11.3', 'x'), retained('10.0.0.1', 'y')],
    });
    const turned = {
      ...before,
      pools: before.pools.toReversed(),
      services: services.toReversed(),
      claims: before.claims.toReversed(),
    };
    expect(holdings(applied(turned, allocate(turned)))).toEqual(holdings(applied(before, allocate(before))));
  });
});

describe('5000 Services with 5000 claims', () => {
  const pools = [pool('web', { ranges: [{ cidr: '10.0.0.0/19' }] }), pool('b', { ranges: [{ cidr: '10.1.0.0/19' }] })];
  const services = Array.from({ length: 5000 }, (_, index) => service(`svc-${index}`));
  const first = input({ pools, services });

  it('are decided on in far less than the time in which a hang would show, new or not', () => {
    const beganMs = performance.now();
    const all = applied(first, allocate(first));
    const givenMs = performance.now();
    expect(allocate(all).claims).toEqual([]);
    const doneMs = performance.now();
    expect(new Set(all.claims.map(({ spec }) => spec.address)).size).toBe(5000);
    expect(givenMs - beganMs).toBeLessThan(10_000);
    expect(doneMs - givenMs).toBeLessThan(5000);
  });
});
