import { describe, expect, it } from 'vitest';
import { type Clients, countOf, endpointOf } from './endpoint.ts';
import { partsOf } from './list.ts';
import { Others } from './others.ts';

const A = 'aaaaaaaaaaaaaaaa';
const B = 'bbbbbbbbbbbbbbbb';
/** An address that lists come from. */
const FROM = '192.0.2.9';
const SERVICE = endpointOf('192.0.2.100', 80);

function clients(...ports: number[]): Clients {
  return new Map([[SERVICE, new Set(ports.map((port) => endpointOf('192.0.2.1', port)))]]);
}

function listOf(session: string, counter: number, all: Clients, part = 0, of = 1) {
  return { kind: 'list', session, counter, part, of, content: partsOf(all, 1).join('') } as const;
}

function others(mostBytes?: number): Others {
  let numbers = 0;
  return new Others({
    random: () => `${++numbers}`.padStart(16, '0'),
    ...(mostBytes === undefined ? {} : { mostBytes }),
  });
}

function admit(known: Others, session: string, counter = 1, nowMs = 0): void {
  const nonce = known.list(listOf(session, counter, clients()), nowMs, FROM);
  if (nonce === undefined) throw new Error('it was not challenged');
  known.answer({ kind: 'answer', session, counter: counter + 1, nonce }, nowMs);
}

describe('what other nodes told', () => {
  it('is taken from who has answered a challenge', () => {
    const known = others();
    admit(known, A);
    known.list(listOf(A, 3, clients(1, 2)), 0, FROM);
    expect(known.clients).toEqual(clients(1, 2));
    expect(known.sessions).toBe(1);
  });

  it('is not taken from who has not, nor has answered another’s', () => {
    const known = others();
    const nonce = known.list(listOf(A, 1, clients(1)), 0, FROM);
    known.answer({ kind: 'answer', session: B, counter: 2, nonce: nonce ?? '' }, 0);
    known.answer({ kind: 'answer', session: A, counter: 2, nonce: 'ffffffffffffffff' }, 0);
    known.list(listOf(A, 3, clients(1)), 0, FROM);
    expect(known.clients).toEqual(new Map());
  });

  it('is taken in the order in which it was sent: what is sent a second time is not', () => {
    const known = others();
    admit(known, A);
    known.list(listOf(A, 5, clients(1)), 0, FROM);
    known.list(listOf(A, 6, clients(2)), 0, FROM);
    known.list(listOf(A, 5, clients(1)), 0, FROM);
    known.list(listOf(A, 6, clients(3)), 0, FROM);
    expect(known.clients).toEqual(clients(2));
  });

  it('cannot be had from a record of an earlier process: an answer is to one challenge', () => {
    const before = others();
    const nonce = before.list(listOf(A, 1, clients(1)), 0, FROM) ?? '';
    const anew = new Others({ random: () => 'cccccccccccccccc' });
    anew.list(listOf(A, 1, clients(1)), 0, FROM);
    anew.answer({ kind: 'answer', session: A, counter: 2, nonce }, 0);
    anew.list(listOf(A, 3, clients(1)), 0, FROM);
    expect(anew.clients).toEqual(new Map());
  });

  it('challenges a session again only after a while, with the same number', () => {
    const known = others();
    const nonce = known.list(listOf(A, 1, clients()), 0, FROM);
    expect(known.list(listOf(A, 2, clients()), 999, FROM)).toBeUndefined();
    expect(known.list(listOf(A, 3, clients()), 1000, FROM)).toBe(nonce);
  });

  it('is one part beside the other, and all anew when a list is divided otherwise', () => {
    const known = others();
    admit(known, A);
    known.list(listOf(A, 3, clients(1), 0, 2), 0, FROM);
    known.list(listOf(A, 4, clients(2), 1, 2), 0, FROM);
    expect(known.clients).toEqual(clients(1, 2));
    known.list(listOf(A, 5, clients(), 1, 2), 0, FROM);
    expect(known.clients).toEqual(clients(1));
    known.list(listOf(A, 6, clients(4), 0, 1), 0, FROM);
    expect(known.clients).toEqual(clients(4));
  });

  it('leaves out what is no part of a list', () => {
    const known = others();
    admit(known, A);
    known.list(listOf(A, 3, clients(1), 2, 2), 0, FROM);
    known.list(listOf(A, 4, clients(1), 0, 0), 0, FROM);
    known.list({ ...listOf(A, 5, clients(1), 0, 1), content: '\x05' }, 0, FROM);
    expect(known.clients).toEqual(new Map());
  });

  it('is of all sessions together, and of some addresses where that is asked', () => {
    const known = others();
    admit(known, A);
    admit(known, B);
    known.list(listOf(A, 3, clients(1)), 0, FROM);
    known.list(listOf(B, 3, clients(1, 2)), 0, FROM);
    expect(known.clients).toEqual(clients(1, 2));
    expect(known.clientsOf(() => false)).toEqual(new Map());
  });

  it('has the address of the node that told last of clients of an address', () => {
    const known = others();
    for (const session of [A, B]) admit(known, session);
    const isService = (address: string) => address === SERVICE.slice(0, -2);
    expect(known.lastToTellOf(isService)).toBeUndefined();
    known.list(listOf(A, 3, clients(1)), 0, '192.0.2.1');
    known.list(listOf(B, 3, clients()), 0, '192.0.2.2');
    expect([known.lastToTellOf(isService), known.lastToTellOf(() => false)]).toEqual(['192.0.2.1', undefined]);
    known.list(listOf(B, 4, clients(2)), 0, 'fe80::2%eth0');
    expect(known.lastToTellOf(isService)).toBe('fe80::2');
  });

  it('outlives who told it by ten minutes, and no more', () => {
    const known = others();
    admit(known, A);
    admit(known, B);
    known.list(listOf(A, 3, clients(1)), 0, FROM);
    known.list(listOf(B, 3, clients(2)), 600_000, FROM);
    expect(known.clients).toEqual(clients(1, 2));
    known.list(listOf(B, 4, clients(2)), 600_001, FROM);
    expect(known.clients).toEqual(clients(2));
  });

  it('has bounds: sessions that were heard longest ago go first', () => {
    const known = others(800);
    for (const session of [A, B]) admit(known, session);
    const many = clients(...Array.from({ length: 80 }, (_, index) => index + 1));
    known.list(listOf(A, 3, many), 1, FROM);
    expect(countOf(known.clients)).toBe(80);
    known.list(listOf(B, 3, many), 2, FROM);
    expect(known.sessions).toBe(1);
    const crowd = others();
    for (let index = 0; index < 600; index++) admit(crowd, index.toString(16).padStart(16, '0'));
    expect(crowd.sessions).toBe(512);
  });
});
