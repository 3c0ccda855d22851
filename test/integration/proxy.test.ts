import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readSessions } from '../../sidecar/proxy/observed.ts';
import type { ApiLoad, ApiLoadReport } from '../clients/api-load.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { waitFor } from '../support/wait.ts';
import { ProxyLab, proxySettings } from './proxy/lab.ts';

/** How many requests are under way when something happens to a server is a matter of how fast the machine is. */
const repeated = repeatedWhenDisturbed();
const skip = mustSkip('the proxy with a real HAProxy', [
  canMakeNamespaces,
  command('ip'),
  command('mmdebstrap'),
  command('curl'),
]);
const LIMIT = { limitMs: 30_000 };
const WATCHES = 30;
const ALL_UP = { cp1: 'up', cp2: 'up', cp3: 'up' };

let lab: ProxyLab;

/** What clients see from before something happens until after it: nobody may wait for an answer that does not come. */
async function during(
  happens: (load: ApiLoad) => Promise<void>,
  given = {},
): Promise<ApiLoadReport & { atMs: number }> {
  const load = await lab.load({ watches: WATCHES, ...given });
  const before = load.requests;
  await waitFor('requests before', () => load.requests > before + 20, LIMIT);
  const atMs = monotonicMs();
  await happens(load);
  const after = load.requests;
  await waitFor('requests after', () => load.requests > after + 20, LIMIT);
  await waitFor('every watch', () => load.watches === WATCHES, LIMIT);
  const report = await load.report();
  const { requests, failures, tookMs, gaps } = report;
  const closed = gaps.map(({ closedAtMs }) => Math.round(closedAtMs - atMs));
  const back = gaps.map(({ closedAtMs, backAtMs }) => Math.round(backAtMs - closedAtMs));
  process.stderr.write(
    `${expect.getState().currentTestName}: ${requests} requests, ${failures.length} failed, slowest ${Math.round(tookMs.max)} ms; ${gaps.length} watches closed after ${Math.min(...closed)} to ${Math.max(...closed)} ms, back ${Math.max(...back)} ms later\n`,
  );
  expect(failures.filter(({ why }) => why === 'none')).toEqual([]);
  return { ...report, atMs };
}

/** Nothing is left in HAProxy of what happened: each session has a client and a server. */
async function expectNoneStranded(): Promise<void> {
  await waitFor(
    'no session without a server',
    async () => readSessions(await lab.sessions()).every(({ serverSide }) => serverSide !== 'closed'),
    LIMIT,
  );
}

