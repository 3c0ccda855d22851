import { execa } from 'execa';
import { afterEach, describe, expect, it } from 'vitest';
import type { FaultName } from '../lab/fault-names.ts';
import { type HostPlan, ownAddresses } from '../lab/network-plan.ts';
import { parseAddresses } from '../support/held-addresses.ts';
import { mustSkip } from '../support/needs.ts';
import { inNetns, ip } from '../support/netns.ts';
import { waitFor } from '../support/wait.ts';
import { LAB_NEEDS, LabUnderTest } from './lab-under-test.ts';

const skip = mustSkip('faults of one interface in the lab', LAB_NEEDS);

async function run(netns: string, ...args: string[]): Promise<{ exitCode: number; stdout: string }> {
  const [program, ...rest] = inNetns(netns, args);
  const { exitCode = -1, stdout } = await execa(program, rest, { reject: false, timeout: 60_000 });
  return { exitCode, stdout };
}

/** The ingress of a node answers on every address. */
async function answers(netns: string, address: string): Promise<string> {
  const url = `http://${address.includes(':') ? `[${address}]` : address}/`;
  return (await run(netns, 'curl', '-sf', '-m', '1', url)).stdout.trim();
}

async function present(host: HostPlan): Promise<string[]> {
  return parseAddresses(await ip(['-j', 'address', 'show'], host.netns));
}

/** What a node has without the product's doing: links, addresses and routes, as text that can be compared. */
async function network(host: HostPlan): Promise<string[]> {
  const own = ownAddresses(host);
  const routes = ['-4', '-6'].map((family) => ip([family, 'route', 'show', 'table', 'main'], host.netns));
  const lines = (await Promise.all(routes)).join('\n').split('\n');
  return [...(await present(host)).filter((address) => own.includes(address)), ...lines]
    .map((line) => line.replace(/ pref medium/, '').trim())
    .filter((line) => line !== '')
    .toSorted();
}

describe.skipIf(skip)('a fault of one interface', () => {
  const lab = new LabUnderTest({ name: 'nics', network: 'twonics', nodes: 2 });
  lab.register();
  afterEach(() => lab.heal());

  const host = (name: string): HostPlan => {
    const found = lab.network.nodes.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  };
  const has = async (node: HostPlan, address: string) => (await present(node)).includes(address);
  const linkOf = async ({ netns }: HostPlan, nic: string) =>
    (await run(netns, 'ip', 'link', 'show', 'dev', nic)).stdout;

  /** What is true of eth1 while a fault is active there, and only then. */
  const SIGNS = {
    'link-down': async (node) => (await linkOf(node, 'eth1')).includes('NO-CARRIER'),
    'switch-cut': async () => {
      const { client, switchNetns } = lab.network;
      const { stdout } = await run(switchNetns, 'bridge', '-d', 'link', 'show');
      return stdout.includes('state disabled') && (await answers(client.netns, '172.31.0.2')) === '';
    },
    'address-lost': async (node) => !(await has(node, '172.31.0.12')) && !(await has(node, 'fd00:172:31::12')),
    'second-address': (node) => has(node, 'fd00:172:31::5ec:12'),
    'ipv6-off': async (node) => !(await has(node, 'fd00:172:31::12')) && !(await has(node, 'fd00:172:30::12')),
    'nic-gone': async (node) => (await linkOf(node, 'eth1')) === '',
  } satisfies Partial<Record<FaultName, (node: HostPlan) => Promise<boolean>>>;

  it.each(Object.keys(SIGNS) as (keyof typeof SIGNS)[])(
    '%s does what it says to eth1, and eth0 stays; healed, the node has the addresses and routes of before',
    async (fault) => {
      const node = host('node2');
      const before = await network(node);
      expect(await SIGNS[fault](node)).toBe(false);
      await lab.inject(fault, 'node2', 'eth1');
      await waitFor(`the sign of ${fault}`, () => SIGNS[fault](node));
      expect(await has(node, '172.30.0.12')).toBe(true);
      await lab.heal();
      await waitFor(`no sign of ${fault}`, async () => !(await SIGNS[fault](node)));
      expect(await network(node)).toEqual(before);
    },
  );

  it('is refused on an interface that the node does not have', async () => {
    await expect(lab.inject('link-down', 'node1', 'eth7')).rejects.toThrow(
      /no interface eth7 on node1; there are: eth0, eth1/,
    );
  });

  it('can put the virtual address on a node by hand', async () => {
    const holder = await lab.oneHolder();
    const other = lab.nodes.find((name) => name !== holder) ?? '';
    await lab.inject('vip-by-hand', other, 'eth1');
    const shown = await ip(['-j', 'address', 'show', 'dev', 'eth1'], host(other).netns);
    expect(shown).toContain(lab.address);
  });
});
