import { describe, expect, it } from 'vitest';
import { ServicesBook } from './services-book.ts';

function book() {
  return new ServicesBook(['a', 'b'], (address) => address.startsWith('192.0.2.2'));
}

function published(addresses: Readonly<Record<string, readonly string[]>>) {
  return new Map(Object.entries(addresses));
}

describe('what is promised of Services', () => {
  it('is that one that lives keeps its address', () => {
    const services = book();
    services.note({ atMs: 0, service: 'create', name: 'a' });
    expect(services.judge(published({ a: ['192.0.2.1'] }))).toEqual([]);
    services.note({ atMs: 0, pool: 'widen' });
    services.note({ atMs: 0, pool: 'narrow' });
    expect(services.judge(published({ a: ['192.0.2.9'] }))).toEqual([
      'Service a has 192.0.2.9, and had 192.0.2.1 before',
    ]);
    expect(services.judge(published({}))).toEqual(['Service a has 0 addresses']);
  });

  it('is that one that is made anew, or comes back, gets its address back', () => {
    const services = book();
    services.note({ atMs: 0, service: 'create', name: 'a' });
    services.judge(published({ a: ['192.0.2.1'] }));
    services.note({ atMs: 0, service: 'renew', name: 'a' });
    services.note({ atMs: 0, service: 'to ClusterIP', name: 'a' });
    expect(services.judge(published({ a: ['192.0.2.1'] }))).toEqual([
      'Service a is no load balancer any more, and has 192.0.2.1',
    ]);
    services.note({ atMs: 0, service: 'to balancer', name: 'a' });
    expect([...services.balancers]).toEqual([['a', '192.0.2.1']]);
    services.note({ atMs: 0, service: 'delete', name: 'a' });
    services.note({ atMs: 0, service: 'create', name: 'a' });
    expect([...services.balancers]).toEqual([['a', '192.0.2.1']]);
  });

  it('is that no two have one address', () => {
    const services = book();
    for (const name of ['a', 'b']) services.note({ atMs: 0, service: 'create', name });
    expect(services.judge(published({ a: ['192.0.2.1'], b: ['192.0.2.1'] }))).toEqual([
      "192.0.2.1 of Service b is another's, too",
    ]);
  });

  it('is nothing about an address that its pool has no more once its Service went', () => {
    const services = book();
    services.note({ atMs: 0, pool: 'widen' });
    services.note({ atMs: 0, service: 'create', name: 'a' });
    services.note({ atMs: 0, service: 'create', name: 'b' });
    services.judge(published({ a: ['192.0.2.21'], b: ['192.0.2.22'] }));
    services.note({ atMs: 0, service: 'delete', name: 'a' });
    services.note({ atMs: 0, pool: 'narrow' });
    services.note({ atMs: 0, service: 'create', name: 'a' });
    expect([...services.balancers]).toEqual([
      ['a', undefined],
      ['b', '192.0.2.22'],
    ]);
    services.note({ atMs: 0, service: 'renew', name: 'b' });
    expect(services.balancers.get('b')).toBeUndefined();
  });
});
