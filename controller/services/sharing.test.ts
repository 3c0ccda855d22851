import { describe, expect, it } from 'vitest';
import { allocate } from './allocate.ts';
import {
  applied,
  asking,
  holdings,
  input,
  NOW_MS,
  owned,
  pool,
  retained,
  service,
  verdictOn,
} from './testing/scenes.ts';
import type { LoadBalancerService } from './types.ts';

type Changes = Parameters<typeof asking>[2];

function sharer(name: string, port: number, changes: Changes = {}, wishes: Readonly<Record<string, string>> = {}) {
  return asking(name, { share: 'k', ...wishes }, { ports: [{ protocol: 'TCP', port }], ...changes });
}

function decided(services: readonly LoadBalancerService[], more: Partial<ReturnType<typeof input>> = {}) {
  const before = input({ services, ...more });
  const allocation = allocate(before);
  const after = applied(before, allocation);
  return { allocation, after, holdings: holdings(after), on: (name: string) => verdictOn(allocation, name) };
}

const has = owned('192.168.11.2', sharer('a', 80));
const asked = { addresses: '192.168.11.2' };

describe('an address that is shared', () => {
  it('is had by Services of one key, with different ports', () => {
    const { holdings: now, on } = decided([sharer('a', 80), sharer('b', 443), sharer('c', 80)], { claims: [has] });
    expect(now).toContain('192.168.11.2: default/a default/b');
    expect(on('c')).toMatchObject({ ok: true });
  });

  it('has the key of who has it first, and is asked for again by it', () => {
    const first = decided([sharer('a', 80)]);
    expect(first.after.claims[0]?.spec.sharingKey).toBe('k');
    const address = first.after.claims[0]?.spec.address;
    const second = decided([sharer('a', 80), sharer('b', 443)], { claims: first.after.claims });
    expect(second.allocation.claims).toMatchObject([
      { kind: 'update', spec: { address, owners: [{ name: 'a' }, { name: 'b' }] }, releases: [] },
    ]);
  });

  it('gets the key that its Service begins to share it by', () => {
    const { allocation } = decided([sharer('a', 80)], { claims: [has] });
    expect(allocation.claims).toMatchObject([{ kind: 'update', spec: { sharingKey: 'k' }, releases: [] }]);
    const unread = asking('a', { share: 'k', addresses: 'nonsense' });
    expect(decided([unread], { claims: [has] }).allocation.claims).toEqual([]);
  });

  it('is not compared with all that have the same port: thousands may have one key by mistake', () => {
    const [count, wide] = [200, { ranges: [{ cidr: '10.0.0.0/24' }] }];
    let asked = 0;
    const services = Array.from({ length: count }, (_, index) => {
      const each = sharer(`web-${index}`, 80);
      const get = () => {
        asked++;
        return each.ports;
      };
      return Object.defineProperty({ ...each }, 'ports', { get });
    });
    const { after } = decided(services, { pools: [pool('web', wide)] });
    expect(after.claims).toHaveLength(count);
    expect(asked).toBeLessThan(10 * count);
  });

  it('is still had by the rest when one goes, who then finds it again', () => {
    const claims = [owned('192.168.11.2', sharer('a', 80), sharer('b', 443))];
    const first = decided([sharer('b', 443)], { claims });
    expect(first.holdings).toEqual(['192.168.11.2: default/b']);
    const again = decided([sharer('a', 80), sharer('b', 443)], { claims: first.after.claims });
    expect(again.holdings).toEqual(['192.168.11.2: default/b default/a']);
  });

  it('waits for the first of those who go together, and for whoever has its key in the namespace', () => {
    const claims = [{ ...owned('192.168.11.2', sharer('a', 80), sharer('b', 443)) }].map((claim) => ({
      ...claim,
      spec: { ...claim.spec, sharingKey: 'k' },
    }));
    const first = decided([], { claims });
    expect(first.holdings).toEqual(['192.168.11.2: for default/a']);
    expect(decided([sharer('c', 80)], { claims: first.after.claims }).holdings).toEqual(['192.168.11.2: default/c']);
    const stranger = sharer('c', 80, { metadata: { namespace: 'other' } });
    expect(decided([stranger], { claims: first.after.claims }).holdings).toContain('192.168.11.2: for default/a');
  });

  it('is not given to a Service of the key that has one of its own waiting', () => {
    const claims = [has, retained('192.168.11.4', 'b')];
    expect(decided([sharer('a', 80), sharer('b', 443)], { claims }).holdings).toContain('192.168.11.4: default/b');
  });

  it.each<[string, LoadBalancerService, RegExp]>([
    [
      'another has no key',
      asking('b', asked, { ports: [{ protocol: 'TCP', port: 443 }] }),
      /^192\.168\.11\.2 is had by/,
    ],
    [
      'the keys differ',
      sharer('b', 443, {}, { share: 'l', ...asked }),
      /which shares by another key, "k"; give both the same annotation/,
    ],
    ['the ports meet', sharer('b', 80, {}, asked), /both have port TCP 80; give one of them another/],
    [
      'they are of two namespaces',
      sharer('b', 443, { metadata: { namespace: 'other' } }, asked),
      /in another namespace/,
    ],
  ])('is refused when %s', (_why, b, message) => {
    const { on } = decided([sharer('a', 80), b], { claims: [has] });
    expect(on('b')).toMatchObject({ addresses: [], ok: false });
    expect(on('b')?.reason).toMatch(/^(AddressTaken|SharingRefused)$/);
    expect(on('b')?.message).toMatch(message);
  });

  it('is had by Services of one port when the protocols differ', () => {
    const udp = sharer('b', 80, { ports: [{ protocol: 'UDP', port: 80 }] }, asked);
    expect(decided([sharer('a', 80), udp], { claims: [has] }).on('b')).toMatchObject({ ok: true });
  });

  it('is as far as the pool lets it', () => {
    const services = [sharer('a', 80), sharer('b', 443, { metadata: { namespace: 'other' } }, asked)];
    const of = (sharing: 'Never' | 'AnyNamespace', list = services) =>
      decided(list, { pools: [pool('web', { services: { sharing } })], claims: [has] }).on('b');
    expect(of('AnyNamespace')).toMatchObject({ ok: true, addresses: ['192.168.11.2'] });
    expect(of('Never', [sharer('a', 80), sharer('b', 443, {}, asked)])).toMatchObject({
      ok: false,
      reason: 'SharingRefused',
      message:
        '192.168.11.2 is had by Service default/a: pool web has spec.services.sharing Never; ask for another address',
    });
  });

  it('is by Cilium’s key only with namespaces that both name', () => {
    const cilium = (name: string, namespace: string, port: number, cross: string) =>
      service(name, {
        metadata: { namespace },
        annotations: {
          'lbipam.cilium.io/sharing-key': 'k',
          'lbipam.cilium.io/sharing-cross-namespace': cross,
          'lbipam.cilium.io/ips': '192.168.11.2',
        },
        ports: [{ protocol: 'TCP', port }],
      });
    const pools = [pool('web', { services: { sharing: 'AnyNamespace' } })];
    const on = (a: string, b: string) =>
      decided([cilium('a', 'default', 80, a), cilium('b', 'other', 443, b)], { pools, claims: [has] }).on('b');
    expect(on('other', 'default')).toMatchObject({ ok: true });
    expect(on('*', '*')).toMatchObject({ ok: true });
    expect(on('', 'default')).toMatchObject({ ok: false, reason: 'SharingRefused' });
    expect(on('other', '')?.message).toContain('lbipam.cilium.io/sharing-cross-namespace');
  });

  it('stays with those who have it when they could not share any more, and the later one is told', () => {
    const claims = [owned('192.168.11.2', sharer('a', 80), sharer('b', 443))];
    const { allocation, on } = decided([sharer('b', 80), sharer('a', 80)], { claims });
    expect(allocation.claims.flatMap(({ releases }) => releases)).toEqual([]);
    expect(on('a')).toMatchObject({ ok: true, addresses: ['192.168.11.2'] });
    expect(on('b')).toMatchObject({ ok: false, reason: 'SharingRefused', addresses: ['192.168.11.2'] });
    const keyless = decided([sharer('a', 80), asking('b', {}, { ports: [{ protocol: 'TCP', port: 443 }] })], {
      claims,
    });
    expect(keyless.on('b')).toMatchObject({ ok: false, reason: 'SharingRefused', addresses: ['192.168.11.2'] });
  });

  it('is for 64 Services at most', () => {
    const many = Array.from({ length: 65 }, (_, index) =>
      sharer(`s${String(index).padStart(2, '0')}`, 1000 + index, { metadata: { createdMs: NOW_MS + index } }, asked),
    );
    const { on, after } = decided(many);
    expect(after.claims[0]?.spec.owners).toHaveLength(64);
    expect(on('s64')).toMatchObject({ ok: false, reason: 'SharingRefused' });
  });

  it('is not taken by key where its pool gives nothing new', () => {
    const pools = [pool('web', { services: { disabled: true } }), pool('b', { ranges: [{ cidr: '10.0.0.0/29' }] })];
    const { on } = decided([sharer('a', 80), sharer('b', 443)], { pools, claims: [has] });
    expect(on('b')?.addresses[0]).toMatch(/^10\./);
  });

  it('that was given up in the same decision is not shared by its old key', () => {
    const pools = [
      pool('web', { ranges: [{ first: '192.168.11.2', last: '192.168.11.2' }], services: { retainSeconds: 0 } }),
    ];
    const gone = sharer('a', 80, { ipFamilies: ['IPv6'] });
    const keyless = service('b', { metadata: { createdMs: 0 } });
    const { holdings: now } = decided([gone, keyless, sharer('c', 443)], { pools, claims: [has] });
    expect(now).toEqual(['192.168.11.2: default/b']);
  });
});