describe.skipIf(skip)('the proxy in front of API servers', { timeout: 120_000, ...repeated }, () => {
  beforeAll(async () => {
    lab = await ProxyLab.up(proxySettings());
  }, 300_000);

  afterAll(() => lab?.down());

  beforeEach(async () => {
    for (const server of lab.servers) await server.restart();
    await lab.startHaproxy(lab.backends(1, 2, 3));
    lab.want(lab.backends(1, 2, 3), proxySettings());
    lab.balancer.start();
    await lab.states(ALL_UP);
  });

  afterEach(async () => {
    for (const index of [1, 2, 3]) lab.setReady(index, true);
    await lab.stopHaproxy();
  });

  it('has a configuration that HAProxy takes, and carries TLS to each of them', async () => {
    const report = await during(async () => undefined);
    expect(report.failures).toEqual([]);
    expect(Object.keys(report.answers).toSorted()).toEqual(['cp1', 'cp2', 'cp3']);
    expect(report.gaps).toEqual([]);
    expect(await lab.health()).toBe(200);
  });

  it('takes one out that was killed, and its watches go on elsewhere', async () => {
    let downAtMs = 0;
    const report = await during(async () => {
      lab.servers[1]?.signal('SIGKILL');
      await lab.states({ ...ALL_UP, cp2: 'down' });
      downAtMs = monotonicMs();
    });
    // Those that it was answering when it was killed.
    expect(report.failures.filter(({ atMs }) => atMs >= downAtMs)).toEqual([]);
    expect(report.failures.length).toBeLessThanOrEqual(5);
    expect(report.watching.cp2).toBeUndefined();
    await expectNoneStranded();
  });

  it('takes one out that hangs, and closes what it has', async () => {
    const began = { requests: 0 };
    let downAtMs = 0;
    const report = await during(async (load) => {
      began.requests = load.requests;
      lab.servers[1]?.signal('SIGSTOP');
      await lab.states({ ...ALL_UP, cp2: 'down' });
      downAtMs = monotonicMs();
      began.requests = load.requests - began.requests;
    });
    // Those that it was given before it was seen to hang: of its third fewer, for the requests that wait there count.
    expect(report.failures.filter(({ atMs }) => atMs >= downAtMs)).toEqual([]);
    expect(report.failures.length).toBeLessThanOrEqual(Math.ceil(began.requests / 3));
    expect(report.watching.cp2).toBeUndefined();
    await expectNoneStranded();
  });

  it('gives nothing new to one that hangs although its checks do not tell, and goes on with it when it answers', async () => {
    const settings = proxySettings();
    const never = { intervalSeconds: 600, fastIntervalSeconds: 600, timeoutSeconds: 600 };
    await lab.stopHaproxy();
    lab.want(lab.backends(1, 2, 3), { ...settings, health: { ...settings.health, ...never } });
    await lab.startHaproxy(lab.backends(1, 2, 3));
    try {
      await lab.states(ALL_UP);
      const report = await during(async (load) => {
        lab.servers[1]?.signal('SIGSTOP');
        await lab.states({ ...ALL_UP, cp2: 'draining' });
        expect(lab.balancer.backends[1]?.doubt).toBe('it accepts connections and says nothing');
        const { requests } = load;
        await waitFor('more requests', () => load.requests > requests + 20, LIMIT);
        lab.servers[1]?.signal('SIGCONT');
        await lab.states(ALL_UP);
      });
      // Those that waited were answered then.
      expect(report.failures).toEqual([]);
      expect(report.gaps).toEqual([]);
    } finally {
      lab.want(lab.backends(1, 2, 3), settings);
    }
  });

  it('loses no request that begins when one is cut off, and closes the watches that it had', async () => {
    let cutAtMs = 0;
    const report = await during(async () => {
      await lab.servers[1]?.cut();
      cutAtMs = monotonicMs();
      await lab.states({ ...ALL_UP, cp2: 'down' });
    });
    await lab.servers[1]?.heal();
    expect(report.failures.filter(({ atMs }) => atMs >= cutAtMs)).toEqual([]);
    // Those that it was about to answer nobody else can answer.
    expect(report.failures.length).toBeLessThanOrEqual(2);
    expect(report.watching.cp2).toBeUndefined();
    await lab.states(ALL_UP);
    await expectNoneStranded();
  });

  it('leaves to one that ends in order what it has, although it refuses what is new', async () => {
    const report = await during(async (load) => {
      const before = load.watching.cp2;
      lab.servers[1]?.signal('SIGTERM');
      await lab.states({ ...ALL_UP, cp2: 'down' });
      const { requests } = load;
      await waitFor('more requests', () => load.requests > requests + 40, LIMIT);
      expect(load.watching.cp2).toBe(before);
      await waitFor('the end of its time', () => load.watching.cp2 === undefined, LIMIT);
    });
    expect(report.failures.length).toBeLessThanOrEqual(2);
    await expectNoneStranded();
  });

  it('gives nothing new to one that is not ready, lets its watches be for their time, and takes it back', async () => {
    const report = await during(async () => {
      lab.setReady(2, false);
      await lab.states({ ...ALL_UP, cp2: 'draining' });
      const cp2 = async () => (await lab.sessionsOf('cp2')) === 0;
      await waitFor('no connection to the one that is not ready', cp2, LIMIT);
      lab.setReady(2, true);
      await lab.states(ALL_UP);
    });
    expect(report.failures).toEqual([]);
    const early = report.gaps.filter(({ closedAtMs }) => closedAtMs - report.atMs < 1000);
    expect(early).toEqual([]);
    expect(report.gaps.length).toBeGreaterThan(0);
  });

  it('gives to all when each says that it is not ready', async () => {
    for (const index of [1, 2, 3]) lab.setReady(index, false);
    const report = await during(async () => undefined);
    expect(report.failures).toEqual([]);
    expect(Object.keys(report.answers)).toHaveLength(3);
  });

  it('loses nothing when servers come and go while it serves', async () => {
    const report = await during(async () => {
      for (let round = 0; round < 3; round += 1) {
        lab.want(lab.backends(1, 2));
        await lab.states({ cp1: 'up', cp2: 'up' });
        lab.want(lab.backends(1, 2, 3));
        await lab.states(ALL_UP);
      }
    });
    expect(report.failures).toEqual([]);
    expect(report.answers.cp3).toBeGreaterThan(0);
  });

  it('has all as it was when HAProxy is started anew with what its file had before', async () => {
    lab.want(lab.backends(1, 3));
    await lab.states({ cp1: 'up', cp3: 'up' });
    await lab.stopHaproxy();
    await waitFor('that it is seen', () => lab.balancer.problem !== null, LIMIT);
    await lab.startHaproxy(lab.backends(1, 2));
    await waitFor('that it is seen again', () => lab.balancer.problem === null, LIMIT);
    await lab.states({ cp1: 'up', cp3: 'up' });
  });

  it('says that it cannot serve when none answers, refuses clients, and serves as soon as one does', async () => {
    for (const server of lab.servers) server.signal('SIGKILL');
    await lab.states({ cp1: 'down', cp2: 'down', cp3: 'down' });
    expect(await lab.health()).toBe(503);
    const load = await lab.load({ watches: 0 });
    await waitFor('requests', () => load.requests > 20, LIMIT);
    const { failures } = await load.report();
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.filter(({ why }) => why === 'none')).toEqual([]);
    await lab.servers[0]?.restart();
    await lab.states({ cp1: 'up', cp2: 'down', cp3: 'down' });
    expect(await lab.health()).toBe(200);
    const after = await during(async () => undefined);
    expect(after.failures).toEqual([]);
  });

  it('serves from all when it is the check that is wrong', async () => {
    await lab.stopHaproxy();
    await lab.startHaproxy(lab.backends(1, 2, 3), await lab.otherCa());
    await lab.states({ cp1: 'down', cp2: 'down', cp3: 'down' });
    const report = await during(async () => undefined);
    expect(report.failures).toEqual([]);
    expect(Object.keys(report.answers)).toHaveLength(3);
  });

  it('evens connections out when a server came back, and loses no request', async () => {
    lab.servers[2]?.signal('SIGKILL');
    await lab.states({ ...ALL_UP, cp3: 'down' });
    const report = await during(async (load) => {
      expect(load.watching.cp3).toBeUndefined();
      await lab.servers[2]?.restart();
      lab.want(lab.backends(1, 2, 3), {
        ...proxySettings(),
        rebalance: { enabled: true, maxPerSecond: 100, tolerance: 0.1 },
      });
      await lab.states(ALL_UP);
      await waitFor('an even share', () => (load.watching.cp3 ?? 0) >= WATCHES / 3 - 2, LIMIT);
    });
    expect(report.failures).toEqual([]);
  });
});
