import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { mustSkip } from '../support/needs.ts';
import { ip } from '../support/netns.ts';
import { waitFor } from '../support/wait.ts';
import { LAB_NEEDS, LabUnderTest } from './lab-under-test.ts';
import { apply, problemOf, waitForProblem } from './networks/lab-questions.ts';

/*
 * k0s's own scenarios of its control plane load balancing, as far as they are about addresses: its section of the settings, with virtual
 * addresses alone. What stands behind them is tried on real API servers, in test/e2e.
 */

const repeated = repeatedWhenDisturbed();
const skip = mustSkip("k0s's scenarios of virtual addresses", LAB_NEEDS);
const LIMIT = { limitMs: 60_000, everyMs: 50 };
const SECTION = 'controlPlaneLoadBalancing';

const linksSchema = z.array(
  z.looseObject({
    ifname: z.string().optional(),
    addr_info: z.array(z.looseObject({ local: z.string().optional() })).default([]),
  }),
);

/** The section as values, with instances whose fields are given. */
function section(...instances: readonly (readonly string[])[]): string[] {
  const fields = instances.flatMap((own, index) =>
    ['authPass=secret', ...own].map((field) => `${SECTION}.keepalived.vrrpInstances[${index}].${field}`),
  );
  const disabled = `${SECTION}.keepalived.disableLoadBalancer=true`;
  return [`${SECTION}.enabled=true`, `${SECTION}.type=Keepalived`, disabled, ...fields];
}

/** Where an address is: `node/interface`, in order. */
async function placesOf(lab: LabUnderTest, address: string): Promise<string[]> {
  const places = lab.network.nodes.map(async ({ name, netns }) =>
    linksSchema
      .parse(JSON.parse(await ip(['-j', 'address', 'show'], netns)))
      .filter(({ addr_info }) => addr_info.some(({ local }) => local === address))
      .map(({ ifname }) => `${name}/${ifname}`),
  );
  return (await Promise.all(places)).flat();
}

/** Waits until exactly one node has an address; gives `node/interface`. */
async function placeOf(lab: LabUnderTest, address: string): Promise<string> {
  let seen: string[] = [];
  return waitFor(
    `exactly one holder of ${address}`,
    async () => {
      seen = await placesOf(lab, address);
      return seen.length === 1 ? seen[0] : undefined;
    },
    LIMIT,
    () => `it is on ${seen.join(' and ') || 'no node'}`,
  );
}

/** No node has the interface that k0s makes for IPVS. */
async function expectNoDummy(lab: LabUnderTest): Promise<void> {
  for (const { netns } of lab.network.nodes) expect(await ip(['-j', 'link', 'show'], netns)).not.toContain('dummyvip');
}

