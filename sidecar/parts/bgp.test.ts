import { pino } from 'pino';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { BgpReport, BgpSession } from '../runtime/bgp-status.ts';
import { Bgp, isUp, silenceOf } from './bgp.ts';

const UP: BgpSession = {
  ...{ peer: '192.0.2.251', state: 'Established', announced: 2 },
  ...{ lastError: undefined, waitsAfterError: false },
};
const DOWN: BgpSession = { ...UP, state: 'Active', announced: undefined, lastError: 'Socket: Connection refused' };

function report(change: Partial<BgpReport> = {}): BgpReport {
  return { atSeconds: 100, state: 'running', messages: [], sessions: [UP], bfdSessions: [], ...change };
}

describe('a session', () => {
  it.each([
    ['is up when it is established', UP, true],
    ['is down when it is not', DOWN, false],
    ['is down while BIRD waits after an error', { ...DOWN, state: 'Idle', waitsAfterError: true }, false],
    ['is down where its password cannot be used', { ...UP, state: 'Down', announced: undefined }, false],
    ['is neither where the router is on none of the node’s networks', { ...UP, state: 'Idle' }, undefined],
  ])('%s', (_, session, expected) => {
    expect(isUp(session)).toBe(expected);
  });
});

describe('the silence of BIRD', () => {
  it.each([
    ['none while it answers', report(), 119, null],
    ['told when nothing came for a while', report(), 131, /^nothing is known of BIRD since 31 s/],
    ['told before the first word', undefined, 100, /^BIRD has told nothing yet/],
    ['told when it does not answer its supervisor', report({ state: 'silent' }), 101, /^BIRD does not answer/],
    ['told while it has no configuration', report({ state: 'waiting' }), 101, /^BIRD is not started/],
    ['told after its end', report({ state: 'ended' }), 500, /^BIRD was asked to end/],
  ])('is %s', (_, told, nowSeconds, expected) => {
    const said = silenceOf(told, nowSeconds);
    if (expected === null) expect(said).toBeNull();
    else expect(said).toMatch(expected);
  });
});

describe('what is shown of sessions', () => {
  interface Told {
    readonly wanted?: boolean;
    readonly nowSeconds?: number;
    /** What the other BIRD told. */
    readonly bfd?: BgpReport;
  }

  function part(reports: (BgpReport | undefined)[], { wanted = true, nowSeconds = 101, bfd }: Told = {}) {
    return new Bgp({
      files: { bgp: { read: async () => reports.shift() }, bfd: { read: async () => bfd } },
      wanted: () => wanted,
      uptimeSeconds: () => nowSeconds,
      onFamilies: () => undefined,
      log: pino({ level: 'silent' }),
    });
  }

  it('is nothing where nothing is announced', async () => {
    const bgp = part([report()], { wanted: false });
    await bgp.look();
    expect(bgp.view).toBeNull();
  });

  it('is what BIRD said last, and since when it is so', async () => {
    const bgp = part([report(), report({ sessions: [{ ...UP, announced: 3 }] }), report({ sessions: [DOWN] })]);
    await bgp.look();
    const first = bgp.view?.sessions[0];
    expect(first).toMatchObject({ peer: '192.0.2.251', up: true, announced: 2, reason: null });
    await bgp.look();
    expect(bgp.view?.sessions[0]).toMatchObject({ announced: 3, sinceMs: first?.sinceMs });
    await bgp.look();
    expect(bgp.view?.sessions[0]).toMatchObject({ up: false, state: 'Active', reason: 'Socket: Connection refused' });
  });

  it.each([
    ['true where the router answers', [{ peer: UP.peer, up: true }], {}, true],
    ['false where it does not', [{ peer: UP.peer, up: false }], {}, false],
    ['nothing where that router is not asked', [{ peer: '192.0.2.252', up: true }], {}, undefined],
    ['nothing while the BIRD that speaks it is silent', [{ peer: UP.peer, up: true }], { state: 'silent' }, undefined],
    ['nothing when that was long ago', [{ peer: UP.peer, up: true }], { atSeconds: 50 }, undefined],
  ])('is of BFD %s', async (_, bfdSessions, change, expected) => {
    const bgp = part([report()], { bfd: report({ sessions: [], bfdSessions, ...change }) });
    await bgp.look();
    expect(bgp.view?.sessions).toMatchObject([{ peer: UP.peer, up: true, bfd: expected }]);
  });

  it('is that nothing is known while BIRD does not answer, of each router that was known', async () => {
    const bgp = part([report(), report({ state: 'silent', sessions: [], messages: ['and that'] }), report()]);
    await bgp.look();
    await bgp.look();
    expect(bgp.view).toEqual({
      answers: false,
      problems: ['BIRD does not answer; its log says why (container bgp)', 'and that'],
      sessions: [
        {
          ...{ peer: '192.0.2.251', state: 'unknown', up: undefined },
          ...{ sinceMs: undefined, announced: undefined, bfd: undefined, reason: null },
        },
      ],
    });
    await bgp.look();
    expect(bgp.view).toMatchObject({ answers: true, problems: [], sessions: [{ up: true }] });
  });
});

describe('the families that a node can announce', () => {
  const UP6: BgpSession = { ...UP, peer: '2001:db8::251' };
  let nowSeconds: number;
  let told: BgpReport | undefined;
  const onFamilies = vi.fn();

  function part(wanted = true): Bgp {
    const files = { bgp: { read: async () => told }, bfd: { read: async () => undefined } };
    const log = pino({ level: 'silent' });
    return new Bgp({ files, wanted: () => wanted, uptimeSeconds: () => nowSeconds, onFamilies, log });
  }

  /** Looks once more, two seconds later, at what BIRD said just then. */
  async function look(bgp: Bgp, change: Partial<BgpReport>): Promise<void> {
    nowSeconds += 2;
    told = report({ atSeconds: nowSeconds, ...change });
    await bgp.look();
  }

  beforeEach(() => {
    onFamilies.mockClear();
    nowSeconds = 100;
  });

  it('are those of sessions that are up', async () => {
    const bgp = part();
    expect(bgp.families).toEqual([]);
    await look(bgp, { sessions: [DOWN, UP6] });
    expect(bgp.families).toEqual(['IPv6']);
    await look(bgp, { sessions: [UP, UP6] });
    expect(bgp.families).toEqual(['IPv4', 'IPv6']);
    expect(onFamilies).toHaveBeenCalledTimes(2);
  });

  it('are nothing to tell of where nothing is announced', async () => {
    const bgp = part(false);
    await look(bgp, {});
    expect(bgp.families).toBeNull();
    expect(onFamilies).not.toHaveBeenCalled();
  });

  it('stay the same while a session comes and goes, and are gone when there was none for 20 s', async () => {
    const bgp = part();
    for (let round = 0; round < 30; round += 1) await look(bgp, { sessions: [round % 5 === 0 ? UP : DOWN] });
    expect(onFamilies).toHaveBeenCalledTimes(1);
    for (let round = 0; round < 5; round += 1) await look(bgp, { state: 'silent', sessions: [] });
    expect(bgp.families).toEqual(['IPv4']);
    await look(bgp, { sessions: [DOWN] });
    await look(bgp, { sessions: [DOWN] });
    expect(bgp.families).toEqual([]);
    expect(onFamilies).toHaveBeenCalledTimes(2);
  });
});
