import { afterAll, describe, expect, it } from 'vitest';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import type { FaultName } from '../lab/fault-names.ts';
import { readPlanStatus, writePlan } from '../lab/node-plans.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { mustSkip } from '../support/needs.ts';
import { ip } from '../support/netns.ts';
import { formatTable } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { LAB_NEEDS, LabUnderTest, QUICK_API } from './lab-under-test.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('addresses on lo in the lab', LAB_NEEDS);

const EVERYWHERE = '203.0.113.5';
const ON_ONE = '203.0.113.9';
const LIMIT = { limitMs: 60_000, everyMs: 5 };
/** A lost kubelet counts after three seconds; by default after twenty-five. */
const QUICK_KUBELET = ['keepalived.checkKubeletInterval=1', 'keepalived.checkKubeletFailAfter=3'];
const table: string[][] = [['WHAT HAPPENS TO A NODE', 'ITS ADDRESS IS OFF lo AFTER']];

describe.skipIf(skip)('an address that every fit node has on lo', repeated, () => {
  const lab = new LabUnderTest({ name: 'everyw', set: ['controller.enabled=true', ...QUICK_API, ...QUICK_KUBELET] });
  lab.register();
  afterAll(() => process.stderr.write(`${formatTable(table)}\n`));

  async function onLo(address: string): Promise<string[]> {
    const looks = lab.hosts.map(async ({ name, netns }) => {
      const shown = await ip(['-o', 'address', 'show', 'dev', 'lo', 'to', address], netns);
      return shown === '' ? [] : [name];
    });
    return (await Promise.all(looks)).flat();
  }

  async function untilOnLo(address: string, nodes: readonly string[]): Promise<number> {
    const fromMs = monotonicMs();
    const isSo = async () => (await onLo(address)).join() === nodes.join();
    await waitFor(`${address} on lo of ${nodes.join()}`, isSo, LIMIT);
    return monotonicMs() - fromMs;
  }

  function plan(node: string, onLink: string): NodePlanSpec {
    const one = 'svc-0123456789';
    return {
      plan: 'first',
      pools: [
        { name: 'all', interface: '', failbackDelaySeconds: null },
        { name: one, ofPool: 'all', interface: '', onLoopback: true, failbackDelaySeconds: null },
      ],
      instances: [
        {
          ...{ name: `${one}-0`, pool: one, virtualRouterId: 101, rank: lab.nodes.indexOf(node) },
          addresses: [`${ON_ONE}/24`],
        },
      ],
      loopback: [{ name: 'all', pool: 'all', addresses: [`${EVERYWHERE}/24`, onLink] }],
    };
  }

  it('is there on all, but for what is in their own subnet; one that is to be on one node is on one', async () => {
    await lab.ready();
    const onLink = `${lab.hosts[0]?.address.replace(/\d+$/, '')}233`;
    await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, plan(node, onLink))));
    await untilOnLo(EVERYWHERE, lab.nodes);
    await waitFor('one node to have the other', async () => (await onLo(ON_ONE)).length === 1, LIMIT);
    expect(await onLo(onLink)).toEqual([]);
    await waitFor(
      'the reports',
      async () =>
        (await readPlanStatus(lab.name, 'node2'))?.held?.some(({ address }) => address === EVERYWHERE) === true,
      LIMIT,
    );
    const report = await readPlanStatus(lab.name, 'node2');
    expect(report?.problems).toEqual([expect.stringContaining(`pool all: ${onLink} is in this node's subnet`)]);
    expect(report?.addresses?.some((address) => address.startsWith(EVERYWHERE))).toBe(false);
    expect(await lab.metric('node2', 'keepalived_vip_loopback_serving')).toBe(1);
  });

  it.each<FaultName>([
    'cordon',
    'drain',
    'ingress-crash',
    'ingress-hang',
    'kubelet-down',
    'sidecar-kill',
    'sidecar-hang',
    'keepalived-term',
  ])('goes from a node alone by %s, and comes back', async (fault) => {
    const fromMs = monotonicMs();
    await lab.inject(fault, 'node2');
    await untilOnLo(EVERYWHERE, ['node1', 'node3']);
    table.push([fault, `${(monotonicMs() - fromMs).toFixed(0)} ms`]);
    await lab.heal({ fault });
    await untilOnLo(EVERYWHERE, lab.nodes);
  });

  it('stays where the API is out of reach', async () => {
    await lab.inject('api-unreachable', 'all');
    const isNoticed = async () =>
      (await lab.status('node2')) as unknown as { checks: { kubeApi: { healthy: boolean } } };
    await waitFor('that to be noticed', async () => (await isNoticed()).checks.kubeApi.healthy === false, LIMIT);
    expect(await onLo(EVERYWHERE)).toEqual(lab.nodes);
    await lab.heal({ fault: 'api-unreachable' });
  });

  it('is put there again when somebody takes it off', async () => {
    const netns = lab.host('node1').netns;
    await ip(['address', 'delete', `${EVERYWHERE}/32`, 'dev', 'lo'], netns);
    const tookMs = await untilOnLo(EVERYWHERE, lab.nodes);
    process.stdout.write(`taken off by hand: back after ${tookMs.toFixed(0)} ms\n`);
  });

  it('goes with the plan', async () => {
    const { loopback: _, ...without } = plan('node3', EVERYWHERE);
    await writePlan(lab.name, 'node3', { ...without, plan: 'second' });
    await untilOnLo(EVERYWHERE, ['node1', 'node2']);
    await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, null)));
    await untilOnLo(EVERYWHERE, []);
    await untilOnLo(ON_ONE, []);
  });
});