describe.skipIf(skip)("k0s's virtual addresses", repeated, () => {
  const lab = new LabUnderTest({ name: 'k0sv', network: 'twonics' });
  lab.register();

  it('are put on the interface of the default route where no subnet has them', async () => {
    await apply(lab, ...section(['virtualIPs[0]=10.99.0.3/24']));
    expect(await placeOf(lab, '10.99.0.3')).toMatch(/[/]eth0$/);
    await expectNoDummy(lab);
  });

  it('are put on the interface that is named', async () => {
    await apply(lab, ...section(['virtualIPs[0]=10.99.0.3/24', 'interface=eth1']));
    await waitFor('eth1', async () => /[/]eth1$/.test(await placeOf(lab, '10.99.0.3')), LIMIT);
    await expectNoDummy(lab);
  });

  it('are put on the interface with a MAC address, and the nodes without it say so', async () => {
    const [first, second, third] = lab.network.nodes;
    const mac = second?.nics[1]?.mac ?? '';
    // Nodes without the interface go on with the instance that they had: it must not be the same virtual router.
    await apply(lab, ...section(['virtualIPs[0]=172.31.0.103/24', `interface=${mac}`, 'virtualRouterID=60']));
    await waitFor('node2', async () => (await placeOf(lab, '172.31.0.103')) === 'node2/eth1', LIMIT);
    for (const node of [first, third]) await waitForProblem(lab, node?.name ?? '', new RegExp(mac));
    expect(await problemOf(lab, 'node2')).toBeNull();
  });

  it('are several, each with an id of its own, on several interfaces', async () => {
    const here = ['virtualIPs[0]=172.30.0.103/24', 'virtualIPs[1]=172.30.0.104/24'];
    await apply(lab, ...section(here, ['virtualIPs[0]=172.31.0.105/24', 'virtualRouterID=77', 'interface=eth1']));
    const [one, two] = [await placeOf(lab, '172.30.0.103'), await placeOf(lab, '172.30.0.104')];
    expect(one).toMatch(/[/]eth0$/);
    // Addresses of one instance move together.
    expect(two).toBe(one);
    expect(await placeOf(lab, '172.31.0.105')).toMatch(/[/]eth1$/);
    const configuration = lab.runtimeFile(lab.nodes[0] ?? '', 'candidate.conf');
    expect([...configuration.matchAll(/virtual_router_id (\d+)/g)].map(([, id]) => id)).toEqual(['51', '77']);
  });

  it('are spoken of by unicast, from one node’s section on all of them', async () => {
    const [source, ...peers] = lab.network.nodes.map(({ address }) => address);
    const given = peers.map((peer, index) => `unicastPeers[${index}]=${peer}`);
    await apply(lab, ...section(['virtualIPs[0]=172.30.0.106/24', `unicastSourceIP=${source}`, ...given]));
    await waitFor(
      'every node to speak to the others',
      () => lab.nodes.every((node) => /unicast_peer/.test(lab.runtimeFile(node, 'candidate.conf'))),
      LIMIT,
    );
    for (const { name, address } of lab.network.nodes) {
      const configuration = lab.runtimeFile(name, 'candidate.conf');
      expect(configuration).toContain(`unicast_src_ip ${address}`);
      const told = /unicast_peer \{([^}]*)\}/.exec(configuration)?.[1]?.match(/\d+[.]\d+[.]\d+[.]\d+/g) ?? [];
      expect(told.toSorted()).toEqual([source, ...peers].filter((each) => each !== address).toSorted());
    }
    await placeOf(lab, '172.30.0.106');
    await expectNoDummy(lab);
  });

  it('move to another node with the end of the holder’s cable', async () => {
    await apply(lab, ...section(['virtualIPs[0]=172.30.0.107/24']));
    const before = await placeOf(lab, '172.30.0.107');
    await lab.inject('link-down', before.replace(/[/].*/, ''));
    const moved = async () => {
      const places = await placesOf(lab, '172.30.0.107');
      return places.length === 1 && places[0] !== before;
    };
    await waitFor('another holder', moved, LIMIT);
    await lab.heal();
  });
});

describe.skipIf(skip)("k0s's virtual addresses on a network of IPv6 alone", repeated, () => {
  const lab = new LabUnderTest({ name: 'k0s6', network: 'ipv6' });
  lab.register();

  it('are on one node each, by multicast and by unicast, and none is the source of its connections', async () => {
    await apply(lab, ...section(['virtualIPs[0]=fd00:172:30::103/64', 'addressLabel=7']));
    const holder = await placeOf(lab, 'fd00:172:30::103');
    const { netns } = lab.network.nodes.find(({ name }) => holder.startsWith(`${name}/`)) ?? {};
    expect(await ip(['-o', '-6', 'address', 'show', 'to', 'fd00:172:30::103'], netns)).toContain('deprecated');
    const [source, ...peers] = lab.network.nodes.map(({ address }) => address);
    const given = peers.map((peer, index) => `unicastPeers[${index}]=${peer}`);
    await apply(lab, ...section(['virtualIPs[0]=fd00:172:30::104/64', `unicastSourceIP=${source}`, ...given]));
    expect(await placeOf(lab, 'fd00:172:30::104')).toMatch(/[/]eth0$/);
    await expectNoDummy(lab);
  });
});
