import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type ClientKind, type ProbeReport, Prober } from '../clients/prober.ts';
import type { Say } from '../support/print.ts';
import type { LabState } from './state.ts';
import { networkOf } from './targets.ts';

/** How a lab's addresses are probed. */
export interface ProbeOptions {
  readonly seconds: number;
  readonly kinds: readonly ClientKind[];
  readonly intervalMs?: number | undefined;
}

/** What the clients of a lab saw. */
export interface LabProbe {
  readonly seconds: number;
  readonly clients: readonly ProbeReport[];
}

/** Makes a lab's client of one kind, for all its addresses; it does not run yet. */
function labProber(state: LabState, kind: ClientKind, intervalMs?: number): Prober {
  const network = networkOf(state);
  const { netns } = kind === 'newcomer' ? network.newcomer : network.client;
  const { addresses } = state.release;
  return new Prober({ kind, netns, addresses, ...(intervalMs === undefined ? {} : { intervalMs }) });
}

/** Probes a lab's addresses for some seconds; Ctrl-C ends it early and still gives the report. */
export async function probeFor(state: LabState, options: ProbeOptions, say: Say): Promise<LabProbe> {
  const probers = options.kinds.map((kind) => labProber(state, kind, options.intervalMs));
  const begin = performance.now();
  try {
    await Promise.all(probers.map((prober) => prober.start()));
    say(`probing ${state.release.addresses.join(', ')} for ${options.seconds} s`);
    await untilOverOrInterrupted(1000 * options.seconds);
  } finally {
    await Promise.all(probers.map((prober) => prober.stop()));
  }
  return { seconds: (performance.now() - begin) / 1000, clients: probers.map((prober) => prober.report()) };
}

async function untilOverOrInterrupted(ms: number): Promise<void> {
  const over = new AbortController();
  const interrupted = Promise.race(
    ['SIGINT', 'SIGTERM'].map((signal) => once(process, signal, { signal: over.signal })),
  );
  const waited = delay(ms, undefined, { signal: over.signal });
  await Promise.race([interrupted, waited]);
  over.abort();
  await Promise.allSettled([interrupted, waited]);
}
