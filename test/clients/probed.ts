import { monotonicMs } from '../support/clock.ts';
import { waitFor } from '../support/wait.ts';
import { Prober } from './prober.ts';

/** What a client saw of a change. */
export interface Seen {
  readonly attempts: number;
  readonly failed: number;
  /** From the first failure of any address to the last; 0 when nothing failed. */
  readonly longestOutageMs: number;
}

/** Of each address, once the change is over. */
const ATTEMPTS_AFTER = 100;

/**
 * Runs a client beside something that changes, and prints what it saw.
 * @param client.what the change, in words
 * @param client.netns where the client is
 */
export async function probed(
  { what, netns, addresses }: { readonly what: string; readonly netns: string; readonly addresses: readonly string[] },
  change: () => Promise<void>,
): Promise<Seen> {
  const prober = new Prober({ kind: 'regular', netns, addresses });
  await prober.start();
  try {
    const sinceMs = monotonicMs();
    await change();
    const afterMs = monotonicMs();
    const goesOn = () => prober.report(afterMs).addresses.every(({ attempts }) => attempts >= ATTEMPTS_AFTER);
    await waitFor('requests after the change', goesOn);
    await prober.stop();
    const seen = seenIn(prober, sinceMs);
    const within = seen.failed === 0 ? '' : `, within ${seen.longestOutageMs.toFixed(0)} ms`;
    process.stdout.write(`${what}: ${seen.failed} of ${seen.attempts} requests failed${within}\n`);
    return seen;
  } finally {
    await prober.stop();
  }
}

function seenIn(prober: Prober, sinceMs: number): Seen {
  const seen = prober.report(sinceMs).addresses;
  const outages = seen.flatMap((each) => each.outages);
  const first = Math.min(...outages.map(({ fromMs }) => fromMs));
  const last = Math.max(...outages.map(({ toMs }) => toMs));
  return {
    attempts: seen.reduce((sum, each) => sum + each.attempts, 0),
    failed: seen.reduce((sum, each) => sum + each.failed, 0),
    longestOutageMs: outages.length === 0 ? 0 : last - first,
  };
}
