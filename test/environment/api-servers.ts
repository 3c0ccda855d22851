import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Prober } from '../clients/prober.ts';
import { apiServerFor } from '../cluster/plan.ts';
import { waitFor } from '../support/wait.ts';
import type { ClusterEnvironment } from './cluster.ts';
import type { Site } from './site.ts';

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly 'certificate-authority-data': string } }[];
}

const PORT = 6443;
const READY_PATH = '/readyz';
const INTERVAL_MS = 20;
const TIMEOUT_MS = 900;
const LIMIT_MS = 60_000;

/** The authority that signed the API servers' certificates, as PEM. */
export function authorityIn(kubeconfig: string): string {
  const { clusters } = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
  return Buffer.from(clusters[0]?.cluster['certificate-authority-data'] ?? '', 'base64').toString();
}

/** Waits until every API server of a cluster says, at its own address, that it is ready. */
export async function waitForApiServers({ plan, kubectl }: ClusterEnvironment): Promise<void> {
  for (const machine of plan.controlPlanes) {
    let said = '';
    const isReady = async () => {
      said = await kubectl(['get', '--raw', READY_PATH, `--server=${apiServerFor(plan, machine)}`]).catch(String);
      return said === 'ok';
    };
    await waitFor(`the API server of ${machine.name}`, isReady, { limitMs: LIMIT_MS, everyMs: 200 }, () => said);
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
