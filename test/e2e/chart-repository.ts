import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { CHART } from '../environment/release.ts';
import type { Helm } from '../environment/site.ts';

/** A Helm repository with the chart of the checkout in it, as a web server on this machine. */
export interface ChartRepository {
  readonly url: string;
  close(): Promise<void>;
}

/** Packages the chart and serves it as the documentation says: `helm package`, `helm repo index`, any web server. */
export async function serveChart(helm: Helm): Promise<ChartRepository> {
  const folder = await mkdtemp(join(tmpdir(), 'chart-repository-'));
  const server = express().use(express.static(folder)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await helm(['package', CHART, '--destination', folder]);
  await helm(['repo', 'index', folder, '--url', url]);
  return {
    url,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A helm that knows repositories of its own only. @param folder where it keeps them */
export function helmAtHome(helm: Helm, folder: string): Helm {
  const env = {
    HELM_REPOSITORY_CONFIG: join(folder, 'repositories.yaml'),
    HELM_REPOSITORY_CACHE: join(folder, 'repository'),
    HELM_CACHE_HOME: join(folder, 'cache'),
  };
  return (args, options = {}) => helm(args, { ...options, env: { ...options.env, ...env } });
}
