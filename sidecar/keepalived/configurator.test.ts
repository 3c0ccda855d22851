import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import { controlPlaneSchema } from '../config/control-plane.ts';
import type { DesiredNode } from '../desired/desired.ts';
import type { NetworkView } from '../network/network.ts';
import { keepalivedOptions } from '../sources/settings.ts';
import { nodeProblem } from '../status/shown.ts';
import { anotherOwn, desiredOf } from '../testing/desired.ts';
import { defaultSettings } from '../testing/settings.ts';
import { Configurator } from './configurator.ts';

const eth0 = {
  name: 'eth0',
  mac: '52:54:00:00:00:01',
  addresses: [{ address: '192.0.2.11', prefixLength: 24, family: 4 as const }],
};
const eth1 = { ...eth0, name: 'eth1', mac: '52:54:00:00:00:02', addresses: [] };
const eth2 = { name: 'eth2', mac: '', addresses: [{ address: '10.0.0.11', prefixLength: 24, family: 4 as const }] };
const vip = { address: '192.0.2.100', prefixLength: 24, family: 4 as const };
let network: NetworkView;
let offered: string[];
const onConfigured = vi.fn();
const onProblem = vi.fn();
const onPlacements = vi.fn();
const onChange = vi.fn();
let managedAddresses: ReadonlySet<string> | undefined;
let desiredNode: DesiredNode;
let configurator: Configurator;

/** What settings and a plan ask for. */
function desire(settings = defaultSettings(), plan: NodePlanSpec | null = null): void {
  desiredNode = { desired: desiredOf(settings, plan), keepalived: keepalivedOptions(settings) };
}

function create(settings = defaultSettings(), plan: NodePlanSpec | null = null, placements = {}): Configurator {
  desire(settings, plan);
  return new Configurator(
    { node: 'node1', nodeAddress: '192.0.2.11', runtimeDirectory: '/run/vip', placements },
    {
      desiredNode: () => desiredNode,
      readNetwork: async () => network,
      managedAddresses: async () => managedAddresses,
      onPlacements,
      onChange,
      offer: async (config) => {
        const changed = offered.at(-1) !== config;
        if (changed) offered.push(config);
        return changed;
      },
      onConfigured,
      onProblem,
    },
  );
}

function planOf(plan: string, ...addresses: string[]): NodePlanSpec {
  return {
    plan,
    pools: [{ name: 'a', interface: '', failbackDelaySeconds: null }],
    instances: addresses.map((address, slot) => ({
      name: `a-${slot}`,
      pool: 'a',
      virtualRouterId: 20 + slot,
      rank: 0,
      addresses: [address],
    })),
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance', 'Date'] });
  network = { interfaces: [eth0], defaultInterface: {} };
  offered = [];
  onConfigured.mockReset();
  onProblem.mockReset();
  onPlacements.mockReset();
  onChange.mockReset();
  managedAddresses = undefined;
  configurator = create();
});

afterEach(() => {
  configurator.stop();
  vi.useRealTimers();
});

