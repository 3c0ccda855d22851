import { afterEach, describe, expect, it } from 'vitest';
import { BANDS } from '../../api/bands.ts';
import { API_PORT } from '../lab/network-plan.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { mustSkip } from '../support/needs.ts';
import { ip } from '../support/netns.ts';
import { waitFor } from '../support/wait.ts';
import { LAB_NEEDS, LabUnderTest } from './lab-under-test.ts';
import {
  apply,
  applyPeers,
  lostSince,
  others,
  ownNetwork,
  sourceOf,
  statusOf,
  waitForProblem,
  watched,
} from './networks/lab-questions.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('own addresses, strays, sources and drains on one interface', LAB_NEEDS);

describe.skipIf(skip)('on one interface with default routes', repeated, () => {
  const lab = new LabUnderTest({ name: 'one', network: 'routed' });
  lab.register();
  afterEach(() => lab.heal());

  it.each([64, 128])('nobody speaks from a virtual IPv6 address with /%d', async (length) => {
    const vip = 'fd00:172:30::100';
    await apply(lab, `keepalived.vipAddresses={${vip}/${length}}`);
    const host = lab.host(await lab.ready());
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
    const own = lab.host('node2');
    // What is compared is without the routes of a virtual IPv6 address that a node holds from the test before.
    await apply(lab, 'keepalived.vipAddressCidr=172.30.0.100/24');
    await lab.ready();
    const before = await Promise.all(lab.nodes.map((node) => ownNetwork(lab.host(node))));
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
      expect(await lostSince(before[index] ?? [], lab.host(node))).toEqual([]);
    }
  });

  it('a second address of the node’s own is refused by that node, taken by no other, and never removed', async () => {
    const [owner = ''] = others(lab, await lab.ready());
    const { netns } = lab.host(owner);
    await ip(['address', 'add', '172.30.0.77/24', 'dev', 'eth0'], netns);
    try {
      await apply(lab, 'keepalived.vipAddressCidr=172.30.0.77/24');
      await waitForProblem(lab, owner, /172\.30\.0\.77/);
      const haveIt = () => lab.holders('172.30.0.77').then((names) => names.join());
      await waitFor('only its owner to have it', async () => (await haveIt()) === owner);
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
    await applyPeers(lab, '172.30.0.', 'keepalived.vipAddressCidr=172.30.0.100/24');
    const holder = await lab.ready();
    const [backup = ''] = others(lab, holder);
    const violations = await watched(lab, 'eth0', async (wait) => {
      await lab.inject('address-lost', backup);
      await wait();
      expect(await lab.holders()).toEqual([holder]);
      await waitForProblem(lab, backup, /eth0|172\.30\.0\./);
      await lab.heal();
      await waitForProblem(lab, backup, null);
    });
    expect(violations).toEqual([]);
    expect(await lab.ready()).toBe(holder);
  });

  it('an own address that was away for five seconds leaves no problem behind', async () => {
    await apply(lab, 'keepalived.vipAddressCidr=172.30.0.100/24');
    const [backup = ''] = others(lab, await lab.ready());
    await lab.inject('address-lost', backup);
    await waitForProblem(lab, backup, /./);
    await lab.heal();
    await waitForProblem(lab, backup, null);
    await lab.ready();
  });

  it('an address that somebody adds by hand on a backup is removed within seconds, and the holder keeps it', async () => {
    await apply(lab, 'keepalived.vipAddressCidr=172.30.0.100/24');
    const holder = await lab.ready();
    const before = await lab.transitions();
    const [backup = ''] = others(lab, holder);
    await lab.inject('vip-by-hand', backup);
    await waitFor('the stray to be removed', async () => (await lab.holders()).join() === holder);
    expect(await watched(lab, 'eth0', (wait) => wait())).toEqual([]);
    expect(await lab.holders()).toEqual([holder]);
    expect(await lab.transitions()).toEqual(before);
  });

  it('a node without IPv6 is the last to hold a pair of addresses, and repairs itself when it has it again', async () => {
    const pair = ['172.30.0.100', 'fd00:172:30::100'] as const;
    await apply(lab, `keepalived.vipAddresses={${pair[0]}/24,${pair[1]}/64}`);
    const holder = await lab.ready();
    const [third = '', lame = ''] = others(lab, holder);
    await lab.inject('ipv6-off', lame);
    await waitFor(`${lame} to be less fit`, async () => (await statusOf(lab, lame)).fitness?.band === BANDS.incomplete);
    await lab.inject('cordon', third);
    await lab.inject('drain', holder);
    await waitFor(`${third} to be cordoned`, async () => (await statusOf(lab, third)).fitness?.band === BANDS.draining);
    for (const address of pair) expect([lame]).not.toEqual(await lab.holders(address));
    for (const node of [holder, third]) await lab.inject('switch-cut', node);
    await waitFor(`${lame} to hold what it can`, async () => (await lab.holders(pair[0])).includes(lame));
    await lab.heal({ fault: 'ipv6-off' });
    await waitFor(`${lame} to hold both`, async () => (await lab.holders(pair[1])).includes(lame));
    await lab.heal();
    await lab.oneHolder();
  });

  it('a drain moves the address though the kubelet check fails on every node', async () => {
    const quick = ['IntervalX=0.5', 'FailAfterX=2'].map((text) => `keepalived.checkKubelet${text.replace('X', '')}`);
    await apply(lab, 'keepalived.vipAddressCidr=172.30.0.100/24', ...quick);
    const holder = await lab.ready();
    await lab.inject('kubelet-down', 'all');
    const kubelets = () => Promise.all(lab.nodes.map(async (node) => (await statusOf(lab, node)).fitness?.reason));
    const failed = async () => (await kubelets()).every((reason) => reason === 'kubelet check failed');
    await waitFor('every kubelet to have failed', failed);
    expect(await lab.holders()).toEqual([holder]);
    await lab.inject('drain', holder);
    await lab.movedFrom(holder);
  });
});
