import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { multicastAddress } from '../../api/instances.ts';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import type { Family } from '../../common/addresses.ts';
import { readPlanStatus, writePlan } from '../lab/node-plans.ts';
import { AddressWatch } from '../support/address-watch.ts';
import { monotonicMs } from '../support/clock.ts';
import { ForeignRouter } from '../support/foreign-router.ts';
import { heldBy } from '../support/held-addresses.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { mustSkip } from '../support/needs.ts';
import { INTERFACE } from '../support/netns.ts';
import { waitFor } from '../support/wait.ts';
import { LAB_NEEDS, LabUnderTest } from './lab-under-test.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('instances in multicast groups of their own', LAB_NEEDS);

const GROUP = 200;
const OTHER_GROUP = 201;
/** An instance of each family, and what a foreign router of the family has. */
const OWN: Readonly<Record<Family, { id: number; address: string; foreign: string }>> = {
  4: { id: 101, address: '172.30.0.231', foreign: '172.30.0.250/24' },
  6: { id: 102, address: 'fd00:172:30::231', foreign: 'fd00:172:30::250/64' },
};
/** Longer than a router waits before it speaks: three advertisements and the skew. */
const STEADY_MS = 6000;

describe.skipIf(skip)('instances in a multicast group of their own', repeated, () => {
  const lab = new LabUnderTest({ name: 'groups', set: ['controller.enabled=true'] });
  lab.register();
  let foreign: ForeignRouter | undefined;
  let watch: AddressWatch | undefined;
  afterEach(async () => {
    watch?.stop();
    await foreign?.stop();
    [watch, foreign] = [undefined, undefined];
  });

  const plan = (node: string): NodePlanSpec => ({
    ...{ plan: 'apart', pools: [{ name: 'web', interface: '', failbackDelaySeconds: 1 }], instances: [] },
    apart: [4, 6].map((family) => {
      const { id: virtualRouterId, address } = OWN[family as Family];
      const instance = { name: `web-${family}`, pool: 'web', virtualRouterId, rank: lab.nodes.indexOf(node) };
      return { ...instance, multicastGroup: GROUP, addresses: [address] };
    }),
  });
  const carryOut = async () => {
    await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, plan(node))));
    for (const { address } of Object.values(OWN)) {
      await waitFor(`node1 alone to hold ${address}`, async () => (await lab.holders(address)).join() === 'node1');
    }
  };
  const startForeign = async (family: Family, group?: number) => {
    foreign = await ForeignRouter.start({
      ...{ netns: lab.network.client.netns, interface: INTERFACE },
      ...{ virtualRouterId: OWN[family].id, address: OWN[family].foreign },
      ...(group === undefined ? {} : { multicastAddress: multicastAddress(group, family) }),
    });
  };

  it.each<{ family: Family; where: string; group?: number }>([
    { family: 4, where: 'the group of all routers' },
    { family: 6, where: 'the group of all routers' },
    { family: 4, where: 'another group', group: OTHER_GROUP },
    { family: 6, where: 'another group', group: OTHER_GROUP },
  ])('are in nobody’s way who uses their router id in $where, by IPv$family', async ({ family, group }) => {
    await lab.ready();
    await carryOut();
    watch = await AddressWatch.start(lab.hosts);
    const sinceMs = monotonicMs();
    await startForeign(family, group);
    const [alien = ''] = OWN[family].foreign.split('/');
    const { client } = lab.network;
    await waitFor('the other router to speak', async () => (await heldBy(client.netns, [])).includes(alien));
    await delay(STEADY_MS); // the time is what is asked for
    expect(watch.changes(OWN[family].address, sinceMs)).toEqual([]);
    expect(await lab.holders(OWN[family].address)).toEqual(['node1']);
  });

  it.each<Family>([4, 6])('give way to a router in their group, and say so, by IPv%i', async (family) => {
    await lab.ready();
    await carryOut();
    await startForeign(family, GROUP);
    await waitFor(
      'node1 to hear it',
      async () => (await readPlanStatus(lab.name, 'node1'))?.problems?.join('; ').includes('services.multicastGroup'),
      { limitMs: 60_000, everyMs: 200 },
    );
    await waitFor('node1 to give way', async () => (await lab.holders(OWN[family].address)).length === 0);
    expect(await readPlanStatus(lab.name, 'node1')).not.toHaveProperty('foreignRouterIds');
    await foreign?.stop();
    foreign = undefined;
    await waitFor('node1 to hold it again', async () => (await lab.holders(OWN[family].address)).join() === 'node1');
  });
});
