import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { findOutages, type Outage } from '../clients/outages.ts';
import type { Prober } from '../clients/prober.ts';
import { healFaults, injectFault } from '../lab/fault-control.ts';
import type { FaultName } from '../lab/fault-names.ts';
import { nodeDirectory } from '../lab/node-directory.ts';
import { RUNTIME_VOLUME } from '../lab/runtime-files.ts';
import type { LabState } from '../lab/state.ts';
import { holdersOf } from '../lab/status.ts';
import { networkOf } from '../lab/targets.ts';
import { monotonicMs } from '../support/clock.ts';
import { waitFor } from '../support/wait.ts';
import type { WatchedRun } from './undisturbed.ts';

/** One fault, injected on the holder and healed, as a client saw it. */
export interface Run {
  /** Longest time without service from the fault to the healing. */
  readonly outageMs: number;
  /** Longest time without service from the healing on. */
  readonly healOutageMs: number;
  /** From the healing to exactly one holder on the nodes' interfaces. */
  readonly oneHolderMs: number;
  readonly from: string;
  readonly to: string;
  /** Attempts that the machine was too busy to make: with many of them a figure says little. */
  readonly missedSlots: number;
}

/** A lab that is measured. */
export interface Bench {
  readonly state: LabState;
  readonly prober: Prober;
  /** Service must have been steady for so long before and after a fault; longer than the slowest thing that can still happen. */
  readonly quietMs: number;
}

const LIMIT_MS = 30_000;
/** After a healing some clients stay with a node that no longer serves until their neighbour entry expires. */
const RECOVERY_LIMIT_MS = 120_000;
const LOOK_MS = 5;

function addressOf({ state }: Bench): string {
  const address = state.release.addresses[0];
  if (address === undefined) throw new Error('the lab has no address');
  return address;
}

function quietSince(bench: Bench, sinceMs: number): boolean {
  const from = Math.max(sinceMs, monotonicMs() - bench.quietMs);
  if (monotonicMs() - sinceMs < bench.quietMs) return false;
  const attempts = bench.prober.attempts(addressOf(bench), from);
  return attempts.length > 0 && attempts.every(({ ok }) => ok);
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : 'missing';
}

/** Whether every node could take over: its gate is open and its priority that of a healthy node. Nodes without these files pass. */
function allFit({ state }: Bench): boolean {
  return state.nodes.every(({ name }) => {
    const track = `${nodeDirectory(state.name, name).volume(RUNTIME_VOLUME)}/track/vip`;
    if (!existsSync(`${track}.gate`)) return true;
    const [gate, offset, pulse] = ['gate', 'offset', 'pulse'].map((kind) => Number(read(`${track}.${kind}`)));
    return gate === 1 && (offset ?? 0) >= -30 && pulse === 0;
  });
}

/** Waits until service is steady, every node is fit, and exactly one holds the address; gives its name. */
async function settle(bench: Bench, limitMs: number = LIMIT_MS): Promise<string> {
  const sinceMs = monotonicMs();
  const network = networkOf(bench.state);
  return waitFor(
    'a steady lab',
    async () => {
      if (!allFit(bench) || !quietSince(bench, sinceMs)) return undefined;
      const holders = await holdersOf(network, addressOf(bench));
      return holders.length === 1 ? holders[0] : undefined;
    },
    { limitMs, everyMs: 20 },
  );
}

/** Waits until another node holds the address and service has been steady since. */
async function moved(bench: Bench, from: string): Promise<string> {
  const network = networkOf(bench.state);
  const to = await waitFor(
    `another holder than ${from}`,
    async () => {
      const others = (await holdersOf(network, addressOf(bench))).filter((name) => name !== from);
      return others.length === 1 ? others[0] : undefined;
    },
    { limitMs: LIMIT_MS, everyMs: LOOK_MS },
  );
  const sinceMs = monotonicMs();
  await waitFor(`steady service from ${to}`, () => quietSince(bench, sinceMs), { limitMs: LIMIT_MS, everyMs: LOOK_MS });
  return to;
}

async function oneHolder(bench: Bench, sinceMs: number): Promise<number> {
  const network = networkOf(bench.state);
  const countHolders = async () => (await holdersOf(network, addressOf(bench))).length;
  await waitFor('exactly one holder', async () => (await countHolders()) === 1, {
    limitMs: LIMIT_MS,
    everyMs: LOOK_MS,
  });
  return Math.max(0, monotonicMs() - sinceMs);
}

function outagesOf(bench: Bench, fromMs: number, toMs: number): Outage[] {
  const attempts = bench.prober.attempts(addressOf(bench), fromMs).filter(({ startMs }) => startMs < toMs);
  return findOutages(attempts);
}

function longest(outages: readonly Outage[]): number {
  return Math.max(0, ...outages.map(({ durationMs }) => durationMs));
}

/** Injects a fault on the holder, waits for service elsewhere, heals, and waits for peace. */
export async function runFault(bench: Bench, fault: FaultName): Promise<WatchedRun<Run>> {
  const from = await settle(bench);
  const missedBefore = bench.prober.report(Number.POSITIVE_INFINITY).missedSlots;
  const { injectedAt } = await injectFault(bench.state.name, fault, from);
  const to = await moved(bench, from);
  const healing = monotonicMs();
  // The last success before the fault belongs to the outage.
  const outages = outagesOf(bench, injectedAt.monotonicMs - 100, healing);
  const { startedAt } = await healFaults(bench.state.name, { fault });
  const oneHolderMs = await oneHolder(bench, startedAt.monotonicMs);
  await settle(bench, RECOVERY_LIMIT_MS);
  const healOutages = outagesOf(bench, startedAt.monotonicMs - 100, Number.POSITIVE_INFINITY);
  const { missedSlots } = bench.prober.report(Number.POSITIVE_INFINITY);
  await delay(Math.random() * 200); // faults come at any moment of the advertisement interval
  const run = {
    outageMs: longest(outages),
    healOutageMs: longest(healOutages),
    oneHolderMs,
    from,
    to,
    missedSlots: missedSlots - missedBefore,
  };
  return { run, failings: [...outages, ...healOutages] };
}
