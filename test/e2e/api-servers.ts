import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import axios from 'axios';
import { parse } from 'yaml';
import type { Prober } from '../clients/prober.ts';
import type { Site } from '../environment/site.ts';
import { monotonicMs } from '../support/clock.ts';
import { waitFor } from '../support/wait.ts';

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly 'certificate-authority-data': string } }[];
}

const PORT = 6443;
const READY_PATH = '/readyz';
const INTERVAL_MS = 20;
const TIMEOUT_MS = 900;
const LIMIT_MS = 60_000;

/** How an API server answered, or why it did not. */
interface Answer {
  readonly ok: boolean;
  readonly who: string;
}

/** The authority that signed the API servers' certificates, as PEM. */
function authorityIn(kubeconfig: string): string {
  const { clusters } = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
  return Buffer.from(clusters[0]?.cluster['certificate-authority-data'] ?? '', 'base64').toString();
}

/** Asks whether an API server is ready, by a new TLS connection whose certificate is verified. */
async function askReady(address: string, httpsAgent: Agent): Promise<Answer> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const settings = { httpsAgent, proxy: false, signal: limit, validateStatus: () => true } as const;
  try {
    const { status } = await axios.get(`https://${address}:${PORT}${READY_PATH}`, settings);
    return { ok: status === 200, who: `status ${status}` };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { ok: false, who: limit.aborted ? 'timeout' : (code ?? message) };
  }
}

/** Waits until API servers say that they are ready. @param addresses without prefix length */
export async function waitForApiServers(addresses: readonly string[], kubeconfig: string): Promise<void> {
  const agent = new Agent({ ca: authorityIn(kubeconfig), keepAlive: false });
  for (const address of addresses) {
    let answer: Answer | undefined;
    await waitFor(
      `the API server ${address}`,
      async () => {
        answer = await askReady(address, agent);
        return answer.ok;
      },
      { limitMs: LIMIT_MS, everyMs: 200 },
      () => answer?.who ?? '',
    );
  }
}

/**
 * A client of the API at the site's address, that asks `/readyz` by a new TLS connection each time. It does not run yet.
 * Its time-out is below the kernel's first SYN repetition: a lost SYN is a failure.
 */
export function apiProber(site: Site): Prober {
  const ca = authorityIn(site.description.kubeconfig);
  return site.prober('regular', { port: PORT, path: READY_PATH, ca, intervalMs: INTERVAL_MS, timeoutMs: TIMEOUT_MS });
}

/** Waits until an attempt that begins from now on gets an answer. Gives when it had it, in ms of CLOCK_MONOTONIC. */
export async function nextAnswer(site: Site, prober: Prober): Promise<number> {
  const sinceMs = monotonicMs();
  const answered = () => prober.attempts(site.address, sinceMs).find(({ ok }) => ok);
  const last = () => `the last attempt ended with ${prober.attempts(site.address).at(-1)?.who}`;
  return (await waitFor(`an answer from the API at ${site.address}`, answered, { limitMs: LIMIT_MS }, last)).endMs;
}
