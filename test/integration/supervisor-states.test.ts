import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Container, execInContainer } from '../support/container.ts';
import { ip, ipBatch } from '../support/netns.ts';
import {
  config,
  FIRST,
  mustSkipSupervisor,
  SECOND,
  TestNetwork,
  type TestNode,
  watchAddresses,
} from './supervisor-node.ts';

const skip = mustSkipSupervisor('states and addresses under the supervisor');
const IPV6 = '2001:db8::100';
/** One look of the supervisor, which nobody asks for, and some. */
const LOOK_MS = 9_000;
const HOLDER = config({ addresses: [FIRST], instance: 'vip' });
const BACKUP = config({ addresses: [FIRST], instance: 'vip', priority: 200 });

describe.skipIf(skip)('the supervisor, told by keepalived which instances are MASTER', () => {
  const network = new TestNetwork();
  network.register();

  /** A node that holds the address and one that is its backup. */
  async function pair(): Promise<{ holder: TestNode; backup: TestNode; container: Container }> {
    const holder = await network.node();
    await holder.serve(HOLDER, { address: FIRST });
    const backup = await network.node();
    backup.offer(BACKUP);
    const container = await backup.start();
    await backup.until('is backup', () => backup.log.includes('Entering BACKUP STATE'));
    return { holder, backup, container };
  }

  function ask(node: TestNode): void {
    node.place('states.wanted', '');
  }

  function setIpv6(node: TestNode, on: boolean): void {
    const setting = `net.ipv6.conf.eth0.disable_ipv6=${on ? 0 : 1}`;
    execFileSync('ip', ['netns', 'exec', node.netns, 'sysctl', '-qw', setting]);
  }

  it('tells their states when it is asked, and leaves nothing of what keepalived wrote', async () => {
    const { holder, backup, container } = await pair();
    const watch = watchAddresses(holder);
    ask(holder);
    ask(backup);
    await holder.until('tells', () => holder.status.instances.length > 0, LOOK_MS);
    await backup.until('tells', () => backup.status.instances.length > 0, LOOK_MS);
    expect(holder.status.instances).toEqual([{ name: 'vip', state: 'MASTER' }]);
    expect(backup.status.instances).toEqual([{ name: 'vip', state: 'BACKUP' }]);
    expect(existsSync(join(backup.runtime, 'states.wanted'))).toBe(false);
    expect(watch.changes()).not.toContain(FIRST);
    watch.stop();
    const dumps = await execInContainer(container, { argv: ['/bin/sh', '-c', 'ls /tmp'] });
    expect(dumps.stdout).not.toContain('keepalived.data');

    await ip(['link', 'set', 'eth0', 'down'], holder.netns);
    await backup.until('takes over', () => backup.has(FIRST), 3_000);
    ask(holder);
    await holder.until('is in FAULT', () => holder.status.instances[0]?.state === 'FAULT', LOOK_MS);
    await backup.until('knows it without being asked', () => backup.status.instances[0]?.state === 'MASTER', LOOK_MS);
  });

  it('tells those of the instances that there are after a reload', async () => {
    const node = await network.node();
    await node.serve(HOLDER, { address: FIRST });
    const other = config({ addresses: [SECOND], instance: 'other' })
      .replace('vrrp_instance vip', 'vrrp_instance other')
      .replace('router_id 10', 'router_id 11');
    node.offer(`${HOLDER}${other.slice(other.indexOf('vrrp_instance other'))}#! address eth0 ${SECOND}/24 other\n`);
    await node.until('has both', () => node.has(SECOND));
    ask(node);
    const states = (): string => node.status.instances.map(({ name, state }) => `${name} ${state}`).join();
    await node.until('tells both', () => states() === 'vip MASTER,other MASTER', 2 * LOOK_MS);
    node.offer(HOLDER);
    await node.until('has one', async () => !(await node.has(SECOND)));
    ask(node);
    await node.until('tells one', () => states() === 'vip MASTER', 2 * LOOK_MS);
  });

  it.each([
    ['as it is configured', `${FIRST}/24`, 'eth0'],
    ['with another prefix', `${FIRST}/32`, 'eth0'],
    ['on another interface', `${FIRST}/24`, 'other'],
  ])('removes an address %s that somebody added on a backup', async (_how, address, device) => {
    const { holder, backup } = await pair();
    const watch = watchAddresses(holder);
    await ipBatch(
      ['link add other type bridge', 'link set other up', `address add ${address} dev ${device}`],
      backup.netns,
    );
    const there = async (): Promise<boolean> => (await ip(['-o', 'address', 'show', 'to', FIRST], backup.netns)) !== '';
    expect(await there()).toBe(true);
    await backup.until('removes it', async () => !(await there()), LOOK_MS);
    const said = `must not have it now; somebody else than keepalived had added it" address="${address}"`;
    await backup.until('says so', () => backup.log.includes(said));
    expect(await backup.has(backup.address)).toBe(true);
    expect(await holder.has(FIRST)).toBe(true);
    expect(watch.changes()).not.toContain(FIRST);
    watch.stop();
    expect(backup.log).not.toContain('Entering MASTER STATE');
  });

  it('leaves one alone that somebody manages, and says so once', async () => {
    const { backup } = await pair();
    await ip(
      ['address', 'add', `${FIRST}/24`, 'dev', 'eth0', 'valid_lft', '900', 'preferred_lft', '900'],
      backup.netns,
    );
    await backup.until('says so', () => backup.log.includes('is kept by somebody else'), LOOK_MS);
    ask(backup);
    await backup.until('has looked again', () => !existsSync(join(backup.runtime, 'states.wanted')), LOOK_MS);
    expect(await backup.has(FIRST)).toBe(true);
    expect(backup.log.match(/is kept by somebody else/g)).toHaveLength(1);
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
      node.offer(BACKUP);
      await node.start();
      await node.until('is backup', () => node.log.includes('Entering BACKUP STATE'));
      if (!before) {
        await ip(['address', 'add', `${own}/24`, 'dev', 'eth0'], node.netns);
        node.offer(`${BACKUP}# another\n`);
        await node.until('has checked another', () => node.status.acceptedTotal === 2);
      }
      await ip(['address', 'delete', `${own}/24`, 'dev', 'eth0'], node.netns);
      node.offer(config({ addresses: [FIRST, own], instance: 'vip', priority: 200 }));
      const reloads = (): number => node.log.match(/Reload complete/g)?.length ?? 0;
      await node.until('takes it', () => node.status.listed.length === 2 && reloads() === (before ? 1 : 2));
      await ip(['address', 'add', `${own}/24`, 'dev', 'eth0'], node.netns);
      ask(node);
      await node.until('has looked', () => node.status.instances[0]?.state === 'BACKUP', LOOK_MS);
      node.offer(config({ addresses: [FIRST, own], instance: 'vip', priority: 201 }));
      await node.until('refuses it from now on', () => node.status.exitCode === 77, LOOK_MS);
      node.offer(BACKUP);
      await node.until('forgets it', () => node.status.listed.length === 1, 2 * LOOK_MS);
      expect(await node.has(own)).toBe(true);
    },
  );

  it('gives a MASTER the address that it could not have while IPv6 was off, and keeps the others', async () => {
    const node = await network.node();
    setIpv6(node, false);
    const both = config({ addresses: [FIRST, `${IPV6}/64`], instance: 'vip' });
    await node.serve(both, { address: FIRST });
    ask(node);
    await node.until('says why', () => node.log.includes('IPv6 is off on its interface'), 2 * LOOK_MS);
    expect(node.log).not.toContain('reloaded keepalived');
    const watch = watchAddresses(node);
    setIpv6(node, true);
    await node.until('has it', () => node.has(IPV6), 2 * LOOK_MS);
    expect(node.log.match(/lacks an address: reloading keepalived/g)).toHaveLength(1);
    expect(node.log.match(/Entering MASTER STATE/g)).toHaveLength(1);
    expect(watch.changes()).not.toContain(FIRST);
    watch.stop();
  });

  it('does not ask while nothing looks wrong', async () => {
    const { backup } = await pair();
    const asked = (): number => backup.log.match(/Printing VRRP data/g)?.length ?? 0;
    ask(backup);
    await backup.until('was asked', () => asked() > 0, LOOK_MS);
    const before = asked();
    for (let requests = 0; requests < 5; requests += 1) {
      backup.offer(`${BACKUP}# ${requests}\n`);
      await backup.until('looks', () => backup.status.acceptedTotal === requests + 2, LOOK_MS);
    }
    expect(asked()).toBe(before);
  });
});
