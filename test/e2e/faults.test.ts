import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT_KINDS } from '../clients/prober.ts';
import type { ClusterFaultName } from '../cluster/fault-names.ts';
import { type Expectation, type HandOver, HandOvers, type Outages } from '../environment/hand-over.ts';
import { helmInstall, helmUninstall, waitForHolder } from '../environment/release.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { formatTable } from '../support/print.ts';
import { site } from './here.ts';

const repeated = repeatedWhenDisturbed();

/** What each fault may cost a client here: far above what the bench measures, for this machine does other things besides. */
const QUICK_MS = 400;
const SILENT_NODE_MS = 900;

const MOVES: Expectation = { address: 'move', withinMs: 30_000 };
const EITHER: Expectation = { address: 'either', withinMs: 10_000 };
/** Longer than all nodes take to count a lost API (25 s and one more interval) and to settle on it. */
const STAYS: Expectation = { address: 'stay', withinMs: 40_000 };
/** Five failed checks, five seconds apart, and the hand-over. */
const KUBELET: Expectation = { address: 'move', withinMs: 45_000 };
/** On top of what is expected, where the API server has been stopped before. */
const WITHOUT_API = { mayCount: true, leaveToItself: true, fit: 2 } as const;

interface Case {
  readonly fault: ClusterFaultName;
  readonly expectation: Expectation;
  readonly limitMs: number;
  /** Backups that both find the holder silent may both take the address, for the moment until one hears the other. */
  readonly maxMoves?: number;
}

/** On pods of which no container was ever started again: the kubelet waits for ten seconds and more the next time. */
const FIRST: readonly Case[] = [
  { fault: 'keepalived-kill', expectation: MOVES, limitMs: SILENT_NODE_MS },
  { fault: 'sidecar-kill', expectation: EITHER, limitMs: QUICK_MS },
  { fault: 'ingress-crash', expectation: MOVES, limitMs: QUICK_MS },
];

/** First those for whose repair no pod is made: kubelets and controllers still wait for an API that was away. */
const OTHERS: readonly Case[] = [
  { fault: 'sidecar-hang', expectation: EITHER, limitMs: QUICK_MS },
  { fault: 'link-cut', expectation: MOVES, limitMs: SILENT_NODE_MS, maxMoves: 2 },
  { fault: 'switch-cut', expectation: MOVES, limitMs: SILENT_NODE_MS, maxMoves: 2 },
  { fault: 'cordon', expectation: MOVES, limitMs: QUICK_MS },
  { fault: 'drain', expectation: MOVES, limitMs: QUICK_MS },
  { fault: 'node-crash', expectation: MOVES, limitMs: SILENT_NODE_MS, maxMoves: 2 },
  { fault: 'node-reboot', expectation: MOVES, limitMs: SILENT_NODE_MS, maxMoves: 2 },
  { fault: 'pod-delete', expectation: MOVES, limitMs: QUICK_MS },
];

const longest = ({ regular, newcomer }: Outages) => Math.max(regular, newcomer);

describe.skipIf(!site.hasHarness)('a fault on the node that holds the address', repeated, () => {
  const table: string[][] = [['FAULT', 'BUSY CLIENT', 'NEW CLIENT', 'MOVES', 'FROM', 'TO']];
  let handOvers: HandOvers<ClusterFaultName>;

  beforeAll(async () => {
    await helmInstall(site, { set: ['kind=DaemonSet'], args: ['--wait', '--timeout', '120s'] });
    await waitForHolder(site);
    handOvers = new HandOvers(site.cluster, { address: site.address, kinds: CLIENT_KINDS, realTime: true });
    await handOvers.start();
  });

  afterEach(async () => {
    await site.cluster.heal();
  });

  afterAll(async () => {
    await handOvers?.stop();
    await helmUninstall(site);
    process.stderr.write(`${formatTable(table)}\n`);
  });

  function record(name: string, run: HandOver): void {
    const { outageMs, moves, from, to } = run;
    const cells = [outageMs.regular, outageMs.newcomer].map((ms) => `${ms.toFixed(1)} ms`);
    table.push([name, ...cells, String(moves), from, to]);
  }

  async function observe(name: string, fault: ClusterFaultName, expectation: Expectation): Promise<HandOver> {
    const { run } = await handOvers.run(fault, expectation);
    record(name, run);
    return run;
  }

  async function expectLittle({ fault, expectation, limitMs, maxMoves = 1 }: Case): Promise<void> {
    const { outageMs, moves } = await observe(fault, fault, expectation);
    expect(moves).toBeLessThanOrEqual(maxMoves);
    expect(longest(outageMs)).toBeLessThan(limitMs);
    if (expectation.address === 'move') expect(moves).toBeGreaterThan(0);
  }

  it.each(FIRST)('moves it and costs clients little: $fault', expectLittle);

  // Early, and followed by faults that the nodes repair by themselves: after such an outage kubelets and controllers wait up to half a minute
  // before they ask the API again, for each pod that is made or removed.
  it('leaves it where it is while the API server is away, and still moves it when the ingress crashes meanwhile', async () => {
    await site.cluster.inject('apiserver-stop', 'cp');
    const away = await observe('apiserver-stop, before', 'ingress-crash', { ...MOVES, ...WITHOUT_API });
    expect(away.moves).toBe(1);
    expect(longest(away.outageMs)).toBeLessThan(QUICK_MS);
  });

  it('moves it once when the node reboots while the API server is away, and not again when both are back', async () => {
    await site.cluster.inject('apiserver-stop', 'cp');
    // A kubelet that cannot ask the API starts no pod: the node is back, but can hold nothing yet.
    const rebooted = await observe('node-reboot, no API', 'node-reboot', { ...MOVES, ...WITHOUT_API });
    expect(rebooted.moves).toBeLessThanOrEqual(2);
    expect(longest(rebooted.outageMs)).toBeLessThan(SILENT_NODE_MS);
    await site.cluster.heal();
    expect(await handOvers.calm()).toBe(rebooted.to);
  });

  it('does not move it while the API server is away and nothing else happens', async () => {
    const { outageMs, moves } = await observe('apiserver-stop', 'apiserver-stop', STAYS);
    expect(moves).toBe(0);
    // A single attempt may fail on a busy machine; an outage would be seen by both.
    expect(Math.min(outageMs.regular, outageMs.newcomer)).toBeLessThan(50);
  });

  it('moves it when the kubelet has been gone for the configured count, although nothing reports it', async () => {
    const { outageMs, moves, movedAfterMs = 0 } = await observe('kubelet-stop', 'kubelet-stop', KUBELET);
    expect(moves).toBe(1);
    // Five checks, five seconds apart, the first of which fails within five seconds.
    expect(movedAfterMs).toBeGreaterThan(19_000);
    expect(longest(outageMs)).toBeLessThan(QUICK_MS);
  });

  it.each(OTHERS)('moves it and costs clients little: $fault', expectLittle);
});
