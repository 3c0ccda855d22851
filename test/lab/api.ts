import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCertificate } from '../support/certificates.ts';
import type { ProcessRef } from '../support/processes.ts';
import { startServer } from '../support/server.ts';
import type { ApiServerOptions } from './api-protocol.ts';
import { API_PORT, addressesOf, type HostPlan } from './network-plan.ts';
import type { ClusterAccount } from './pod.ts';

const SERVER = join(import.meta.dirname, 'api-server.ts');
const START_LIMIT_MS = 60_000;

export interface ApiOptions {
  readonly host: HostPlan;
  /** A directory of its own. */
  readonly directory: string;
  /** A folder for each resource, with a file for each object; they change while the server runs. */
  readonly objectsDirectory: string;
}

/** A running API server and what a pod needs to talk to it. */
export interface RunningApi {
  readonly process: ProcessRef;
  readonly account: ClusterAccount;
}

/** Makes certificate and token and starts the API server stand-in; returns when it listens. */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { host, directory, objectsDirectory } = options;
  const addresses = [...addressesOf(host, 4), ...addressesOf(host, 6)];
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o700);
  const { caFile, certFile, keyFile } = await makeCertificate(directory, addresses);
  const token = randomBytes(24).toString('base64url');
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, token);
  const files = { certFile, keyFile, tokenFile, objectsDirectory };
  const serverOptions: ApiServerOptions = { addresses, port: API_PORT, ...files };
  const ref = await startServer({
    what: 'the API server stand-in',
    netns: host.netns,
    command: [process.execPath, SERVER, JSON.stringify(serverOptions)],
    logFile: join(directory, 'api-server.log'),
    port: API_PORT,
    limitMs: START_LIMIT_MS,
  });
  return { process: ref, account: { 'ca.crt': await readFile(caFile, 'utf8'), token } };
}
