import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import { readPlanStatus, writePlan } from '../lab/node-plans.ts';
import { AddressWatch } from '../support/address-watch.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { mustSkip } from '../support/needs.ts';
import { waitFor } from '../support/wait.ts';
import { LAB_NEEDS, LabUnderTest } from './lab-under-test.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('groups that are ready before their address', LAB_NEEDS);

const LIKE = '172.30.0.220';
const ADDRESS = '172.30.0.221';
const ID = 101;
const NEXT = { name: 'web-1', virtualRouterId: 102 };
/** Longer than an election takes. */
const STEADY_MS = 1000;

interface Status {
  readonly instances: readonly {
    readonly name: string;
    readonly addresses: readonly unknown[];
    readonly vrrp: { readonly state: string; readonly since: string | null };
  }[];
}

describe.skipIf(skip)('a group that is ready before its address', repeated, () => {
  const lab = new LabUnderTest({ name: 'ready', set: ['controller.enabled=true'] });
  lab.register();
  let watch: AddressWatch | undefined;
  afterEach(() => {
    watch?.stop();
    watch = undefined;
  });

  const status = async (node: string) => (await lab.status(node)) as unknown as Status;
  const rank = (node: string) => ({ rank: lab.nodes.indexOf(node) });
  const pool = (name: string) => ({ name, interface: '', failbackDelaySeconds: 1 });
  const ready = (node: string): NodePlanSpec => ({
    ...{ plan: 'ready', pools: [pool('web')], instances: [] },
    spares: [{ name: 'web-0', pool: 'web', virtualRouterId: ID, ...rank(node), like: LIKE }],
  });
  const given = (node: string): NodePlanSpec => ({
    ...{ plan: 'given', pools: [pool('web')] },
    instances: [{ name: 'web-0', pool: 'web', virtualRouterId: ID, ...rank(node), addresses: [ADDRESS] }],
    spares: [{ ...NEXT, pool: 'web', ...rank(node), like: LIKE }],
  });
  const renamed = (node: string): NodePlanSpec => ({
    ...{ plan: 'renamed', pools: [pool('web'), pool('svc-0123456789')] },
    instances: [
      {
        ...{ name: 'svc-0123456789-0', pool: 'svc-0123456789', virtualRouterId: ID },
        ...rank(node),
        addresses: [ADDRESS],
      },
    ],
    spares: [{ ...NEXT, pool: 'web', ...rank(node), like: LIKE }],
  });

  async function carryOut(plan: (node: string) => NodePlanSpec): Promise<void> {
    await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, plan(node))));
    const { plan: id } = plan('node1');
    await waitFor(`every node to report ${id}`, async () => {
      const reports = await Promise.all(lab.nodes.map((node) => readPlanStatus(lab.name, node)));
      return reports.every((report) => report?.observedPlan === id);
    });
  }
  /** The VRRP states of an instance on all nodes. */
  const statesOf = async (name: string) => {
    const all = await Promise.all(lab.nodes.map(status));
    return all.map(({ instances }) => instances.find((each) => each.name === name)?.vrrp);
  };
  const waitForMaster = (name: string) =>
    waitFor(`node1 to be master of ${name}`, async () => {
      const states = await statesOf(name);
      return states.map((vrrp) => vrrp?.state).join() === 'MASTER,BACKUP,BACKUP';
    });
  /** How often instances of pools have changed their state, on all nodes. */
  const transitions = () =>
    Promise.all(lab.nodes.map((node) => lab.metric(node, 'keepalived_vip_instance_transitions_total')));

  it('elects the node that is first, and no node has an address because of it', async () => {
    await lab.ready();
    await carryOut(ready);
    await waitForMaster('web-0');
    const [instance] = (await status('node1')).instances;
    expect(instance).toMatchObject({ name: 'web-0', addresses: [] });
    expect(await lab.holders(LIKE)).toEqual([]);
    expect(await readPlanStatus(lab.name, 'node1')).toMatchObject({ held: [], problems: [] });
  });

  it('has its address where it is master already: no node is elected for it', async () => {
    await carryOut(ready);
    await waitForMaster('web-0');
    const before = await statesOf('web-0');
    watch = await AddressWatch.start(lab.hosts);
    const sinceMs = monotonicMs();
    await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, given(node))));
    const added = await waitFor('the address', () => watch?.changes(ADDRESS, sinceMs)[0]);
    process.stdout.write(`plan to held, with a group that was ready: ${(added.atMs - sinceMs).toFixed(0)} ms\n`);
    await carryOut(given);
    await waitForMaster(NEXT.name);
    expect(await lab.holders(ADDRESS)).toEqual(['node1']);
    expect(await statesOf('web-0')).toEqual(before);
  });

  it('goes on under another name, and the address never leaves its node', async () => {
    await carryOut(given);
    // When the next one has its master too, nothing is left of what came before.
    for (const name of ['web-0', NEXT.name]) await waitForMaster(name);
    watch = await AddressWatch.start(lab.hosts);
    const before = await transitions();
    const sinceMs = monotonicMs();
    const { longestOutageMs, failed } = await lab.probed(
      async () => {
        await carryOut(renamed);
        await delay(STEADY_MS); // the time is what is asked for
      },
      {},
      [ADDRESS],
    );
    process.stdout.write(`under another name: ${failed} requests failed, ${longestOutageMs.toFixed(0)} ms\n`);
    expect(watch.changes(ADDRESS, sinceMs)).toEqual([]);
    expect(await transitions()).toEqual(before);
    expect(failed).toBe(0);
    await waitForMaster('svc-0123456789-0');
  });

  it('loses its address, and another node takes over what is ready when its own goes', async () => {
    await carryOut(given);
    await carryOut(ready);
    await waitForMaster('web-0');
    expect(await lab.holders(ADDRESS)).toEqual([]);
    await lab.inject('ingress-crash', 'node1');
    await waitFor('node2 to be ready instead', async () => (await statesOf('web-0'))[1]?.state === 'MASTER');
    await lab.heal();
    await waitForMaster('web-0');
  });
});
