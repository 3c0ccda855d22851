import { X509Certificate } from 'node:crypto';
import { execa } from 'execa';
import { API_SERVER_PORT } from '../cluster/plan.ts';
import type { Site } from '../environment/site.ts';
import { inNetns } from '../support/netns.ts';

const LIMIT_MS = 30_000;
const PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/;

/** Whose certificate a client elsewhere sees at the API servers' port of an address: the node's that it names. */
export async function servedAt(site: Site, address: string): Promise<string> {
  const server = ['-connect', `${address}:${API_SERVER_PORT}`, '-servername', 'kubernetes'];
  const [program, ...args] = inNetns(site.cluster.plan.client.netns, ['openssl', 's_client', ...server]);
  const { stdout } = await execa(program, args, { input: '', timeout: LIMIT_MS });
  const { subjectAltName = '' } = new X509Certificate(PEM.exec(stdout)?.[0] ?? '');
  return /DNS:(node\d+)/.exec(subjectAltName)?.[1] ?? 'none';
}
