import { afterEach, describe, expect, it } from 'vitest';
import { healFaults } from '../lab/fault-control.ts';
import { ip, sysctl } from '../lab/netns.ts';
import { API_PORT } from '../lab/network-plan.ts';
import { waitFor } from '../lab/wait.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { LabUnderTest } from './lab-under-test.ts';
import {
  apply,
  hostOf,
  LOOKED,
  lostSince,
  ownNetwork,
  peers,
  problemOf,
  sourceOf,
  statusOf,
  waitForProblem,
  watched,
} from './networks/lab-questions.ts';

const NEEDS = [canMakeNamespaces, command('nginx'), command('mmdebstrap'), command('curl')];
const repeated = repeatedWhenDisturbed();
const skip = mustSkip('interfaces and sources on networks as they are', NEEDS);

const others = (lab: LabUnderTest, holder: string) => lab.nodes.filter((name) => name !== holder);

describe.skipIf(skip)('an address in the subnet of the second interface', repeated, () => {
  const lab = new LabUnderTest({ name: 'second', network: 'twonics' });
  lab.register();
  afterEach(() => healFaults(lab.name));

  it.each([
    { onHolder: 'link-down', onBackup: 'address-lost' },
    { onHolder: 'address-lost', onBackup: 'link-down' },
  ] as const)(
    'never goes to the first when the second loses cable or address: $onHolder on the holder, $onBackup on a backup',
    async ({ onHolder, onBackup }) => {
      const holder = await lab.ready();
      const [sound = '', struck = ''] = others(lab, holder);
      const violations = await watched(lab, 'eth1', async (wait) => {
        await lab.fault(onBackup, struck, 'eth1');
        await lab.fault(onHolder, holder, 'eth1');
        await wait();
        expect(await lab.holders()).toEqual([sound]);
        for (const node of [holder, struck]) await waitForProblem(lab, node, /eth1/);
        await healFaults(lab.name);
        for (const node of lab.nodes) await waitForProblem(lab, node, null);
        await lab.oneHolder();
      });
      expect(violations).toEqual([]);
    },
  );

  it('is held by one node when VRRP is spoken with peers on the first', async () => {
    await apply(lab, 'keepalived.vipAddressCidr=172.31.0.100/24', peers(lab, '172.30.0.'));
    await lab.ready();
    const violations = await watched(lab, 'eth1', (wait) => wait());
    expect(violations).toEqual([]);
    expect(await lab.holders()).toHaveLength(1);
    for (const node of lab.nodes) expect(await problemOf(lab, node)).toBeNull();
  });

  it('is refused with a sentence where no peer is this node', async () => {
    await apply(
      lab,
      'keepalived.vipAddressCidr=172.31.0.100/24',
      'keepalived.unicastPeers={172.31.9.1,172.31.9.2,172.31.9.3}',
    );
    for (const node of lab.nodes) await waitForProblem(lab, node, /unicastPeers.*172\.31\.0\./);
  });

  it('reloads no keepalived when its prefix is left open and the cable or the address is away', async () => {
    await apply(lab, 'keepalived.vipAddressCidr=172.31.0.100');
    const holder = await lab.ready();
    const [backup = ''] = others(lab, holder);
    const running = async () => (await statusOf(lab, backup)).keepalived.configSha256;
    const before = await running();
    for (const fault of ['link-down', 'address-lost'] as const) {
      const violations = await watched(lab, 'eth1', async (wait) => {
        await lab.fault(fault, backup, 'eth1');
        await wait();
        expect([fault, await running()]).toEqual([fault, before]);
        await healFaults(lab.name);
        await wait();
      });
      expect(violations).toEqual([]);
    }
    expect(await running()).toBe(before);
  });
});

describe.skipIf(skip)('unicast on an interface with two subnets', repeated, () => {
  const lab = new LabUnderTest({ name: 'subnets', network: 'twosubnets' });
  lab.register();
  afterEach(() => healFaults(lab.name));

  it('is spoken from the own address that is in the list', async () => {
    await apply(lab, 'keepalived.vipAddressCidr=172.31.0.100/24', peers(lab, '172.31.0.'));
    await lab.ready();
    expect(await watched(lab, 'eth0', (wait) => wait())).toEqual([]);
    expect(await lab.holders()).toHaveLength(1);
  });

  it.each(['fd00:172:30::', 'fd00:172:31::'])(
    'goes on when a second IPv6 address comes, with peers in %s',
    async (prefix) => {
      await apply(lab, `keepalived.vipAddresses={${prefix}100/64}`, peers(lab, prefix));
      const holder = await lab.ready();
      const before = await lab.transitions();
      const violations = await watched(lab, 'eth0', async (wait) => {
        await lab.fault('second-address', 'all');
        await wait();
        await healFaults(lab.name);
        await wait();
      });
      expect(violations).toEqual([]);
      expect(await lab.holders()).toEqual([holder]);
      expect(await lab.transitions()).toEqual(before);
    },
  );
});

