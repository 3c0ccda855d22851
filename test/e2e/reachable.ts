import type { Prober } from '../clients/prober.ts';
import type { Site } from '../environment/site.ts';
import { monotonicMs } from '../support/clock.ts';
import { say } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';

const LIMIT_MS = 60_000;

/** By then an installed address has to answer, counted from the beginning of `helm install`; in ms. */
export const REACHABLE_MS = 15_000;
/** The same where another cluster begins meanwhile on the same processors, which is no matter of the product: several times what it takes then. */
export const REACHABLE_BESIDE_MS = 45_000;

/** Waits until an attempt of a client that begins from now on gets an answer. Gives when it had it, in ms of CLOCK_MONOTONIC. */
export async function nextAnswer(prober: Prober, address: string): Promise<number> {
  const sinceMs = monotonicMs();
  const answered = () => prober.attempts(address, sinceMs).find(({ ok }) => ok);
  const last = () => `the client's last attempt ended with ${prober.attempts(address).at(-1)?.who}`;
  return (await waitFor(`an answer from ${address}`, answered, { limitMs: LIMIT_MS }, last)).endMs;
}

/** Waits until an address answers a client outside the cluster. Gives when it did, in ms of CLOCK_MONOTONIC. */
export async function waitForAnswer(site: Site, address: string = site.address): Promise<number> {
  const prober = site.prober('regular', { address });
  try {
    await prober.start();
    return await nextAnswer(prober, address);
  } catch (error) {
    const holders = (await site.holders(address)).join(' and ') || 'no node';
    throw new Error(`${address} is on ${holders}: ${(error as Error).message}`, { cause: error });
  } finally {
    await prober.stop();
  }
}

/** Installs something, and gives the ms from then until the address answers a client outside the cluster. */
export async function msUntilAnswer(
  site: Site,
  what: string,
  install: () => Promise<unknown>,
  address: string = site.address,
): Promise<number> {
  const startedMs = monotonicMs();
  await install();
  const tookMs = (await waitForAnswer(site, address)) - startedMs;
  say(`${what}: ${address} answers ${(tookMs / 1000).toFixed(1)} s after the beginning of helm install`);
  return tookMs;
}
