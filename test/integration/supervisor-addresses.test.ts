import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Container, killContainer, signalContainer } from '../support/container.ts';
import { ip, ipBatch } from '../support/netns.ts';
import { BOTH, config, FIRST, GOOD, RUNTIME_DIR, SECOND } from './supervisor/config.ts';
import { mustSkipSupervisor, TestNetwork } from './supervisor/network.ts';
import type { TestNode } from './supervisor/node.ts';

const skip = mustSkipSupervisor("the node's own addresses under the supervisor");
const OWN_ADDRESS = 77;

/** A configuration with one address of a spelling and a device of its choice. */
function withAddress(address: string, prefix = 24, device = 'eth0'): string {
  return GOOD.replaceAll(`eth0 ${FIRST}/24`, `${device} ${address}/${prefix}`).replaceAll(
    `${FIRST}/24 dev eth0`,
    `${address}/${prefix} dev ${device}`,
  );
}

describe.skipIf(skip)('an address of the node itself', () => {
  const network = new TestNetwork();
  network.register();

  async function add(node: TestNode, address: string, device = 'eth0'): Promise<void> {
    await ip(['address', 'add', address, 'dev', device, ...(address.includes(':') ? ['nodad'] : [])], node.netns);
  }

  async function addressesOf(node: TestNode): Promise<string[]> {
    const lines = await ip(['-o', 'address', 'show'], node.netns);
    return [...lines.matchAll(/^\d+: (\S+) +inet6? (\S+)/gm)].map(([, device, address]) => `${device} ${address}`);
  }

  async function stop(node: TestNode, container: Container): Promise<void> {
    signalContainer(container, 'SIGTERM');
    await node.untilEnded(container);
  }

  describe.each([
    ['its only one', '10.77.0.1', 'eth0', undefined],
    ['with another prefix', '10.77.0.1', 'eth0', undefined, 32],
    ['a second one', '10.77.0.9', 'eth0', '10.77.0.9/24'],
    ['one on another interface', '10.78.0.9', 'other', '10.78.0.9/24'],
    ['one of IPv6, spelled otherwise', '2001:DB8:0:0::00A9', 'eth0', '2001:db8::a9/64'],
    ['one of IPv6 with an IPv4 tail', '2001:db8::10.77.0.1', 'eth0', '2001:db8::a4d:1/64'],
    ['the loopback address', '127.0.0.1', 'lo', undefined],
  ] as [string, string, string, string | undefined, number?][])('%s', (_what, address, device, added, prefix) => {
    it('is refused as a virtual one, before keepalived sees it, and stays', async () => {
      const node = await network.node();
      await ipBatch(['link add other type bridge', 'link set other up'], node.netns);
      if (added !== undefined) await add(node, added, device);
      const before = await addressesOf(node);
      const container = await node.start();
      node.offer(withAddress(address === '10.77.0.1' ? node.address : address, prefix));
      await node.until('refuses', () => node.status.result === 'rejected');
      expect(node.status).toMatchObject({ exitCode: OWN_ADDRESS, keepalivedPid: undefined, listed: [] });
      expect(node.status.messages).toEqual([
        expect.stringContaining(`is this node's own address on ${device}; take it out of the virtual addresses`),
      ]);
      await stop(node, container);
      expect(await addressesOf(node)).toEqual(before);
    });
  });

  it('is none that is on an interface with the addresses of all Services, and stays there', async () => {
    const node = await network.node();
    await ipBatch(['link add kube-ipvs0 type bridge', 'link set kube-ipvs0 up'], node.netns);
    await add(node, `${FIRST}/32`, 'kube-ipvs0');
    const container = await node.serve(GOOD, { address: FIRST });
    expect(await addressesOf(node)).toEqual(expect.arrayContaining([`eth0 ${FIRST}/24`, `kube-ipvs0 ${FIRST}/32`]));
    await stop(node, container);
    const left = await addressesOf(node);
    expect(left).toContain(`kube-ipvs0 ${FIRST}/32`);
    expect(left).not.toContain(`eth0 ${FIRST}/24`);
  });

  it('that comes while keepalived runs is refused as well, and taken when it is gone', async () => {
    const node = await network.node();
    await node.serve(GOOD, { address: FIRST, looks: 'often' });
    await add(node, `${SECOND}/24`);
    node.offer(BOTH);
    await node.until('refuses', () => node.status.result === 'rejected');
    expect(node.status.messages[0]).toContain(`${SECOND} is this node's own address on eth0`);
    expect([await node.has(FIRST), await node.has(SECOND)]).toEqual([true, true]);
    await ip(['address', 'delete', `${SECOND}/24`, 'dev', 'eth0'], node.netns);
    await node.until('takes it', () => node.has(SECOND));
    expect(node.status.result).toBe('accepted');
  });

  it('survives a restart on a configuration that has become wrong', async () => {
    const node = await network.node();
    await killContainer(await node.serve(GOOD, { address: FIRST }));
    await ip(['address', 'delete', `${FIRST}/24`, 'dev', 'eth0'], node.netns);
    await add(node, `${FIRST}/24`);
    await node.start();
    await node.until('refuses', () => node.status.result === 'rejected');
    expect(node.status).toMatchObject({ exitCode: OWN_ADDRESS, keepalivedPid: undefined });
    expect(await node.has(FIRST)).toBe(true);
  });

  describe('survives a list', () => {
    /** Starts, serves, ends by SIGTERM and by SIGKILL with a list as given; tells what the node has afterwards. */
    async function afterwards(node: TestNode, list: string): Promise<string[]> {
      writeFileSync(join(node.state, 'addresses'), list);
      const container = await node.startIdle();
      await stop(node, container);
      return addressesOf(node);
    }

    it.each([
      ['that was edited', (own: string) => `eth0 ${own}/24\n`],
      ['with another prefix', (own: string) => `eth0 ${own}/32\neth0 ${own}/8\n`],
      ['that was written in part', (own: string) => `eth0 ${own}/24\neth0 ${own}/2`],
      ['with an address and no prefix', (own: string) => `eth0 ${own}\neth0\n\n`],
      ['of a device that is gone', (own: string) => `gone ${own}/24\n`],
      ['of something else', (own: string) => `-force ${own}/24\neth0 ${own}/24 dev lo\neth0 $(reboot)/24\n`],
    ])('%s', async (_what, list) => {
      const node = await network.node();
      const before = await addressesOf(node);
      expect(await afterwards(node, list(node.address))).toEqual(before);
      expect(node.log).not.toContain('level=error');
    });

    it('that was lost while keepalived ran', async () => {
      const node = await network.node();
      const before = await addressesOf(node);
      const container = await node.serve(GOOD, { address: FIRST });
      rmSync(join(node.state, 'addresses'));
      node.offer(BOTH);
      await node.until('goes on', () => node.has(SECOND));
      expect(node.status.result).toBe('accepted');
      await stop(node, container);
      expect(await addressesOf(node)).toEqual(before);
    });
  });

  it('is told from the virtual ones by the status, before one of those can be on an interface', async () => {
    const node = await network.node();
    // A keepalived that keeps the status of the moment at which it is started.
    const keeper = join(node.state, 'keeper');
    const script = `#!/bin/sh\n[ "$1" != --vrrp ] || cp ${RUNTIME_DIR}/supervisor.status ${RUNTIME_DIR}/at-start\nexec keepalived "$@"\n`;
    writeFileSync(keeper, script, { mode: 0o755 });
    const container = await node.start({
      looks: 'often',
      binds: [{ host: keeper, container: '/usr/local/bin/keeper', readOnly: true }],
      env: { KEEPALIVED: 'keeper' },
    });
    await node.until('waits', () => existsSync(join(node.runtime, 'supervisor.status')));
    expect(node.status.listed).toEqual([]);
    node.offer(config({ addresses: [FIRST, SECOND], instance: 'vip' }));
    await node.until('holds both', async () => (await node.has(FIRST)) && (await node.has(SECOND)));
    const atStart = node.read(join(node.runtime, 'at-start'));
    expect(atStart.match(/^listed=.*$/gm)).toEqual([`listed=eth0 ${FIRST}/24`, `listed=eth0 ${SECOND}/24`]);
    expect(node.status.listed).toEqual([
      { device: 'eth0', address: FIRST, prefixLength: 24 },
      { device: 'eth0', address: SECOND, prefixLength: 24 },
    ]);
    node.offer(config({ addresses: [SECOND] }));
    await node.until('forgets one', () => node.status.listed.length === 1);
    await stop(node, container);
    expect(node.status.listed).toEqual([]);
  });

  it('is told from what a killed predecessor left there: that is removed by its list', async () => {
    const node = await network.node();
    await killContainer(await node.serve(BOTH, { address: SECOND }));
    const own = (await addressesOf(node)).filter((line) => !(line.includes(FIRST) || line.includes(SECOND)));
    expect(own).not.toEqual(await addressesOf(node));
    await node.start();
    await node.until('serves', () => node.logged('Entering MASTER STATE') === 2);
    expect(node.log).toContain(`removed an address that was left on the interface" address="${FIRST}/24"`);
    expect(node.status.result).toBe('accepted');
  });
});
