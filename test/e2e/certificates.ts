import { X509Certificate } from 'node:crypto';
import { execa } from 'execa';
import { API_SERVER_PORT } from '../cluster/plan.ts';
import type { Site } from '../environment/site.ts';
import { inNetns } from '../support/netns.ts';

const LIMIT_MS = 30_000;
const PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/;

/**
 * Whose certificate a client elsewhere sees at an address: the node's that it names.
 * @throws Error with what openssl says, when there is no connection
 */
export async function servedAt(site: Site, address: string, port = API_SERVER_PORT): Promise<string> {
  const server = ['-connect', `${address}:${port}`, '-servername', 'kubernetes'];
  const [program, ...args] = inNetns(site.cluster.plan.client.netns, ['openssl', 's_client', ...server]);
  const { stdout } = await execa(program, args, { input: '', timeout: LIMIT_MS });
  const { subjectAltName = '' } = new X509Certificate(PEM.exec(stdout)?.[0] ?? '');
  return /DNS:(node\d+)/.exec(subjectAltName)?.[1] ?? 'none';
}
