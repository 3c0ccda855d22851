import { afterAll, describe, expect, it } from 'vitest';
import { BANDS } from '../../api/bands.ts';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import type { FaultName } from '../lab/fault-names.ts';
import { writePlan } from '../lab/node-plans.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { mustSkip } from '../support/needs.ts';
import { ip } from '../support/netns.ts';
import { formatTable } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { LAB_NEEDS, LabUnderTest, QUICK_API } from './lab-under-test.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('addresses on lo of some nodes in the lab', LAB_NEEDS);

const ADDRESS = '203.0.113.5';
const LIMIT = { limitMs: 60_000, everyMs: 5 };
const FAILBACK_SECONDS = 1;
/** By the seat: nodes in order of preference. By that alone the first node would have both when the second is gone. */
const SEATS = [
  ['node1', 'node3', 'node2'],
  ['node2', 'node1', 'node3'],
];
const table: string[][] = [['WHAT HAPPENS TO A NODE', 'ANOTHER HAS THE ADDRESS AFTER']];

describe.skipIf(skip)('an address that two of three nodes have on lo', repeated, () => {
  const lab = new LabUnderTest({ name: 'repl', set: ['controller.enabled=true', ...QUICK_API] });
  lab.register();
  afterAll(() => process.stderr.write(`${formatTable(table)}\n`));

  async function onLo(): Promise<string[]> {
    const looks = lab.hosts.map(async ({ name, netns }) => {
      const shown = await ip(['-o', 'address', 'show', 'dev', 'lo', 'to', ADDRESS], netns);
      return shown === '' ? [] : [name];
    });
    return (await Promise.all(looks)).flat();
  }

  /** @returns the milliseconds until these nodes and no others have it */
  async function untilOn(...nodes: readonly string[]): Promise<number> {
    const fromMs = monotonicMs();
    const isSo = async () => (await onLo()).join() === nodes.join();
    await waitFor(`${ADDRESS} on lo of ${nodes.join()}`, isSo, LIMIT);
    return monotonicMs() - fromMs;
  }

  function plan(node: string): NodePlanSpec {
    const seat = (order: readonly string[], slot: number) => ({
      ...{ name: `some-${slot}`, pool: 'some', virtualRouterId: 101 + slot, rank: order.indexOf(node), like: ADDRESS },
    });
    return {
      plan: 'first',
      pools: [{ name: 'some', interface: '', onLoopback: true, failbackDelaySeconds: FAILBACK_SECONDS }],
      instances: [],
      spares: SEATS.map(seat),
      loopback: [{ name: 'some', pool: 'some', elected: true, addresses: [ADDRESS] }],
    };
  }

  it('is on the two that are preferred', async () => {
    await lab.ready();
    await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, plan(node))));
    await untilOn('node1', 'node2');
  });

  it.each<FaultName>(['switch-cut', 'ingress-crash', 'cordon', 'keepalived-term'])(
    'goes by %s of one to the third, and comes back',
    async (fault) => {
      await untilOn('node1', 'node2');
      const fromMs = monotonicMs();
      await lab.inject(fault, 'node1');
      await waitFor('the third to have it', async () => (await onLo()).includes('node3'), LIMIT);
      table.push([fault, `${(monotonicMs() - fromMs).toFixed(0)} ms`]);
      expect(await onLo()).toContain('node2');
      await lab.heal({ fault });
      await untilOn('node1', 'node2');
    },
  );

  /** What nodes had it at each look while something is done. */
  async function seenDuring(action: () => Promise<unknown>): Promise<string[][]> {
    const seen: string[][] = [];
    let done = false;
    const watching = (async () => {
      while (!done) seen.push(await onLo());
    })();
    await action();
    done = true;
    await watching;
    return seen;
  }

  it('goes from one that drains, and is somewhere all the while', async () => {
    const seen = await seenDuring(async () => {
      await lab.inject('drain', 'node2');
      await untilOn('node1', 'node3');
    });
    expect(Math.min(...seen.map(({ length }) => length))).toBeGreaterThan(0);
    await lab.heal({ fault: 'drain' });
    await untilOn('node1', 'node2');
  });

  it('stays over a restart of a sidecar, and where the API is out of reach', async () => {
    const seen = await seenDuring(async () => {
      await lab.inject('api-unreachable', 'all');
      await waitFor('that to be noticed', async () => lab.allIn(BANDS.noKubeApi), LIMIT);
      await lab.inject('sidecar-kill', 'node1');
      await lab.heal({ fault: 'sidecar-kill' });
      const isElected = async () => (await lab.metric('node1', 'keepalived_vip_loopback_serving')) === 1;
      await waitFor('the new sidecar to know', isElected, LIMIT);
    });
    expect(seen.filter((nodes) => nodes.join() !== 'node1,node2')).toEqual([]);
    await lab.heal({ fault: 'api-unreachable' });
  });

  it('is on the only fit node when two fail, and a second one has it as soon as it is well', async () => {
    await lab.inject('ingress-crash', 'node1');
    await untilOn('node2', 'node3');
    await lab.inject('ingress-crash', 'node2');
    await untilOn('node3');
    await lab.heal({ fault: 'ingress-crash' });
    await untilOn('node1', 'node2');
  });

  it('goes with the plan', async () => {
    await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, null)));
    await untilOn();
  });
});
