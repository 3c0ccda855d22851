import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CheckView } from '../checks/types.ts';
import type { DesiredLoopback } from '../desired/desired.ts';
import type { CheckEffect } from '../fitness/fitness.ts';
import type { SupervisorStatus } from '../runtime/supervisor-status.ts';
import { pooledInstance } from '../testing/desired.ts';
import { healthySnapshot } from '../testing/snapshot.ts';
import { Loopback } from './loopback.ts';

const A = '203.0.113.5';
const B = '203.0.113.6';
const { policy } = pooledInstance();
const WEB: DesiredLoopback = {
  name: 'web',
  pool: 'web',
  addresses: [A],
  checks: [{ key: 'service', effect: 'serviceFailed' }],
  policy,
};
const LOCAL: DesiredLoopback = {
  ...{ name: 'svc-0123456789', pool: 'web', addresses: [B], policy },
  checks: [...WEB.checks, { key: 'endpoint', effect: 'noLocalEndpoint' }],
};

describe('addresses for lo', () => {
  let part: Loopback;
  let onFile: string[];
  let woken: number;
  let onLo: string[];
  let healthy: Partial<Record<CheckEffect, boolean>>;
  let own: readonly string[];
  let status: SupervisorStatus | undefined;
  let node: { draining: boolean; cordoned: boolean };
  let known: boolean;
  let elected: boolean | undefined;

  function viewOf(effect: CheckEffect): CheckView {
    return { healthy: healthy[effect], lastResultMs: 0, sinceMs: 0 } as unknown as CheckView;
  }

  function make(): Loopback {
    return new Loopback({
      file: {
        read: async () => onFile,
        write: async (addresses) => {
          if (addresses.join() === onFile.join()) return false;
          onFile = [...addresses];
          return true;
        },
      },
      inputOf: ({ checks }) => ({ ...node, checks: checks.map(({ effect }) => ({ effect, view: viewOf(effect) })) }),
      presentAddresses: () => new Map([['lo', new Set(onLo)]]),
      isElected: () => elected,
      isKnown: () => known,
      ownAddresses: () => own,
      status: () => status,
      wake: async () => {
        woken += 1;
      },
      onChange: () => undefined,
      log: pino({ enabled: false }),
    });
  }

  /** What is asked for after a decision. */
  async function asked(): Promise<string[]> {
    part.review();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    return onFile;
  }

  beforeEach(() => {
    [onFile, woken, onLo, own, status, known] = [[], 0, [], [], undefined, true];
    elected = undefined;
    healthy = { serviceFailed: true, noLocalEndpoint: true, kubeletFailed: true, noKubeApi: true };
    node = { draining: false, cordoned: false };
    part = make();
  });
  afterEach(() => {
    part.stop();
    vi.useRealTimers();
  });

  async function begin(...desired: readonly DesiredLoopback[]): Promise<void> {
    part.set(desired);
    await part.start();
  }

  it('are asked for while the node is fit, and the supervisor is woken for each change', async () => {
    await begin(WEB, LOCAL);
    expect(await asked()).toEqual([A, B]);
    expect(woken).toBe(1);
    part.set([LOCAL]);
    expect(await asked()).toEqual([B]);
    expect(woken).toBe(2);
  });

  it('are not asked for by a node whose service fails, and it is no last resort: others serve, or nobody', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    await begin(WEB);
    healthy = { ...healthy, serviceFailed: false };
    expect(await asked()).toEqual([]);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(await asked()).toEqual([]);
    healthy = { ...healthy, serviceFailed: true };
    expect(await asked()).toEqual([A]);
  });

  it('of which some nodes have a part are asked for by those who are elected, and what is not known yet stays', async () => {
    onFile = [A];
    await begin({ ...WEB, elected: true });
    expect(await asked()).toEqual([A]);
    elected = false;
    expect(await asked()).toEqual([]);
    elected = undefined;
    expect(await asked()).toEqual([]);
    elected = true;
    expect(await asked()).toEqual([A]);
    expect(part.views[0]).toMatchObject({ serves: true, elected: true });
  });

  it('stay with a node that is elected and drains until another is, and not with one that serves nobody', async () => {
    elected = true;
    await begin({ ...LOCAL, elected: true });
    Object.assign(node, { draining: true, cordoned: true });
    expect(await asked()).toEqual([B]);
    healthy = { ...healthy, noLocalEndpoint: false };
    expect(await asked()).toEqual([]);
    healthy = { ...healthy, noLocalEndpoint: true, serviceFailed: false };
    expect(await asked()).toEqual([]);
    healthy = { ...healthy, serviceFailed: true };
    expect(await asked()).toEqual([B]);
  });

  it('of Services that ask for local endpoints are asked for where one is ready', async () => {
    await begin(WEB, LOCAL);
    healthy = { ...healthy, noLocalEndpoint: false };
    expect(await asked()).toEqual([A]);
  });

  it.each<[string, () => void]>([
    ['drains', () => Object.assign(node, { draining: true })],
    ['is cordoned', () => Object.assign(node, { cordoned: true })],
    ['has no kubelet', () => Object.assign(healthy, { kubeletFailed: false })],
  ])('go from a node that %s', async (_what, change) => {
    await begin({ ...WEB, checks: [...WEB.checks, { key: 'kubelet', effect: 'kubeletFailed' }] });
    expect(await asked()).toEqual([A]);
    change();
    expect(await asked()).toEqual([]);
  });

  it('stay on a node that cannot reach the API', async () => {
    await begin({ ...WEB, checks: [...WEB.checks, { key: 'kubeApi', effect: 'noKubeApi' }] });
    healthy = { ...healthy, noKubeApi: false };
    expect(await asked()).toEqual([A]);
    expect(part.views).toMatchObject([{ serves: true }]);
  });

  it('stay as a process before this one asked for them, until it is known what is desired and whether the node is fit', async () => {
    onFile = [A];
    known = false;
    healthy = {};
    await begin(WEB, LOCAL);
    expect([await asked(), woken]).toEqual([[A], 0]);
    known = true;
    expect([await asked(), woken]).toEqual([[A], 0]);
    healthy = { serviceFailed: true };
    expect(await asked()).toEqual([A]);
    expect(part.views.map(({ serves }) => serves)).toEqual([true, undefined]);
    healthy = { serviceFailed: true, noLocalEndpoint: true };
    expect(await asked()).toEqual([A, B]);
  });

  it('are none that are in a subnet of the node, which says so', async () => {
    own = ['192.0.2.1/24', '203.0.113.1/29'];
    await begin({ ...WEB, addresses: [A, '203.0.113.9'] });
    expect(await asked()).toEqual(['203.0.113.9']);
    expect(part.problems).toEqual([
      expect.stringMatching(/^pool web: 203\.0\.113\.5 is in this node's subnet 203\.0\.113\.1\/29/),
    ]);
    own = ['192.0.2.1/24'];
    expect(await asked()).toEqual([A, '203.0.113.9']);
    expect(part.problems).toEqual([]);
  });

  it('are told of with what the supervisor says of them, or that it is of an older release', async () => {
    const { supervisor } = healthySnapshot();
    status = supervisor;
    expect(part.problems).toEqual([]);
    await begin(WEB);
    expect(part.problems).toEqual([expect.stringContaining('of an older release')]);
    status = supervisor && { ...supervisor, loopback: { state: 'partly', messages: [`${A}/32 is on lo already`] } };
    expect(part.problems).toEqual([expect.stringContaining(`${A}/32 is on lo already`)]);
  });

  it('are held as long as they are there, also when they are not desired any more', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onLo = [A];
    await begin(WEB);
    expect(part.holder).toBe(true);
    part.set([]);
    vi.advanceTimersByTime(1000);
    expect([part.holder, part.views.map(({ serves }) => serves)]).toEqual([true, [false]]);
    onLo = [];
    vi.advanceTimersByTime(1000);
    expect([part.holder, part.views]).toEqual([false, []]);
  });
});
