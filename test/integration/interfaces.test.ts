import { afterEach, describe, expect, it } from 'vitest';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { mustSkip } from '../support/needs.ts';
import { ip, sysctl } from '../support/netns.ts';
import { waitFor } from '../support/wait.ts';
import { LAB_NEEDS, LabUnderTest } from './lab-under-test.ts';
import { apply, applyPeers, others, problemOf, statusOf, waitForProblem, watched } from './networks/lab-questions.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('interfaces and sources on networks as they are', LAB_NEEDS);

describe.skipIf(skip)('an address in the subnet of the second interface', repeated, () => {
  const lab = new LabUnderTest({ name: 'second', network: 'twonics' });
  lab.register();
  afterEach(() => lab.heal());

  it.each([
    { onHolder: 'link-down', onBackup: 'address-lost' },
    { onHolder: 'address-lost', onBackup: 'link-down' },
  ] as const)(
    'never goes to the first when the second loses cable or address: $onHolder on the holder, $onBackup on a backup',
    async ({ onHolder, onBackup }) => {
      const holder = await lab.ready();
      const [sound = '', struck = ''] = others(lab, holder);
      const violations = await watched(lab, 'eth1', async (wait) => {
        await lab.inject(onBackup, struck, 'eth1');
        await lab.inject(onHolder, holder, 'eth1');
        await wait();
        expect(await lab.holders()).toEqual([sound]);
        for (const node of [holder, struck]) await waitForProblem(lab, node, /eth1/);
        await lab.heal();
        for (const node of lab.nodes) await waitForProblem(lab, node, null);
        await lab.oneHolder();
      });
      expect(violations).toEqual([]);
    },
  );

  it('is held by one node when VRRP is spoken with peers on the first', async () => {
    await applyPeers(lab, '172.30.0.', 'keepalived.vipAddressCidr=172.31.0.100/24');
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
        await lab.inject(fault, backup, 'eth1');
        await wait();
        expect([fault, await running()]).toEqual([fault, before]);
        await lab.heal();
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
  afterEach(() => lab.heal());

  it('is spoken from the own address that is in the list', async () => {
    await applyPeers(lab, '172.31.0.', 'keepalived.vipAddressCidr=172.31.0.100/24');
    await lab.ready();
    expect(await watched(lab, 'eth0', (wait) => wait())).toEqual([]);
    expect(await lab.holders()).toHaveLength(1);
  });

  it.each(['fd00:172:30::', 'fd00:172:31::'])(
    'goes on when a second IPv6 address comes, with peers in %s',
    async (prefix) => {
      await applyPeers(lab, prefix, `keepalived.vipAddresses={${prefix}100/64}`);
      const holder = await lab.ready();
      const before = await lab.transitions();
      const violations = await watched(lab, 'eth0', async (wait) => {
        await lab.inject('second-address', 'all');
        await wait();
        await lab.heal();
        await wait();
      });
      expect(violations).toEqual([]);
      expect(await lab.holders()).toEqual([holder]);
      expect(await lab.transitions()).toEqual(before);
    },
  );
});

describe.skipIf(skip)('overlapping subnets', repeated, () => {
  const lab = new LabUnderTest({ name: 'overlap', network: 'overlap', nodes: 2 });
  lab.register();

  it('the narrowest that contains the address has it', async () => {
    const host = lab.host(await lab.ready());
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
    const host = lab.host(await lab.ready());
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
    const mac = lab.host('node1').nics[1]?.mac;
    // Without even a link-local address.
    await sysctl(lab.host('node1').netns, { 'net.ipv6.conf.eth1.disable_ipv6': '1' });
    await apply(lab, VIP, 'keepalived.vrrpInterfaceName=eth0', `keepalived.vipInterfaceName=${mac}`);
    await waitForProblem(lab, 'node2', new RegExp(`no interface.*${mac}`));
    await waitForProblem(lab, 'node1', null);
    await waitFor('node1 to hold it', async () => (await lab.holders()).join() === 'node1');
    expect(await ip(['address', 'show', 'dev', 'eth1'], lab.host('node1').netns)).toContain(' 172.31.0.100/');
  });
});
