import { describe, expect, it } from 'vitest';
import type { ObservedServer } from './observed.ts';
import { type DesiredServers, drainingKeys, reconcile, since, unreadyOf } from './reconcile.ts';
import { type Section, serversOf } from './sections.ts';

const sections: readonly Section[] = [
  { name: 'api', targetPort: null, check: 'kubernetes' },
  { name: 'api-unchecked', targetPort: null, check: null },
];

function desired(...addresses: string[]): DesiredServers {
  const backends = addresses.map((address) => ({ address, port: 6443 }));
  return {
    sections,
    servers: serversOf(sections, backends),
    parametersOf: ({ check }) => (check === null ? '' : 'check'),
  };
}

function observed(name: string, given: Partial<ObservedServer> = {}): ObservedServer[] {
  const state = { up: true, failing: false, recovering: false, admin: 'ready' } as const;
  const server = { name, address: name, port: 6443, ...state, ...given };
  return ['api', 'api-unchecked'].map((section) => ({ section, ...server }));
}

const none = { unready: new Set<string>(), expired: new Set<string>() };

function commands(...given: Parameters<typeof reconcile>): string[] {
  return reconcile(...given).map((change) => change.commands);
}

describe('what HAProxy is told', () => {
  it('is nothing when it has what it shall have', () => {
    expect(commands(desired('192.0.2.1'), observed('192.0.2.1'), none)).toEqual([]);
  });

  it('is to add what is missing, checked where its section is, and ready at once', () => {
    expect(commands(desired('192.0.2.1', 'fd00::2'), observed('192.0.2.1'), none)).toEqual([
      'add server api/fd00::2 [fd00::2]:6443 check; enable health api/fd00::2; set server api/fd00::2 state ready',
      'add server api-unchecked/fd00::2 [fd00::2]:6443; set server api-unchecked/fd00::2 state ready',
    ]);
  });

  it('is where a server is that moved to another port', () => {
    expect(commands(desired('192.0.2.1'), observed('192.0.2.1', { port: 7443 }), none)).toEqual([
      'set server api/192.0.2.1 addr 192.0.2.1 port 6443',
      'set server api-unchecked/192.0.2.1 addr 192.0.2.1 port 6443',
    ]);
  });

  it('is to give nothing new to an API server that is not ready, and to go on with it when it is again', () => {
    const unready = { ...none, unready: new Set(['192.0.2.1']) };
    expect(commands(desired('192.0.2.1'), observed('192.0.2.1'), unready)).toEqual([
      'set server api/192.0.2.1 state drain',
    ]);
    expect(commands(desired('192.0.2.1'), observed('192.0.2.1', { admin: 'drain' }), none)).toEqual([
      'set server api/192.0.2.1 state ready',
      'set server api-unchecked/192.0.2.1 state ready',
    ]);
  });

  it('is to take one back from maintenance that is desired again', () => {
    expect(commands(desired('192.0.2.1'), observed('192.0.2.1', { admin: 'maint' }), none)[0]).toBe(
      'set server api/192.0.2.1 state ready',
    );
  });

  it('is to let one that is not desired go in steps: nothing new, after its time nothing at all, then forgotten', () => {
    const gone = desired();
    expect(commands(gone, observed('192.0.2.1'), none)[0]).toBe('set server api/192.0.2.1 state drain');
    expect(commands(gone, observed('192.0.2.1', { admin: 'drain' }), none)).toEqual([]);
    const expired = { ...none, expired: new Set(['api/192.0.2.1']) };
    expect(commands(gone, observed('192.0.2.1', { admin: 'drain' }), expired)).toEqual([
      'set server api/192.0.2.1 state maint',
    ]);
    expect(commands(gone, observed('192.0.2.1', { admin: 'maint' }), none)[0]).toBe(
      'shutdown sessions server api/192.0.2.1; del server api/192.0.2.1',
    );
  });

  it('is nothing of sections that are not the sidecar’s', () => {
    const other = observed('192.0.2.1').map((server) => ({ ...server, section: 'other' }));
    expect(commands(desired(), other, none)).toEqual([]);
    expect(drainingKeys(desired(), other, new Set())).toEqual(new Set());
  });
});

describe('the API servers that take nothing new', () => {
  const three = [...observed('192.0.2.1'), ...observed('192.0.2.2'), ...observed('192.0.2.3')];
  const notReady =
    (...names: string[]) =>
    (name: string) =>
      names.includes(name) ? false : undefined;

  it('are those that say that they are not ready', () => {
    expect(unreadyOf(three, notReady('192.0.2.2'))).toEqual(new Set(['192.0.2.2']));
  });

  it('are none when no other would be left', () => {
    expect(unreadyOf(three, notReady('192.0.2.1', '192.0.2.2', '192.0.2.3'))).toEqual(new Set());
    const last = [...observed('192.0.2.1'), ...observed('192.0.2.2', { up: false })];
    expect(unreadyOf(last, notReady('192.0.2.1'))).toEqual(new Set());
  });

  it('are also those that are not desired any more, each since it was first seen so', () => {
    const draining = drainingKeys(desired('192.0.2.1', '192.0.2.2'), three, new Set(['192.0.2.2']));
    expect(draining).toEqual(new Set(['api/192.0.2.2', 'api/192.0.2.3', 'api-unchecked/192.0.2.3']));
    const first = since(new Map(), new Set(['a']), 100);
    expect(since(first, new Set(['a', 'b']), 200)).toEqual(
      new Map([
        ['a', 100],
        ['b', 200],
      ]),
    );
    expect(since(first, new Set(['b']), 200).has('a')).toBe(false);
  });
});
