import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CheckView } from '../checks/types.ts';
import type { DesiredInstance } from '../desired/desired.ts';
import type { VrrpInstance } from '../desired/vrrp-instance.ts';
import { pooledInstance } from '../testing/desired.ts';
import { InstanceSet } from './instance-set.ts';

const healthy: CheckView = { healthy: true, sinceMs: 0, everFailed: false };
const failed: CheckView = { healthy: false, sinceMs: 0, everFailed: true };

let service: CheckView;
let draining: boolean;
let failbackDelaySeconds: number | null;
/** What was written and logged, in order. */
let events: string[];
let written: Map<string, { gate: 0 | 1; offset: number }>;
let onInterface: Set<string>;
const presentAddresses = vi.fn(() => new Map([['eth0', onInterface]]));
const onTransition = vi.fn();
const onChange = vi.fn();
const onStatesNeeded = vi.fn();
const onElection = vi.fn();
let incomplete: boolean;
let instances: InstanceSet;

function desired(slot: number, rank = 0): DesiredInstance {
  const policy = {
    noPreempt: false,
    failbackDelaySeconds,
    lastResort: { enabled: true, afterSeconds: 1 },
    kubeApiSettleSeconds: 8,
  };
  const { upSinceMs: _, ...instance } = pooledInstance();
  const vrrp = { ...instance.vrrp, interface: 'eth0' };
  return { ...instance, vrrp, name: `default-${slot}`, label: `default-${slot}`, rank, policy };
}

function running(slot: number): VrrpInstance {
  return {
    name: `default-${slot}`,
    version: 3,
    virtualRouterId: 20 + slot,
    advertIntervalSeconds: 0.1,
    interface: 'eth0',
    addresses: [{ address: `192.0.2.${101 + slot}`, prefixLength: 24, family: 4, interface: 'eth0' }],
  };
}

function write(instance: string, kind: string, change: Partial<{ gate: 0 | 1; offset: number }>): void {
  const before = written.get(instance) ?? { gate: 0, offset: 0 };
  written.set(instance, { ...before, ...change });
  events.push(`${kind} ${instance}`);
}

beforeEach(() => {
  vi.useFakeTimers();
  service = healthy;
  draining = false;
  failbackDelaySeconds = null;
  incomplete = false;
  events = [];
  written = new Map();
  onInterface = new Set();
  for (const mock of [presentAddresses, onTransition, onChange, onStatesNeeded, onElection]) mock.mockClear();
  instances = new InstanceSet({
    files: {
      closeGate: (name) => {
        write(name, 'close', { gate: 0 });
        return true;
      },
      writeFitness: (name, { gate, offset }) => {
        write(name, 'write', { gate, offset });
        return true;
      },
    },
    inputOf: () => ({
      checks: [{ effect: 'serviceFailed', view: service }],
      incomplete,
      draining,
      cordoned: false,
    }),
    presentAddresses,
    onElection,
    onStatesNeeded,
    onTransition,
    onChange,
    log: pino({}, { write: () => events.push('log') }),
  });
});

afterEach(() => {
  instances.stop();
  instances.stop();
  vi.useRealTimers();
});

