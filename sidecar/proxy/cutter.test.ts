import { describe, expect, it } from 'vitest';
import { type CutterMemory, decideCuts, downServers, establishedOf, strandedOf } from './cutter.ts';
import type { ObservedServer, ObservedSession } from './observed.ts';
import type { Section } from './sections.ts';

const sections: readonly Section[] = [
  { name: 'api', targetPort: null, check: 'kubernetes' },
  { name: 'api-unchecked', targetPort: null, check: null },
];

function server(name: string, given: Partial<ObservedServer> = {}): ObservedServer {
  return {
    section: 'api',
    name,
    address: name,
    port: 6443,
    up: true,
    failing: false,
    recovering: false,
    admin: 'ready',
    ...given,
  };
}

const NOTHING: CutterMemory = new Map();
const at = (nowMs: number, ...refusing: string[]) => {
  return { alive: new Set<string>(), refusing: new Set(refusing), shutdownAfterMs: 10_000, nowMs };
};
const other = server('b');
const down = server('a', { up: false });
const servers = ['api/a', 'api-unchecked/a'];

describe('the sessions of a server that is down', () => {
  it('are closed at once where they are connected, and all when none can be connecting any more', () => {
    const first = decideCuts(sections, [down, other], NOTHING, at(1000));
    expect(first.cuts).toEqual([{ servers, which: 'established' }]);
    const second = decideCuts(sections, [down, other], first.memory, at(1349));
    expect(second.cuts).toEqual([]);
    const third = decideCuts(sections, [down, other], second.memory, at(1350));
    expect(third.cuts).toEqual([{ servers, which: 'all' }]);
    expect(decideCuts(sections, [down, other], third.memory, at(5000)).cuts).toEqual([]);
  });

  it('are left alone while no other server could take them, and closed as soon as one can', () => {
    for (const nobody of [
      [],
      [server('b', { up: false })],
      [server('b', { admin: 'drain' })],
      [server('b', { failing: true })],
    ]) {
      const alone = decideCuts(sections, [down, ...nobody], NOTHING, at(1000));
      expect(alone.cuts).toEqual([]);
      expect(decideCuts(sections, [down, other], alone.memory, at(9000)).cuts).toEqual([{ servers, which: 'all' }]);
    }
  });

  it('are left to it for its time while it refuses new ones: it may be ending in order', () => {
    const first = decideCuts(sections, [down, other], NOTHING, at(1000, 'api/a'));
    expect(first.cuts).toEqual([]);
    const second = decideCuts(sections, [down, other], first.memory, at(10_999, 'api/a'));
    expect(second.cuts).toEqual([]);
    expect(decideCuts(sections, [down, other], second.memory, at(11_000, 'api/a')).cuts).toEqual([
      { servers, which: 'all' },
    ]);
  });

  it('are closed at once when it refuses no more and is silent', () => {
    const { memory } = decideCuts(sections, [down, other], NOTHING, at(1000, 'api/a'));
    expect(decideCuts(sections, [down, other], memory, at(3000)).cuts).toEqual([{ servers, which: 'all' }]);
  });

  it('are left to it while it is alive, but not for ever', () => {
    const alive = new Set(['api/a']);
    const first = decideCuts(sections, [down, other], NOTHING, { ...at(1000), alive });
    expect(first.cuts).toEqual([]);
    const second = decideCuts(sections, [down, other], first.memory, { ...at(2999), alive });
    expect(second.cuts).toEqual([]);
    expect(decideCuts(sections, [down, other], second.memory, at(2999)).cuts).toEqual([{ servers, which: 'all' }]);
    expect(decideCuts(sections, [down, other], second.memory, { ...at(3000), alive }).cuts).toEqual([
      { servers, which: 'all' },
    ]);
  });

  it('are closed anew when it goes down again', () => {
    const { memory } = decideCuts(sections, [down, other], NOTHING, at(1000));
    const up = decideCuts(sections, [server('a'), other], memory, at(1100));
    expect(up).toEqual({ cuts: [], memory: new Map() });
    expect(decideCuts(sections, [down, other], up.memory, at(1200)).cuts).toEqual([{ servers, which: 'established' }]);
  });

  it('are no matter of servers that are not checked, or that were taken out on purpose', () => {
    const twin = server('a', { section: 'api-unchecked', up: false });
    expect(
      decideCuts(sections, [twin, other, server('c', { up: false, admin: 'maint' })], NOTHING, at(0)).cuts,
    ).toEqual([]);
  });

  it('are those of the server and of its unchecked twin; who is still connecting goes on to another one', () => {
    const session = (id: string, given: Partial<ObservedSession> = {}): ObservedSession => {
      return { id, section: 'api', server: 'a', ageSeconds: 1, serverSide: 'established', unanswered: false, ...given };
    };
    const sessions = [
      session('1'),
      session('2', { serverSide: 'connecting' }),
      session('3', { server: 'b' }),
      session('4', { section: 'api-unchecked' }),
      session('5', { serverSide: 'closed' }),
    ];
    expect(establishedOf({ servers: ['api/a', 'api-unchecked/a'], which: 'established' }, sessions)).toEqual([
      '1',
      '4',
    ]);
  });
});

describe('a server that is down', () => {
  it('is asked whether it refuses when another one could take its clients', () => {
    expect(downServers(sections, [down, other])).toEqual([down]);
    expect(downServers(sections, [down, server('b', { up: false })])).toEqual([]);
    expect(downServers(sections, [server('a', { up: false, admin: 'maint' }), other])).toEqual([]);
  });
});

describe('a session that HAProxy forgot', () => {
  it('is one whose server’s side was over at two looks in a row', () => {
    const over: ObservedSession = {
      ...{ id: '1', section: 'api', server: 'a', ageSeconds: 1 },
      ...{ serverSide: 'closed', unanswered: false },
    };
    const first = strandedOf([over, { ...over, id: '2', serverSide: 'established' }], new Set());
    expect(first.stranded).toEqual([]);
    expect(strandedOf([over], first.over).stranded).toEqual(['1']);
    expect(strandedOf([], first.over)).toEqual({ stranded: [], over: new Set() });
  });
});
