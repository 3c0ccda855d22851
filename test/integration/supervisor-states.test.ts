import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Container, execInContainer } from '../support/container.ts';
import { ip, ipBatch } from '../support/netns.ts';
import type { Looks } from '../support/supervisor-looks.ts';
import { config, FIRST, SECOND } from './supervisor/config.ts';
import { mustSkipSupervisor, TestNetwork } from './supervisor/network.ts';
import type { TestNode } from './supervisor/node.ts';

const skip = mustSkipSupervisor('states and addresses under the supervisor');
const IPV6 = '2001:db8::100';
/** The supervisor gives up on keepalived's answer after two seconds, and who wants to know asks again. */
const ASKED_AGAIN_MS = 4000;
const HOLDER = config({ addresses: [FIRST], instance: 'vip' });
const BACKUP = config({ addresses: [FIRST], instance: 'vip', priority: 200 });

describe.skipIf(skip)('the supervisor, told by keepalived which instances are MASTER', () => {
  const network = new TestNetwork();
  network.register();

  /** A node that holds the address and one that is its backup. */
  async function pair(looks: Looks): Promise<{ holder: TestNode; backup: TestNode; container: Container }> {
    const holder = await network.node();
    await holder.serve(HOLDER, { address: FIRST });
    const { node: backup, container } = await startBackup(await network.node(), looks);
    return { holder, backup, container };
  }

  async function startBackup(node: TestNode, looks: Looks): Promise<{ node: TestNode; container: Container }> {
    node.offer(BACKUP);
    const container = await node.start({ looks });
    await node.until('is backup', () => node.log.includes('Entering BACKUP STATE'));
    return { node, container };
  }

  /** Asks for the states as the sidecar does, until the status has what is waited for. */
  async function askUntil(node: TestNode, what: string, condition: () => boolean): Promise<void> {
    let askedMs = Number.NEGATIVE_INFINITY;
    await node.until(what, () => {
      if (condition()) return true;
      if (performance.now() - askedMs < ASKED_AGAIN_MS) return false;
      node.place('states.wanted', '');
      node.wake();
      askedMs = performance.now();
      return false;
    });
  }

  function setIpv6(node: TestNode, on: boolean): void {
    const setting = `net.ipv6.conf.eth0.disable_ipv6=${on ? 0 : 1}`;
    execFileSync('ip', ['netns', 'exec', node.netns, 'sysctl', '-qw', setting]);
  }

  it('tells their states when it is asked, and leaves nothing of what keepalived wrote', async () => {
    const { holder, backup, container } = await pair('never');
    const changes = await holder.watchAddresses();
    for (const node of [holder, backup]) await askUntil(node, 'tells', () => node.status.instances.length > 0);
    expect(holder.status.instances).toEqual([{ name: 'vip', state: 'MASTER' }]);
    expect(backup.status.instances).toEqual([{ name: 'vip', state: 'BACKUP' }]);
    expect(existsSync(join(backup.runtime, 'states.wanted'))).toBe(false);
    expect(await changes()).toEqual([]);
    const dumps = await execInContainer(container, { argv: ['/bin/sh', '-c', 'ls /tmp'] });
    expect(dumps.stdout).not.toContain('keepalived.data');
  });

  it('tells them anew when they have changed, also without being asked when addresses show it', async () => {
    const { holder, backup } = await pair('often');
    await askUntil(backup, 'tells', () => backup.status.instances[0]?.state === 'BACKUP');
    await ip(['link', 'set', 'eth0', 'down'], holder.netns);
    await backup.until('takes over', () => backup.has(FIRST));
    await askUntil(holder, 'is in FAULT', () => holder.status.instances[0]?.state === 'FAULT');
    await backup.until('knows it without being asked', () => backup.status.instances[0]?.state === 'MASTER');
  });

  it('tells those of the instances that there are after a reload', async () => {
    const node = await network.node();
    await node.serve(HOLDER, { address: FIRST });
    const other = config({ addresses: [SECOND], instance: 'other' })
      .replace('vrrp_instance vip', 'vrrp_instance other')
      .replace('router_id 10', 'router_id 11');
    node.offer(`${HOLDER}${other.slice(other.indexOf('vrrp_instance other'))}#! address eth0 ${SECOND}/24 other\n`);
    await node.until('has both', () => node.has(SECOND));
    const states = (): string => node.status.instances.map(({ name, state }) => `${name} ${state}`).join();
    await askUntil(node, 'tells both', () => states() === 'vip MASTER,other MASTER');
    node.offer(HOLDER);
    await node.until('has one', async () => !(await node.has(SECOND)));
    await askUntil(node, 'tells one', () => states() === 'vip MASTER');
  });

  it.each([
    ['as it is configured', `${FIRST}/24`, 'eth0'],
    ['with another prefix', `${FIRST}/32`, 'eth0'],
    ['on another interface', `${FIRST}/24`, 'other'],
  ])('removes an address %s that somebody added on a backup', async (_how, address, device) => {
    const { holder, backup } = await pair('often');
    const changes = await holder.watchAddresses();
    await ipBatch(
      ['link add other type bridge', 'link set other up', `address add ${address} dev ${device}`],
      backup.netns,
    );
    const there = async (): Promise<boolean> => (await ip(['-o', 'address', 'show', 'to', FIRST], backup.netns)) !== '';
    expect(await there()).toBe(true);
    await backup.until('removes it', async () => !(await there()));
    const said = `must not have it now; somebody else than keepalived had added it" address="${address}"`;
    await backup.until('says so', () => backup.log.includes(said));
    expect(await backup.has(backup.address)).toBe(true);
    expect(await holder.has(FIRST)).toBe(true);
    expect(await changes()).toEqual([]);
    expect(backup.log).not.toContain('Entering MASTER STATE');
  });

  it('leaves one alone that somebody manages, and says so once', async () => {
    const { backup } = await pair('often');
    await ip(
      ['address', 'add', `${FIRST}/24`, 'dev', 'eth0', 'valid_lft', '900', 'preferred_lft', '900'],
      backup.netns,
    );
    await backup.until('says so', () => backup.log.includes('is kept by somebody else'));
    const answered = backup.logged('Printing VRRP data');
    // Asked anew it looks twice, and asks keepalived before each look.
    await askUntil(backup, 'has looked again', () => backup.logged('Printing VRRP data') >= answered + 2);
    await backup.until('has told', () => !existsSync(join(backup.runtime, 'states.wanted')));
    expect(await backup.has(FIRST)).toBe(true);
    expect(backup.logged('is kept by somebody else')).toBe(1);
  });

  it.each([
    ['had it before', true],
    ['got it later', false],
  ])(
    'leaves an address of the node alone that was virtual while the node had lost it: it %s',
    async (_when, before) => {
      const own = '10.77.0.50';
      const holder = await network.node();
      await holder.serve(HOLDER, { address: FIRST });
      const node = await network.node();
      if (before) await ip(['address', 'add', `${own}/24`, 'dev', 'eth0'], node.netns);
      await startBackup(node, 'often');
      if (!before) {
        await ip(['address', 'add', `${own}/24`, 'dev', 'eth0'], node.netns);
        node.offer(`${BACKUP}# another\n`);
        await node.until('has checked another', () => node.status.acceptedTotal === 2);
      }
      await ip(['address', 'delete', `${own}/24`, 'dev', 'eth0'], node.netns);
      node.offer(config({ addresses: [FIRST, own], instance: 'vip', priority: 200 }));
      const reloads = before ? 1 : 2;
      await node.until('takes it', () => node.status.listed.length === 2 && node.logged('Reload complete') === reloads);
      // keepalived's main process says so a little before its VRRP process is done: that one answers afterwards. Until then it takes
      // its addresses off, as a backup does.
      const said = node.logged('Printing VRRP data');
      await askUntil(node, 'has reloaded', () => node.logged('Printing VRRP data') > said);
      await ip(['address', 'add', `${own}/24`, 'dev', 'eth0'], node.netns);
      // It looks by itself, too: what it says may be from before the address was there. So a whole look after that is waited for.
      const answered = node.logged('Printing VRRP data');
      await askUntil(node, 'has looked', () => node.logged('Printing VRRP data') >= answered + 2);
      await node.until('has told', () => node.status.instances[0]?.state === 'BACKUP');
      node.offer(config({ addresses: [FIRST, own], instance: 'vip', priority: 201 }));
      await node.until('refuses it from now on', () => node.status.exitCode === 77);
      node.offer(BACKUP);
      await node.until('forgets it', () => node.status.listed.length === 1);
      expect(await node.has(own)).toBe(true);
    },
  );

  it('gives a MASTER the address that it could not have while IPv6 was off, and keeps the others', async () => {
    const node = await network.node();
    setIpv6(node, false);
    const both = config({ addresses: [FIRST, `${IPV6}/64`], instance: 'vip' });
    await node.serve(both, { address: FIRST, looks: 'often' });
    await askUntil(node, 'says why', () => node.log.includes('IPv6 is off on its interface'));
    expect(node.log).not.toContain('reloaded keepalived');
    const changes = await node.watchAddresses();
    setIpv6(node, true);
    await node.until('has it', () => node.has(IPV6));
    expect(node.logged('lacks an address: reloading keepalived')).toBe(1);
    expect(node.logged('Entering MASTER STATE')).toBe(1);
    expect((await changes()).join()).not.toContain(FIRST);
  });

  it('does not ask while nothing looks wrong', async () => {
    const { backup } = await pair('often');
    const asked = (): number => backup.logged('Printing VRRP data');
    await askUntil(backup, 'was asked', () => backup.status.instances.length > 0);
    const before = asked();
    for (let requests = 0; requests < 5; requests += 1) {
      backup.offer(`${BACKUP}# ${requests}\n`);
      await backup.until('looks', () => backup.status.acceptedTotal === requests + 2);
    }
    expect(asked()).toBe(before);
  });
});