describe('the instances of a node', () => {
  it('close all their gates before anything else is written or logged', () => {
    instances.set(Array.from({ length: 60 }, (_, slot) => desired(slot)));
    events = [];
    service = failed;
    instances.review();
    expect(events.slice(0, 60)).toEqual(Array.from({ length: 60 }, (_, slot) => `close default-${slot}`));
    expect(events).toContain('log');
    expect([...written.values()].every(({ gate }) => gate === 0)).toBe(true);
  });

  it('each have their own rank', () => {
    instances.set([desired(0, 0), desired(1, 1), desired(2, 2)]);
    expect([...written.values()].map(({ offset }) => offset)).toEqual([0, -10, -20]);
    instances.set([desired(0, 2), desired(1, 1), desired(2, 0)]);
    expect([...written.values()].map(({ offset }) => offset)).toEqual([-20, -10, 0]);
  });

  it('that are not wanted any more close first and are forgotten when keepalived has let them go', () => {
    instances.set([desired(0), desired(1)]);
    instances.setRunning([running(0), running(1)]);
    events = [];
    instances.set([desired(1)]);
    expect(events[0]).toBe('close default-0');
    expect(instances.all.map(({ desired: { name } }) => name)).toEqual(['default-1', 'default-0']);
    expect(instances.setRunning([running(0), running(1)])).toEqual([]);
    expect(instances.setRunning([running(1)])).toEqual(['default-0']);
    expect(instances.all).toHaveLength(1);
  });

  it('that are not wanted any more may be in FAULT: that is what their gates are closed for', () => {
    instances.set([desired(0)]);
    instances.setRunning([running(0)]);
    instances.start();
    const disagreement = () => instances.all[0]?.holder.state.disagreement;
    instances.notify({ instance: 'default-0', state: 'FAULT', priority: 244 });
    vi.advanceTimersByTime(3000);
    expect(disagreement()).toContain('FAULT although the gate is open');
    instances.set([]);
    vi.advanceTimersByTime(3000);
    expect(disagreement()).toBeNull();
  });

  it('that come back before keepalived let them go open again', () => {
    instances.set([desired(0)]);
    instances.set([]);
    expect(written.get('default-0')?.gate).toBe(0);
    instances.set([desired(0)]);
    expect(written.get('default-0')?.gate).toBe(1);
    expect(instances.setRunning([running(0)])).toEqual([]);
  });

  it('hold what is on the interface, also on their way out', () => {
    instances.set([desired(0), desired(1)]);
    instances.setRunning([running(0), running(1)]);
    expect(instances.holder).toBe(false);
    onInterface.add('192.0.2.101');
    instances.start();
    vi.advanceTimersByTime(250);
    expect(instances.get('default-0')?.holder.state.holder).toBe(true);
    expect(instances.get('default-1')?.holder.state.holder).toBe(false);
    instances.set([desired(1)]);
    expect(instances.holder).toBe(true);
  });

  it('have the addresses that are offered where nothing better is known, and those that keepalived runs otherwise', () => {
    const shown = () => instances.get('default-0')?.holder.state.addresses.map(({ address }) => address);
    instances.set([desired(0)]);
    instances.offered([running(0)]);
    expect(shown()).toEqual(['192.0.2.101']);
    instances.offered([{ ...running(1), name: 'default-0' }]);
    expect(shown()).toEqual(['192.0.2.101']);
    instances.setRunning([{ ...running(1), name: 'default-0' }]);
    expect(shown()).toEqual(['192.0.2.102']);
  });

  it('look at the interfaces once for all of them', () => {
    instances.set(Array.from({ length: 60 }, (_, slot) => desired(slot)));
    instances.setRunning(Array.from({ length: 60 }, (_, slot) => running(slot)));
    instances.start();
    presentAddresses.mockClear();
    vi.advanceTimersByTime(250);
    expect(presentAddresses.mock.calls.length).toBeLessThanOrEqual(1);
  });

  it('hold what was last seen while the interfaces cannot be looked at', async () => {
    instances.set([desired(0)]);
    onInterface.add('192.0.2.101');
    instances.setRunning([running(0)]);
    instances.start();
    await vi.advanceTimersByTimeAsync(250);
    presentAddresses.mockImplementation(() => {
      throw new Error('uv_interface_addresses returned EMFILE');
    });
    events = [];
    await vi.advanceTimersByTimeAsync(5000);
    presentAddresses.mockImplementation(() => new Map([['eth0', onInterface]]));
    expect(instances.holder).toBe(true);
    expect(events.filter((event) => event === 'log')).toHaveLength(1);
    onInterface.clear();
    await vi.advanceTimersByTimeAsync(2500);
    expect(instances.holder).toBe(false);
  });

  it('hear what keepalived says of them, and of nothing else', () => {
    instances.set([desired(0)]);
    instances.setRunning([running(0)]);
    onInterface.add('192.0.2.101');
    instances.notify({ instance: 'default-0', state: 'MASTER', priority: 244 });
    instances.notify({ instance: 'default-0', state: 'MASTER', priority: 253 });
    instances.notify({ instance: 'other', state: 'MASTER', priority: 253 });
    expect(onTransition).toHaveBeenCalledOnce();
    expect(instances.get('default-0')?.holder.state).toMatchObject({ holder: true, vrrp: { state: 'MASTER' } });
  });

  it.each(['notified, known, polled', 'known, notified, polled', 'known, polled, notified', 'notified, polled, known'])(
    'are what keepalived said of them, whatever comes first: %s',
    (order) => {
      onInterface.add('192.0.2.101');
      const events: Readonly<Record<string, () => void>> = {
        notified: () => {
          instances.notify({ instance: 'default-0', state: 'BACKUP', priority: 244 });
          instances.notify({ instance: 'default-0', state: 'MASTER', priority: 244 });
        },
        known: () => instances.set([desired(0), desired(1)]),
        polled: () => instances.start(),
      };
      for (const event of order.split(', ')) events[event]?.();
      instances.setRunning([running(0), running(1)]);
      expect(instances.get('default-0')?.holder.state).toMatchObject({ holder: true, vrrp: { state: 'MASTER' } });
      expect(instances.get('default-1')?.holder.state.vrrp.state).toBe('UNKNOWN');
      expect(onTransition.mock.lastCall).toEqual([
        desired(0),
        { instance: 'default-0', state: 'MASTER', priority: 244 },
      ]);
    },
  );

  it('keep no more of what they do not know than a plan can have', () => {
    for (let slot = 0; slot < 1001; slot += 1)
      instances.notify({ instance: `default-${slot}`, state: 'BACKUP', priority: 1 });
    instances.set([desired(999), desired(1000)]);
    expect(instances.runners.map(({ holder }) => holder.state.vrrp.state)).toEqual(['BACKUP', 'UNKNOWN']);
  });

  it('that come back before keepalived let them go are what they were', () => {
    instances.set([desired(0)]);
    instances.setRunning([running(0)]);
    onInterface.add('192.0.2.101');
    instances.notify({ instance: 'default-0', state: 'MASTER', priority: 253 });
    instances.set([]);
    instances.set([desired(0)]);
    expect(instances.get('default-0')?.holder.state).toMatchObject({ holder: true, vrrp: { state: 'MASTER' } });
    expect(onTransition).toHaveBeenCalledOnce();
  });

  describe('that go on under another name', () => {
    const other = (changes: Partial<DesiredInstance['vrrp']> = {}): DesiredInstance => {
      const { vrrp, ...rest } = desired(0);
      return { ...rest, name: 'svc-0', vrrp: { ...vrrp, ...changes }, failbackGroup: 'svc' };
    };

    beforeEach(() => {
      onInterface.add('192.0.2.101');
      instances.set([desired(0)]);
      instances.setRunning([running(0)]);
      instances.notify({ instance: 'default-0', state: 'MASTER', priority: 253 });
      events = [];
    });

    it('are what they were, and neither gate closes', () => {
      instances.set([other()]);
      expect(events.filter((event) => event.startsWith('close'))).toEqual([]);
      expect(written.get('svc-0')).toEqual({ gate: 1, offset: 9 });
      expect(instances.get('svc-0')?.holder.state).toMatchObject({ holder: true, vrrp: { state: 'MASTER' } });
      expect(instances.setRunning([{ ...running(0), name: 'svc-0' }])).toEqual(['default-0']);
      expect(onTransition).toHaveBeenCalledOnce();
    });

    it('have the files of before until their own checks have said something', () => {
      const before = written.get('default-0');
      service = { healthy: undefined, sinceMs: 0, everFailed: false };
      instances.set([other()]);
      expect(instances.get('svc-0')?.fitness.fitness).toBeUndefined();
      expect(written.get('svc-0')).toMatchObject({ gate: before?.gate, offset: before?.offset });
      service = failed;
      instances.review();
      expect(written.get('svc-0')?.gate).toBe(0);
    });

    it('have what is decided in the files of both names, until keepalived has let the old one go', () => {
      instances.set([other()]);
      draining = true;
      instances.review();
      expect(written.get('svc-0')).toEqual({ gate: 1, offset: 93 - 244 });
      expect(written.get('default-0')).toEqual(written.get('svc-0'));
      service = failed;
      events = [];
      instances.review();
      expect(events.slice(0, 2)).toEqual(['close svc-0', 'close default-0']);
      expect(written.get('default-0')?.gate).toBe(0);
      instances.setRunning([{ ...running(0), name: 'svc-0' }]);
      service = healthy;
      events = [];
      instances.review();
      expect(events.filter((event) => event.endsWith('default-0'))).toEqual([]);
    });

    it('close under every name that they had when they are not wanted any more', () => {
      instances.set([other()]);
      instances.set([{ ...other(), name: 'svc-1' }]);
      expect([...written.values()].map(({ gate }) => gate)).toEqual([1, 1, 1]);
      instances.set([]);
      expect([...written].map(([name, { gate }]) => [name, gate])).toEqual([
        ['default-0', 0],
        ['svc-0', 0],
        ['svc-1', 0],
      ]);
    });

    it('have no say over another that gets the name which they had', () => {
      instances.set([other()]);
      const { vrrp, ...rest } = desired(0);
      const second = { ...rest, vrrp: { ...vrrp, virtualRouterId: 99, addresses: ['192.0.2.200'] } };
      instances.set([second, { ...other(), leaving: true }]);
      expect(written.get('svc-0')?.offset).toBe(93 - 244);
      expect(written.get('default-0')).toMatchObject({ gate: 1, offset: 9 });
    });

    it('are what they were also where another has their name at once', () => {
      const { vrrp, ...rest } = desired(0);
      const second = { ...rest, vrrp: { ...vrrp, virtualRouterId: 99, addresses: ['192.0.2.200'] } };
      service = { healthy: undefined, sinceMs: 0, everFailed: false };
      instances.set([second, other()]);
      expect(written.get('svc-0')).toEqual({ gate: 1, offset: 9 });
      expect(instances.get('svc-0')?.holder.state).toMatchObject({ holder: true, vrrp: { state: 'MASTER' } });
    });

    it('go back to the name that they had', () => {
      instances.set([other()]);
      instances.set([desired(0)]);
      service = failed;
      instances.review();
      expect([...written.values()].map(({ gate }) => gate)).toEqual([0, 0]);
    });

    it.each([
      ['another router id', { virtualRouterId: 99 }],
      ['no address of before', { addresses: ['192.0.2.200'] }],
      ['another interface', { interface: 'eth1' }],
      ['peers of their own', { unicastPeers: ['192.0.2.2'] }],
      ['a multicast group of their own', { multicastGroup: 200 }],
    ])('are others where they have %s', (_, changes) => {
      instances.set([other(changes)]);
      expect(events[0]).toBe('close default-0');
      expect(instances.get('svc-0')?.holder.state.vrrp.state).toBe('UNKNOWN');
    });

    it('are what they were where one of both names no interface: it may be the same', () => {
      instances.set([other({ interface: '' })]);
      expect(events.filter((event) => event.startsWith('close'))).toEqual([]);
    });
  });

  it('tell when one of several addresses comes or goes', () => {
    instances.set([desired(0)]);
    const both = { ...running(0), addresses: [...running(0).addresses, ...running(1).addresses] };
    onInterface.add('192.0.2.101');
    instances.setRunning([both]);
    onChange.mockClear();
    onInterface.add('192.0.2.102');
    instances.notify({ instance: 'default-0', state: 'MASTER', priority: 244 });
    expect(onChange).toHaveBeenCalled();
    expect(instances.get('default-0')?.holder.state.addresses.map(({ present }) => present)).toEqual([true, true]);
  });

  it('that come to a pool in which the node has long been well need not prove that again', async () => {
    failbackDelaySeconds = 30;
    instances.set([desired(0)]);
    expect(written.get('default-0')?.offset).toBe(213 - 244);
    await vi.advanceTimersByTimeAsync(31_000);
    expect(written.get('default-0')?.offset).toBe(0);
    instances.set([desired(0), desired(1)]);
    expect(written.get('default-1')?.offset).toBe(0);
  });

  it('share delays of failback within their group and with nobody else', async () => {
    failbackDelaySeconds = 30;
    const alone = (name: string): DesiredInstance => {
      const { failbackGroup: _, label: __, ...instance } = desired(0);
      return { ...instance, name };
    };
    instances.set([alone('vip'), desired(0)]);
    await vi.advanceTimersByTimeAsync(31_000);
    instances.set([alone('vip'), alone('vip2'), desired(0), { ...desired(1), failbackGroup: 'other' }]);
    expect(['vip', 'vip2', 'default-0', 'default-1'].map((name) => written.get(name)?.offset)).toEqual([
      0,
      213 - 244,
      0,
      213 - 244,
    ]);
  });

  it('drain when the node does, or when they alone are to leave', () => {
    instances.set([desired(0), { ...desired(1), leaving: true }]);
    expect([0, 1].map((slot) => written.get(`default-${slot}`)?.offset)).toEqual([0, 84 - 244]);
    draining = true;
    instances.review();
    expect(written.get('default-0')?.offset).toBe(84 - 244);
  });

  it('decide nothing after they were stopped', () => {
    instances.set([desired(0)]);
    instances.stop();
    events = [];
    service = failed;
    instances.review();
    expect(events).toEqual([]);
  });

  it('close the gate while the address is gone that they speak unicast from, since they hear nobody without it', () => {
    const unicast = { sourceAddress: '192.0.2.11', peers: ['192.0.2.12'] };
    onInterface.add('192.0.2.11');
    instances.set([desired(0), desired(1)]);
    instances.setRunning([{ ...running(0), unicast }, running(1)]);
    instances.start();
    onInterface.delete('192.0.2.11');
    vi.advanceTimersByTime(250);
    expect(written.get('default-0')?.gate).toBe(0);
    expect(written.get('default-1')?.gate).toBe(1);
    onInterface.add('192.0.2.11');
    vi.advanceTimersByTime(250);
    expect(written.get('default-0')?.gate).toBe(1);
  });

  it('are lowered where the node cannot carry every address', () => {
    instances.set([desired(0)]);
    incomplete = true;
    instances.review();
    expect(written.get('default-0')).toEqual({ gate: 1, offset: 64 - 244 });
  });

  it('are not lifted by an address that somebody put on a backup', () => {
    instances.set([desired(0)]);
    instances.setRunning([running(0)]);
    instances.notify({ instance: 'default-0', state: 'BACKUP', priority: 244 });
    onInterface.add('192.0.2.101');
    instances.start();
    vi.advanceTimersByTime(250);
    expect(instances.get('default-0')?.holder.state.holder).toBe(true);
    expect(written.get('default-0')?.offset).toBe(0);
    instances.notify({ instance: 'default-0', state: 'MASTER', priority: 244 });
    expect(written.get('default-0')?.offset).toBe(9);
  });

  it('have keepalived asked for their states while it has not said one of a holder, and while it does not fit for long', () => {
    instances.set([desired(0)]);
    instances.setRunning([running(0)]);
    instances.start();
    vi.advanceTimersByTime(1000);
    expect(onStatesNeeded).not.toHaveBeenCalled();
    onInterface.add('192.0.2.101');
    vi.advanceTimersByTime(250);
    expect(onStatesNeeded).toHaveBeenCalledOnce();
    instances.learn(new Map([['default-0', 'MASTER' as const]]));
    expect(instances.get('default-0')?.holder.state.vrrp.state).toBe('MASTER');
    instances.learn(new Map([['default-0', 'BACKUP' as const]]));
    expect(instances.get('default-0')?.holder.state.vrrp.state).toBe('MASTER');
    vi.advanceTimersByTime(10_000);
    expect(onStatesNeeded).toHaveBeenCalledOnce();
    instances.notify({ instance: 'default-0', state: 'BACKUP', priority: 244 });
    vi.advanceTimersByTime(1900);
    expect(onStatesNeeded).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(600);
    expect(onStatesNeeded.mock.calls.length).toBeGreaterThan(1);
  });

  describe('that elect who has addresses on lo', () => {
    const seat = (slot: number, rank: number): DesiredInstance => ({ ...desired(slot, rank), elects: 'default' });
    const offsets = () => [...written.values()].map(({ offset }) => offset);
    const notify = (slot: number, state: 'MASTER' | 'BACKUP') =>
      instances.notify({ instance: `default-${slot}`, state, priority: 244 });

    it('are left to others, but for one that the node is master of', () => {
      instances.set([seat(0, 0), seat(1, 2)]);
      for (const slot of [0, 1]) notify(slot, 'BACKUP');
      expect(offsets()).toEqual([0, -20]);
      expect(instances.isElected('default')).toBe(false);
      notify(1, 'MASTER');
      // 209, and the lift of a holder.
      expect(offsets()).toEqual([209 - 244, 7]);
      expect(instances.isElected('default')).toBe(true);
      notify(0, 'MASTER');
      expect(offsets()).toEqual([9, 207 - 244]);
      expect(onElection).toHaveBeenCalledTimes(4);
    });

    it('keep their priority while nothing is known, when a returning node would wait for failback', () => {
      failbackDelaySeconds = 30;
      instances.set([seat(0, 0)]);
      expect(offsets()).toEqual([0]);
      notify(0, 'BACKUP');
      expect(offsets()).toEqual([213 - 244]);
    });

    it('have keepalived asked for their states, and what it says counts', () => {
      instances.set([seat(0, 0)]);
      instances.start();
      expect(instances.isElected('default')).toBeUndefined();
      vi.advanceTimersByTime(250);
      expect(onStatesNeeded).toHaveBeenCalledOnce();
      instances.learn(new Map([['default-0', 'MASTER' as const]]));
      expect([instances.isElected('default'), onElection.mock.calls.length]).toEqual([true, 1]);
      instances.learn(new Map([['default-0', 'MASTER' as const]]));
      expect(onElection).toHaveBeenCalledOnce();
    });

    it('are nobody’s here as soon as keepalived runs them no more, of which it says nothing', () => {
      instances.set([seat(0, 0)]);
      instances.setRunning([{ ...running(0), addresses: [] }]);
      notify(0, 'MASTER');
      expect(instances.isElected('default')).toBe(true);
      onElection.mockClear();
      instances.setRunning([]);
      expect([instances.isElected('default'), onElection.mock.calls.length]).toEqual([false, 1]);
    });
  });
});
