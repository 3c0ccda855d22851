import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import axios from 'axios';
import { parse } from 'yaml';
import { monotonicMs } from '../lab/clock.ts';
import type { Attempt } from '../lab/outages.ts';
import { waitFor } from '../lab/wait.ts';

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly 'certificate-authority-data': string } }[];
}

const INTERVAL_MS = 20;
/** Below the kernel's first SYN repetition: a lost SYN is a failure. */
const TIMEOUT_MS = 800;
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
    const { status } = await axios.get(`https://${address}:6443/readyz`, settings);
    return { ok: status === 200, who: `status ${status}` };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { ok: false, who: limit.aborted ? 'timeout' : (code ?? message) };
  }
}

function agentFor(kubeconfig: string): Agent {
  return new Agent({ ca: authorityIn(kubeconfig), keepAlive: false });
}

/** Waits until API servers say that they are ready. @param addresses without prefix length */
export async function waitForApiServers(addresses: readonly string[], kubeconfig: string): Promise<void> {
  const agent = agentFor(kubeconfig);
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

/** A client of API servers, on the machine that hosts the cluster: asks again and again and remembers what became of each attempt. */
export class ApiProber {
  readonly #address: string;
  readonly #agent: Agent;
  readonly #attempts: Attempt[] = [];
  readonly #pending = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #loop: Promise<void> | undefined;

  /** @param address without prefix length */
  constructor(address: string, kubeconfig: string) {
    this.#address = address;
    this.#agent = agentFor(kubeconfig);
  }

  /** Begins; does nothing when it has begun. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends the attempts; those under way are waited for. May be called twice. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await Promise.all(this.#pending);
  }

  /** The attempts that have ended and began at `sinceMs` (CLOCK_MONOTONIC) or later. */
  attempts(sinceMs = 0): Attempt[] {
    return this.#attempts.filter(({ startMs }) => startMs >= sinceMs);
  }

  /** Waits for an answer to an attempt that begins from now on. */
  async nextAnswer(): Promise<Attempt> {
    const sinceMs = monotonicMs();
    return waitFor(
      `an answer from the API at ${this.#address}`,
      () => this.attempts(sinceMs).find(({ ok }) => ok),
      { limitMs: LIMIT_MS },
      () => this.#attempts.at(-1)?.who ?? '',
    );
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const attempt = this.#attempt().finally(() => this.#pending.delete(attempt));
      this.#pending.add(attempt);
      await delay(INTERVAL_MS);
    }
  }

  async #attempt(): Promise<void> {
    const startMs = monotonicMs();
    const answer = await askReady(this.#address, this.#agent);
    this.#attempts.push({ startMs, endMs: monotonicMs(), ...answer });
  }
}
