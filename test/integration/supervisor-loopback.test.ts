import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { killContainer, signalContainer } from '../support/container.ts';
import { inNetns, ip } from '../support/netns.ts';
import { config, FIRST } from './supervisor/config.ts';
import { mustSkipSupervisor, TestNetwork } from './supervisor/network.ts';
import type { TestNode } from './supervisor/node.ts';

/*
 * Addresses on lo under the supervisor. It never looks without being woken, unless a test says otherwise: what happens, happens at once.
 */

const skip = mustSkipSupervisor('addresses on lo under the supervisor');
const PORT = 10_270;
const PULSE = `#! pulse vip.pulse -200 http://127.0.0.1:${PORT}/pulse\n`;
/** A configuration with nothing for keepalived to do, as the sidecar writes it. */
const IDLE = `${PULSE}global_defs {
    router_id test
}
static_ipaddress {
}
`;
const A = '203.0.113.5';
const B = '2001:db8:1::5';
const C = '203.0.113.6';
const SERVER = `require('node:http').createServer((_, answer) => answer.end()).listen(${PORT}, '127.0.0.1')`;

function asked(...addresses: readonly string[]): string {
  return addresses.map((address) => `address ${address}\n`).join('');
}

describe.skipIf(skip)('addresses on lo', () => {
  const network = new TestNetwork();
  network.register();
  const sidecars: ChildProcess[] = [];
  afterEach(() => {
    for (const sidecar of sidecars.splice(0)) sidecar.kill('SIGKILL');
  });

  /** What stands for a sidecar that answers. */
  function sidecarOf(node: TestNode): ChildProcess {
    const [command, ...args] = inNetns(node.netns, [process.execPath, '-e', SERVER]);
    const sidecar = spawn(command, args, { stdio: 'ignore' });
    sidecars.push(sidecar);
    return sidecar;
  }

  /** Has the supervisor asked for addresses on lo; none: the file goes. */
  function ask(node: TestNode, ...addresses: readonly string[]): void {
    node.place('loopback', asked(...addresses));
    node.wake();
  }

  async function onLo(node: TestNode): Promise<string[]> {
    const lines = await ip(['-o', 'address', 'show', 'dev', 'lo'], node.netns);
    const all = [...lines.matchAll(/ inet6? (\S+)/g)].map(([, address]) => address ?? '');
    return all.filter((address) => !['127.0.0.1/8', '::1/128'].includes(address)).toSorted();
  }

  async function untilOnLo(node: TestNode, ...expected: readonly string[]): Promise<void> {
    await node.until(`has ${expected.join()} on lo`, async () => (await onLo(node)).join() === expected.join());
  }

  /** A node with a sidecar that answers, whose supervisor runs and has these addresses on lo. */
  async function serving(node: TestNode, ...addresses: readonly string[]) {
    sidecarOf(node);
    ask(node, ...addresses);
    node.offer(IDLE);
    const container = await node.start();
    const whole = addresses.map((address) => `${address}/${address.includes(':') ? 128 : 32}`);
    await untilOnLo(node, ...whole.toSorted());
    await node.until('says so', () => node.status.loopback?.state === 'applied');
    return container;
  }

  it('are there as soon as they are asked for, and go as soon as they are not; no connection of the node’s own comes from them', async () => {
    const node = await network.node();
    await serving(node, A, B);
    expect(node.status.loopback).toEqual({ state: 'applied', messages: [] });
    expect(node.status.listed.map(({ device, address }) => `${device} ${address}`).toSorted()).toEqual([
      `lo ${B}`,
      `lo ${A}`,
    ]);
    const lines = await ip(['-o', 'address', 'show', 'dev', 'lo'], node.netns);
    expect(lines).toMatch(`inet ${A}/32 scope host lo`);
    expect(lines).toMatch(new RegExp(`inet6 ${B}/128 scope global (nodad )?deprecated`));
    const withdrawn: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      ask(node, A, B);
      await untilOnLo(node, `${B}/128`, `${A}/32`);
      const askedMs = performance.now();
      ask(node);
      await untilOnLo(node);
      withdrawn.push(performance.now() - askedMs);
    }
    const sorted = withdrawn.toSorted((a, b) => a - b);
    console.log(`withdrawn after ${sorted.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    await node.until('says so', () => node.status.loopback?.state === 'none');
  });

  it('come back when somebody takes them off, without a look in between', async () => {
    const node = await network.node();
    await serving(node, A, C);
    for (const address of [A, C, A]) {
      const takenMs = performance.now();
      await ip(['address', 'delete', `${address}/32`, 'dev', 'lo'], node.netns);
      await untilOnLo(node, `${A}/32`, `${C}/32`);
      console.log(`back after ${(performance.now() - takenMs).toFixed(0)} ms`);
    }
  });

  it('go with the supervisor that ends', async () => {
    const node = await network.node();
    sidecarOf(node);
    ask(node, A);
    const container = await node.serve(config({ addresses: [FIRST], head: PULSE }), { address: FIRST });
    await untilOnLo(node, `${A}/32`);
    const changes = await node.watchAddresses();
    signalContainer(container, 'SIGTERM');
    await node.untilEnded(container);
    expect((await changes()).toSorted()).toEqual([`-${FIRST}`, `-${A}`]);
    expect(node.log).not.toContain('was left on the interface');
  });

  it('that a killed supervisor left go at the next start, unless they are asked for still: these stay without a break', async () => {
    const node = await network.node();
    await killContainer(await serving(node, A, C));
    expect(await onLo(node)).toEqual([`${A}/32`, `${C}/32`]);
    const changes = await node.watchAddresses();
    node.place('loopback', asked(C));
    const second = await node.start();
    await untilOnLo(node, `${C}/32`);
    await node.until('runs keepalived', () => node.status.keepalivedPid !== undefined);
    expect(await changes()).toEqual([`-${A}`]);
    await killContainer(second);
    // Another pod: nothing is asked for yet.
    node.forgetRuntime();
    await node.startIdle();
    expect(await onLo(node)).toEqual([]);
  });

  it('that somebody else put there are left alone, whether they are asked for or not', async () => {
    const node = await network.node();
    await ip(['address', 'add', `${A}/32`, 'dev', 'lo'], node.netns);
    await ip(['address', 'add', '198.51.100.1/32', 'dev', 'lo'], node.netns);
    sidecarOf(node);
    ask(node, A, C);
    node.offer(IDLE);
    const container = await node.start();
    await node.until('says what is not in force', () => node.status.loopback?.state === 'partly');
    expect(node.status.loopback?.messages).toEqual([expect.stringContaining(`${A}/32 is on lo already`)]);
    await untilOnLo(node, '198.51.100.1/32', `${A}/32`, `${C}/32`);
    ask(node);
    await untilOnLo(node, '198.51.100.1/32', `${A}/32`);
    signalContainer(container, 'SIGTERM');
    await node.untilEnded(container);
    expect(await onLo(node)).toEqual(['198.51.100.1/32', `${A}/32`]);
  });

  it('of a list of an earlier boot are nobody’s here: what is on lo since then is the node’s own', async () => {
    const node = await network.node();
    await ip(['address', 'add', `${A}/32`, 'dev', 'lo'], node.netns);
    writeFileSync(join(node.state, 'loopback'), `00000000-0000-0000-0000-000000000000\n${A}/32\n`);
    const container = await node.startIdle();
    signalContainer(container, 'SIGTERM');
    await node.untilEnded(container);
    expect(await onLo(node)).toEqual([`${A}/32`]);
  });

  it('go when the sidecar falls silent, and come back with it', async () => {
    const node = await network.node();
    const sidecar = sidecarOf(node);
    ask(node, A);
    node.offer(IDLE);
    await node.start();
    await untilOnLo(node, `${A}/32`);
    sidecar.kill('SIGKILL');
    const silentMs = performance.now();
    await untilOnLo(node);
    console.log(`gone ${(performance.now() - silentMs).toFixed(0)} ms after the sidecar`);
    await node.until('says why', () => node.status.loopback?.state === 'silent');
    sidecarOf(node);
    await untilOnLo(node, `${A}/32`);
  });

  it.each([
    ['a line that is not known', `address ${A}\nlink ${C}\n`],
    ['a loopback address', `address ${A}\naddress 127.0.0.9\n`],
    ['an address with a prefix', `address ${A}\naddress 192.0.2.0/24\n`],
    ['a text that is no address', `address ${A}\naddress $(reboot)\n`],
    ['a link-local address', `address ${A}\naddress fe80::1\n`],
    ['a group', `address ${A}\naddress 224.0.0.18\n`],
  ])('stay as they are when the file has %s', async (_what, text) => {
    const node = await network.node();
    await serving(node, C);
    node.place('loopback', text);
    node.wake();
    await node.until('refuses it', () => node.status.loopback?.state === 'refused');
    expect(await onLo(node)).toEqual([`${C}/32`]);
    expect(node.status.loopback?.messages).toEqual([expect.stringContaining('no such line is known')]);
  });

  it('may be an address that a VRRP instance had, and the other way round', async () => {
    const node = await network.node();
    sidecarOf(node);
    await node.serve(config({ addresses: [FIRST], head: PULSE }), { address: FIRST });
    node.offer(IDLE);
    ask(node, FIRST);
    await untilOnLo(node, `${FIRST}/32`);
    node.offer(config({ addresses: [FIRST], head: PULSE }));
    await node.until('takes the configuration', () => node.has(FIRST));
    expect(node.status.result).toBe('accepted');
    ask(node);
    await untilOnLo(node);
    expect(await node.has(FIRST)).toBe(true);
  });

  it('are there beside those that a VRRP instance has on lo, each kept by whose it is', async () => {
    const node = await network.node();
    sidecarOf(node);
    const text = config({ addresses: [FIRST], head: PULSE })
      .replaceAll(`#! address eth0 ${FIRST}/24`, `#! address lo ${A}/32`)
      .replaceAll(`${FIRST}/24 dev eth0`, `${A}/32 dev lo`);
    ask(node, C);
    node.offer(text);
    const container = await node.start();
    await untilOnLo(node, `${A}/32`, `${C}/32`);
    ask(node);
    await untilOnLo(node, `${A}/32`);
    ask(node, A);
    await node.until('leaves it to keepalived', () => node.status.loopback?.state === 'partly');
    node.offer(IDLE);
    await node.until('takes it over', () => node.status.loopback?.state === 'applied');
    await untilOnLo(node, `${A}/32`);
    ask(node);
    await untilOnLo(node);
    node.offer(text);
    await untilOnLo(node, `${A}/32`);
    expect(node.status.result).toBe('accepted');
    signalContainer(container, 'SIGTERM');
    await node.untilEnded(container);
    expect(await onLo(node)).toEqual([]);
  });

  it('are thousands in little time', async () => {
    const node = await network.node();
    const many = Array.from({ length: 2000 }, (_, index) => `198.18.${index >> 8}.${index & 255}`);
    await serving(node, A);
    const startedMs = performance.now();
    ask(node, ...many);
    await node.until('has them', async () => (await onLo(node)).length === many.length);
    const hadMs = performance.now();
    ask(node);
    await untilOnLo(node);
    console.log(
      `2000 put there in ${(hadMs - startedMs).toFixed(0)} ms, taken off in ${(performance.now() - hadMs).toFixed(0)} ms`,
    );
    await node.until('has forgotten them', () => !node.read(join(node.state, 'loopback')).includes('198.18'));
  });
});
