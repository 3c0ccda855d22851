import type { Outage } from '../clients/outages.ts';
import type { Prober, ProberOptions } from '../clients/prober.ts';
import { outageCells } from '../clients/report.ts';
import { NAMESPACE, RELEASE, waitForHolder } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { AddressWatch } from '../support/address-watch.ts';
import { monotonicMs } from '../support/clock.ts';
import { formatMs, say } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { PodWatch } from './pod-watch.ts';
import { type ReleasePod, releasePods } from './pods.ts';
import { waitForAnswer } from './reachable.ts';

/** A client that takes a busy machine for what it is, but a lost packet for a failure: the kernel repeats a SYN after a second. */
const CADENCE: Pick<ProberOptions, 'intervalMs' | 'timeoutMs'> = { intervalMs: 10, timeoutMs: 900 };

/** What was seen of a rollout. */
export interface Rollout {
  readonly before: readonly ReleasePod[];
  readonly after: readonly ReleasePod[];
  /** Least number of pods that served at the same time. */
  readonly leastServing: number;
  /** How often the address came to another node. */
  readonly moves: number;
  /** What a client saw when the address moved, in ms: [] when no request failed then. */
  readonly outagesMs: readonly number[];
  /** Images of the containers afterwards, the sidecar's first. */
  readonly images: string;
}

const LIMIT = '--timeout=120s';
const LIMIT_MS = 130_000;
/** An outage that begins so much after a move, or ends so much before it, is of a machine that was too busy to answer. */
const NEAR_MS = 100;

/** That client; it does not run yet. */
export function patientProber(site: Site): Prober {
  return site.prober('regular', CADENCE);
}

/** The images that a workload asks for, the sidecar's first. */
export async function imagesOf(site: Site, workload: string): Promise<string> {
  const path = 'jsonpath={.spec.template.spec.initContainers[*].image} {.spec.template.spec.containers[*].image}';
  return site.kubectl(['get', workload, '-n', NAMESPACE, '-o', path]);
}

/** Waits until all pods of a workload are of its newest template, and Ready; those of before may still be ending. */
export async function waitForRollout(site: Site, workload: string, namespace: string = NAMESPACE): Promise<void> {
  await site.kubectl(['rollout', 'status', workload, '-n', namespace, LIMIT], { timeout: LIMIT_MS });
}

/** The same for the release's Deployment, which has two pods; and until those of before are gone. */
export async function waitForReplacement(site: Site, namespace: string = NAMESPACE): Promise<void> {
  await waitForRollout(site, `deployment/${RELEASE}`, namespace);
  const gone = async () => (await releasePods(site, { namespace })).length === 2;
  await waitFor('the pods of before to end', gone, { limitMs: LIMIT_MS, everyMs: 200 });
}

/** Looks at the pods, at the nodes' addresses and at a client of the address while `change` replaces the pods. Own cluster only. */
export async function observeRollout(
  site: Site,
  workload: string,
  what: string,
  change: () => Promise<unknown>,
): Promise<Rollout> {
  const before = await releasePods(site);
  const holder = await waitForHolder(site);
  const prober = patientProber(site);
  const pods = new PodWatch(site);
  const addresses = new AddressWatch();
  const sinceMs = monotonicMs();
  try {
    addresses.watch(site.cluster.plan.nodes);
    await pods.begin(before.length);
    await prober.start();
    await change();
    await waitForRollout(site, workload);
    await waitForHolder(site);
    await waitForAnswer(site);
    await prober.stop();

    const [seen] = prober.report().addresses;
    const changesMs = addresses.changes(site.address, sinceMs).map(({ atMs }) => atMs);
    const nearMove = ({ fromMs, toMs }: Outage) =>
      changesMs.some((atMs) => fromMs - NEAR_MS <= atMs && atMs <= toMs + NEAR_MS);
    const moves = addresses.moves(site.address, sinceMs, holder);
    say(`${what}: ${moves} moves, longest time between two answers ${formatMs(seen?.longestSilenceMs ?? 0)}`);
    for (const outage of seen?.outages ?? []) {
      say(`${what}: ${nearMove(outage) ? 'outage by a move' : 'busy machine'} ${outageCells(outage).join(', ')}`);
    }
    return {
      before,
      after: await releasePods(site),
      leastServing: pods.leastServing,
      moves,
      outagesMs: (seen?.outages ?? []).filter(nearMove).map(({ durationMs }) => durationMs),
      images: await imagesOf(site, workload),
    };
  } finally {
    addresses.stop();
    await prober.stop();
    await pods.end();
  }
}