describe.skipIf(skip)('on one interface with default routes', repeated, () => {
  const lab = new LabUnderTest({ name: 'one', network: 'routed' });
  lab.register();
  afterEach(() => healFaults(lab.name));

  it.each([64, 128])('nobody speaks from a virtual IPv6 address with /%d', async (length) => {
    const vip = 'fd00:172:30::100';
    await apply(lab, `keepalived.vipAddresses={${vip}/${length}}`);
    const host = hostOf(lab, await lab.ready());
    const own = host.nics[0].addresses.find((address) => address.includes(':'))?.replace(/\/.*/, '');
    for (const to of ['fd00:172:30::5', '2001:db8::1']) {
      expect([to, await ip(['-6', 'route', 'get', to], host.netns)]).toEqual([
        to,
        expect.stringContaining(`src ${own} `),
      ]);
    }
    expect(await sourceOf(host, 'fd00:172:30::5', API_PORT)).toBe(own);
  });

  it('a node’s own address is refused as a virtual one on every node and lost by none, and works when corrected', async () => {
    const own = hostOf(lab, 'node2');
    const before = await Promise.all(lab.nodes.map((node) => ownNetwork(hostOf(lab, node))));
    await apply(lab, 'keepalived.vipAddressCidr=172.30.0.12/24');
    await waitForProblem(lab, 'node2', /172\.30\.0\.12 is an address of this node's own, on eth0/);
    for (const node of ['node1', 'node3']) await waitForProblem(lab, node, /172\.30\.0\.12 .*node2/);
    expect(await watched(lab, 'eth0', (wait) => wait())).toEqual([]);
    expect(await lab.holders('172.30.0.12')).toEqual([]); // nobody but the node that owns it
    expect(await lostSince(before[1] ?? [], own)).toEqual([]);
    await apply(lab, 'keepalived.vipAddressCidr=172.30.0.100/24');
    await lab.ready();
    for (const node of lab.nodes) await waitForProblem(lab, node, null);
    for (const [index, node] of lab.nodes.entries()) {
      expect(await lostSince(before[index] ?? [], hostOf(lab, node))).toEqual([]);
    }
  });

  it('a second address of the node’s own is refused by that node, taken by no other, and never removed', async () => {
    const [owner = ''] = others(lab, await lab.ready());
    const { netns } = hostOf(lab, owner);
    await ip(['address', 'add', '172.30.0.77/24', 'dev', 'eth0'], netns);
    try {
      await apply(lab, 'keepalived.vipAddressCidr=172.30.0.77/24');
      await waitForProblem(lab, owner, /172\.30\.0\.77/);
      const haveIt = () => lab.holders('172.30.0.77').then((names) => names.join());
      await waitFor('only its owner to have it', async () => (await haveIt()) === owner, LOOKED);
      await watched(lab, 'eth0', (wait) => wait());
      expect(await haveIt()).toBe(owner);
      await apply(lab, 'keepalived.vipAddressCidr=172.30.0.100/24');
      await waitForProblem(lab, owner, null);
      await lab.oneHolder();
      expect(await ip(['address', 'show', 'dev', 'eth0'], netns)).toContain(' 172.30.0.77/24 ');
    } finally {
      await ip(['address', 'delete', '172.30.0.77/24', 'dev', 'eth0'], netns).catch(() => '');
    }
  });

  it('a backup that loses its own address takes nothing from a healthy holder, and says so only as long as it lasts', async () => {
    await apply(lab, 'keepalived.vipAddressCidr=172.30.0.100/24', peers(lab, '172.30.0.'));
    const holder = await lab.ready();
    const [backup = ''] = others(lab, holder);
    const violations = await watched(lab, 'eth0', async (wait) => {
      await lab.fault('address-lost', backup);
      await wait();
      expect(await lab.holders()).toEqual([holder]);
      await waitForProblem(lab, backup, /eth0|172\.30\.0\./);
      await healFaults(lab.name);
      await waitForProblem(lab, backup, null);
    });
    expect(violations).toEqual([]);
    expect(await lab.ready()).toBe(holder);
  });

  it('an own address that was away for five seconds leaves no problem behind', async () => {
    await apply(lab, 'keepalived.vipAddressCidr=172.30.0.100/24');
    const [backup = ''] = others(lab, await lab.ready());
    await lab.fault('address-lost', backup);
    await waitForProblem(lab, backup, /./);
    await healFaults(lab.name);
    await waitForProblem(lab, backup, null);
    await lab.ready();
  });

  it('an address that somebody adds by hand on a backup is removed within seconds, and the holder keeps it', async () => {
    await apply(lab, 'keepalived.vipAddressCidr=172.30.0.100/24');
    const holder = await lab.ready();
    const before = await lab.transitions();
    const [backup = ''] = others(lab, holder);
    await lab.fault('vip-by-hand', backup);
    await waitFor('the stray to be removed', async () => (await lab.holders()).join() === holder, { limitMs: 5000 });
    expect(await watched(lab, 'eth0', (wait) => wait())).toEqual([]);
    expect(await lab.holders()).toEqual([holder]);
    expect(await lab.transitions()).toEqual(before);
  });

  it('a node without IPv6 is the last to hold a pair of addresses, and repairs itself when it has it again', async () => {
    const pair = ['172.30.0.100', 'fd00:172:30::100'] as const;
    await apply(lab, `keepalived.vipAddresses={${pair[0]}/24,${pair[1]}/64}`);
    const holder = await lab.ready();
    const [third = '', lame = ''] = others(lab, holder);
    await lab.fault('ipv6-off', lame);
    await waitFor(`${lame} to be less fit`, async () => (await statusOf(lab, lame)).fitness?.band === 4, LOOKED);
    await lab.fault('cordon', third);
    await lab.fault('drain', holder);
    await waitFor(`${third} to be cordoned`, async () => (await statusOf(lab, third)).fitness?.band === 3, LOOKED);
    for (const address of pair) expect([lame]).not.toEqual(await lab.holders(address));
    for (const node of [holder, third]) await lab.fault('switch-cut', node);
    await waitFor(`${lame} to hold what it can`, async () => (await lab.holders(pair[0])).includes(lame), LOOKED);
    await healFaults(lab.name, { fault: 'ipv6-off' });
    await waitFor(`${lame} to hold both`, async () => (await lab.holders(pair[1])).includes(lame), LOOKED);
    await healFaults(lab.name);
    await lab.oneHolder();
  });

  it('a drain moves the address though the kubelet check fails on every node', async () => {
    const quick = ['IntervalX=0.5', 'FailAfterX=2'].map((text) => `keepalived.checkKubelet${text.replace('X', '')}`);
    await apply(lab, 'keepalived.vipAddressCidr=172.30.0.100/24', ...quick);
    const holder = await lab.ready();
    await lab.fault('kubelet-down', 'all');
    const kubelets = () => Promise.all(lab.nodes.map(async (node) => (await statusOf(lab, node)).fitness?.reason));
    const failed = async () => (await kubelets()).every((reason) => reason === 'kubelet check failed');
    await waitFor('every kubelet to have failed', failed, LOOKED);
    expect(await lab.holders()).toEqual([holder]);
    await lab.fault('drain', holder);
    await lab.movedFrom(holder);
  });
});

describe.skipIf(skip)('overlapping subnets', repeated, () => {
  const lab = new LabUnderTest({ name: 'overlap', network: 'overlap', nodes: 2 });
  lab.register();

  it('the narrowest that contains the address has it', async () => {
    const host = hostOf(lab, await lab.ready());
    expect(await ip(['address', 'show', 'dev', 'eth1'], host.netns)).toContain(` ${lab.address}/`);
  });
});

describe.skipIf(skip)('bridges of container runtimes', repeated, () => {
  const lab = new LabUnderTest({ name: 'bridges', network: 'bridges', nodes: 2 });
  lab.register();

  it.each([
    { where: 'in the subnet of eth0 too', vip: '172.30.0.100' },
    { where: 'in the subnet of docker0 alone', vip: '172.30.77.100' },
    { where: 'in the subnet of cni0 alone', vip: '10.244.0.100' },
  ])('never have an address that is $where', async ({ vip }) => {
    await apply(lab, `keepalived.vipAddressCidr=${vip}/24`);
    const host = hostOf(lab, await lab.ready());
    expect(await ip(['address', 'show', 'dev', 'eth0'], host.netns)).toContain(` ${vip}/`);
    for (const node of lab.nodes) expect(await problemOf(lab, node)).toBeNull();
  });
});

describe.skipIf(skip)('an interface without an address', repeated, () => {
  const lab = new LabUnderTest({ name: 'bare', network: 'bare', nodes: 2 });
  lab.register();
  const VIP = 'keepalived.vipAddressCidr=172.31.0.100/24';

  it('is named where VRRP cannot be spoken on it', async () => {
    await apply(lab, VIP, 'keepalived.vrrpInterfaceName=eth1', 'keepalived.vipInterfaceName=eth1');
    for (const node of lab.nodes) await waitForProblem(lab, node, /eth1.*address|address.*eth1/);
  });

  it('is found by its MAC address', async () => {
    const mac = hostOf(lab, 'node1').nics[1]?.mac;
    // Without even a link-local address.
    await sysctl(hostOf(lab, 'node1').netns, { 'net.ipv6.conf.eth1.disable_ipv6': '1' });
    await apply(lab, VIP, 'keepalived.vrrpInterfaceName=eth0', `keepalived.vipInterfaceName=${mac}`);
    await waitForProblem(lab, 'node2', new RegExp(`no interface.*${mac}`));
    await waitForProblem(lab, 'node1', null);
    await waitFor('node1 to hold it', async () => (await lab.holders()).join() === 'node1', LOOKED);
    expect(await ip(['address', 'show', 'dev', 'eth1'], hostOf(lab, 'node1').netns)).toContain(' 172.31.0.100/');
  });
});