describe('the configurator', () => {
  it('offers a configuration at its start and no second time while nothing changes', async () => {
    await configurator.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(offered).toHaveLength(1);
    expect(onConfigured.mock.calls.filter(([, isNew]) => isNew)).toHaveLength(1);
    expect(offered[0]).toContain('192.0.2.100/32 dev eth0');
  });

  it('waits for an interface that comes later, and says once what is missing', async () => {
    network = { interfaces: [], defaultInterface: {} };
    await configurator.start();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(onProblem).toHaveBeenCalledOnce();
    expect(nodeProblem(configurator.problems)).toMatch(/no interface of this node has a subnet with 192\.0\.2\.100/);
    network = { interfaces: [eth0], defaultInterface: {} };
    await vi.advanceTimersByTimeAsync(6000);
    expect(offered).toHaveLength(1);
    expect(nodeProblem(configurator.problems)).toBeNull();
  });

  it('offers what new settings ask for', async () => {
    await configurator.start();
    const settings = defaultSettings();
    settings.vrrp.addresses.push('192.0.2.101');
    desire(settings);
    await configurator.reconcile();
    expect(offered[1]).toContain('192.0.2.101/32 dev eth0');
  });

  it('offers the instances of a plan, and says by the digest of the text which plan that was', async () => {
    configurator = create(defaultSettings(), planOf('p1', '192.0.2.101'));
    await configurator.start();
    expect(offered).toHaveLength(1);
    expect(offered[0]).toMatch(/^vrrp_instance vip \{$/m);
    expect(offered[0]).toMatch(/^vrrp_instance a-0 \{$/m);
    expect(onConfigured.mock.calls[0]?.[0]).toMatchObject({
      plan: 'p1',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('offers nothing new for a plan that only ranks nodes anew, but says that it is carried out', async () => {
    configurator = create(defaultSettings(), planOf('p1', '192.0.2.101'));
    await configurator.start();
    desire(defaultSettings(), planOf('p2', '192.0.2.101'));
    await configurator.reconcile();
    expect(offered).toHaveLength(1);
    expect(onConfigured).toHaveBeenLastCalledWith(expect.objectContaining({ plan: 'p2' }), false);
  });

  it('lets an instance fall out that this node cannot run, and no other', async () => {
    configurator = create(defaultSettings(), planOf('p1', '192.0.2.101', '2001:db8::1'));
    await configurator.start();
    expect(offered[0]).toContain('vrrp_instance a-0');
    expect(offered[0]).not.toContain('vrrp_instance a-1');
    expect(nodeProblem(configurator.problems)).toBeNull();
    expect(configurator.problems).toEqual([
      { instance: 'a-1', message: expect.stringContaining('2001:db8::1'), shown: { as: 'pool', pool: 'a' } },
    ]);
    expect(onProblem).toHaveBeenCalledOnce();
  });

  it('takes instances away with the plan, down to a keepalived that does nothing', async () => {
    const settings = defaultSettings();
    settings.vrrp.addresses = [];
    settings.pools.enabled = true;
    configurator = create(settings, planOf('p1', '192.0.2.101'));
    await configurator.start();
    desire(settings, null);
    await configurator.reconcile();
    expect(offered).toHaveLength(2);
    expect(offered[1]).not.toContain('vrrp_instance');
    expect(onConfigured).toHaveBeenLastCalledWith(expect.objectContaining({ plan: null, instances: [] }), true);
  });

  it('tells a problem as long as it lasts, and offers nothing new when it ends', async () => {
    await configurator.start();
    network = { interfaces: [{ ...eth0, addresses: [] }], defaultInterface: {} };
    await vi.advanceTimersByTimeAsync(6000);
    expect(nodeProblem(configurator.problems)).toContain('eth0 has no IPv4 address of its own');
    expect(configurator.isIncomplete('vip')).toBe(true);
    expect(onChange).toHaveBeenCalledTimes(2);
    network = { interfaces: [eth0], defaultInterface: {} };
    await vi.advanceTimersByTimeAsync(6000);
    expect(nodeProblem(configurator.problems)).toBeNull();
    expect(configurator.isIncomplete('vip')).toBe(false);
    expect(offered).toHaveLength(1);
  });

  it('keeps where things were found over a restart in which the own address is gone', async () => {
    await configurator.start();
    configurator.stop();
    const [placements] = onPlacements.mock.lastCall ?? [];
    network = {
      interfaces: [
        { ...eth0, addresses: [] },
        { ...eth1, addresses: [] },
      ],
      defaultInterface: { 4: 'eth1' },
    };
    const [first] = offered;
    configurator = create(defaultSettings(), null, JSON.parse(JSON.stringify(placements)));
    await configurator.start();
    expect(offered.at(-1)).toBe(first);
  });

  it('refuses an address that is on the node without having been put there, and looks again when that is known', async () => {
    network = { interfaces: [{ ...eth0, addresses: [...eth0.addresses, vip] }], defaultInterface: {} };
    await configurator.start();
    expect(offered).toHaveLength(1);
    managedAddresses = new Set();
    await configurator.reconcile();
    expect(nodeProblem(configurator.problems)).toContain("192.0.2.100 is an address of this node's own, on eth0");
    managedAddresses = new Set(['192.0.2.100']);
    await configurator.reconcile();
    expect(nodeProblem(configurator.problems)).toBeNull();
  });

  it('takes the default route’s interface only when the node’s network had the time to come up', async () => {
    network = { interfaces: [{ ...eth0, addresses: [] }, eth2], defaultInterface: { 4: 'eth2' } };
    await configurator.start();
    expect(offered).toEqual([]);
    expect(nodeProblem(configurator.problems)).toContain('no interface of this node has a subnet with 192.0.2.100 yet');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(offered).toEqual([]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(offered.at(-1)).toContain('192.0.2.100/24 dev eth2');
    network = { interfaces: [eth0, eth2], defaultInterface: { 4: 'eth2' } };
    await vi.advanceTimersByTimeAsync(5000);
    expect(offered.at(-1)).toContain('192.0.2.100/32 dev eth0');
  });

  it('asks what was put on after it has read the network: what is put on meanwhile is not seen, and is no own address', async () => {
    const calls: string[] = [];
    const note = <T>(name: string, value: T): T => {
      calls.push(name);
      return value;
    };
    configurator = new Configurator(
      { node: 'node1', nodeAddress: '', runtimeDirectory: '/run/vip' },
      {
        desiredNode: () => desiredNode,
        readNetwork: async () => note('network', network),
        managedAddresses: async () => note('put on', managedAddresses),
        offer: async () => true,
        onConfigured,
        onProblem,
      },
    );
    await configurator.start();
    expect(calls).toEqual(['network', 'put on']);
  });

  it('refuses an address that the API says is another node’s', async () => {
    configurator = create(defaultSettings(), planOf('p1', '192.0.2.101'));
    await configurator.setNodesByAddress(new Map([['192.0.2.101', 'node2']]));
    expect(offered.at(-1)).not.toContain('a-0');
    expect(configurator.problems).toEqual([
      {
        instance: 'a-0',
        message: expect.stringContaining('192.0.2.101 is the address of the node node2'),
        shown: { as: 'pool', pool: 'a' },
      },
    ]);
  });

  it('goes on with what runs while no instance can be run of those that keep their last good form, also of several', async () => {
    const others = [10, 20].map((last) =>
      anotherOwn(`vip${last}`, { virtualRouterId: last, addresses: [`192.0.2.1${last}`] }),
    );
    const all = { ...desiredOf(defaultSettings()), instances: others };
    desiredNode = { desired: all, keepalived: keepalivedOptions(defaultSettings()) };
    await configurator.start();
    expect(offered.at(-1)).toMatch(/vrrp_instance vip10 [\s\S]*vrrp_instance vip20 /);
    network = { interfaces: [], defaultInterface: {} };
    await configurator.reconcile();
    expect(offered).toHaveLength(1);
    expect(configurator.problems.map(({ shown }) => shown.as)).toEqual(['node', 'node']);
    desiredNode = { ...desiredNode, desired: { ...all, instances: [] } };
    await configurator.reconcile();
    expect(offered.at(-1)).not.toContain('vrrp_instance');
  });

  it('tells which addresses are the node’s own', async () => {
    await configurator.start();
    expect(configurator.ownAddresses).toEqual(['192.0.2.11/24']);
  });

  it('gives each instance its own password, and leaves out the one alone whose password cannot be read', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'password-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'api_1'), 'first');
    writeFileSync(join(directory, 'api_2'), 'second');
    const settings = defaultSettings();
    settings.vrrp = { ...settings.vrrp, addresses: [], version: 2, advertIntervalSeconds: 1 };
    settings.controlPlaneLoadBalancing = controlPlaneSchema.parse({
      enabled: true,
      keepalived: {
        vrrpInstances: [1, 2, 3].map((number) => ({
          virtualIPs: [`192.0.2.${100 + number}/24`],
          authPassFile: join(directory, `api_${number}`),
        })),
      },
    });
    configurator = create(settings);
    await configurator.start();
    expect(offered.at(-1)).toMatch(
      /vrrp_instance api_1 [^}]*auth_pass "first".*vrrp_instance api_2 [^}]*auth_pass "second"/s,
    );
    expect(offered.at(-1)).not.toContain('api_3');
    expect(nodeProblem(configurator.problems)).toMatch(
      /^controlPlaneLoadBalancing\.keepalived\.vrrpInstances\[2\]\.authPass: cannot be read: ENOENT/,
    );
    writeFileSync(join(directory, 'api_3'), 'third');
    await configurator.reconcile();
    expect(offered.at(-1)).toMatch(/vrrp_instance api_3 [^}]*auth_pass "third"/);
    expect(configurator.problems).toEqual([]);
  });

  it('lets the instances of pools run on while the password cannot be read: that says nothing against what runs', async () => {
    const settings = defaultSettings();
    settings.vrrp = {
      ...settings.vrrp,
      addresses: [],
      version: 2,
      advertIntervalSeconds: 1,
      authPasswordFile: '/none',
    };
    configurator = create(settings, planOf('p', '192.0.2.101'));
    await configurator.start();
    expect(offered).toEqual([]);
    expect(configurator.problems).toMatchObject([
      { instance: 'a-0', message: expect.stringMatching(/^keepalived\.authPassword: cannot be read: ENOENT/) },
    ]);
  });

  it.each(['', 'ninechars', 'a b', 'a"b', 'a\\b', 'ä'])(
    'refuses the password "%s" by its field, without showing it',
    async (password) => {
      const directory = mkdtempSync(join(tmpdir(), 'password-'));
      onTestFinished(() => rmSync(directory, { recursive: true }));
      const path = join(directory, 'authPassword');
      writeFileSync(path, password);
      const settings = defaultSettings();
      settings.vrrp = { ...settings.vrrp, version: 2, advertIntervalSeconds: 1, authPasswordFile: path };
      configurator = create(settings);
      await configurator.start();
      expect(offered).toEqual([]);
      expect(nodeProblem(configurator.problems)).toBe(
        'keepalived.authPassword: is not 1 to 8 printable ASCII characters without blank, quote and backslash; change it',
      );
    },
  );
});
