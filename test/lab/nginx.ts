import { mkdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nginxConf } from '../support/nginx-conf.ts';
import type { ProcessRef } from '../support/processes.ts';
import { startServer } from '../support/server.ts';
import type { HostPlan } from './network-plan.ts';

/** nginx is up in tens of milliseconds; on a machine that builds something beside it, in seconds. */
const START_LIMIT_MS = 60_000;

/** Ports as ingress-nginx and the kubelet have them. */
export const INGRESS_PORT = 80;
export const INGRESS_HEALTH_PORT = 10254;
export const KUBELET_HEALTH_PORT = 10248;

/** Name of the file whose presence makes the ingress's health endpoint answer 503. */
const UNHEALTHY_FILE = 'unhealthy';

export interface NginxOptions {
  readonly host: Pick<HostPlan, 'name' | 'netns'>;
  /** A directory for this server alone: configuration, pid file, log. */
  readonly directory: string;
}

/**
 * The ingress's configuration: traffic on port 80 of every address, answered with the node's name, and ingress-nginx's
 * health endpoint on loopback, which answers 503 as long as the file `unhealthy` exists. Pure.
 */
export function ingressConf(node: string, directory: string): string {
  return nginxConf(
    directory,
    'worker_processes 1;',
    `  server {
    listen ${INGRESS_PORT};
    listen [::]:${INGRESS_PORT};
    return 200 "${node}\\n";
  }
  server {
    listen 127.0.0.1:${INGRESS_HEALTH_PORT};
    location = /healthz {
      if (-f ${join(directory, UNHEALTHY_FILE)}) { return 503 "unhealthy\\n"; }
      return 200 "ok\\n";
    }
  }`,
  );
}

/** The kubelet's health endpoint. Pure. */
export function kubeletConf(directory: string): string {
  return nginxConf(
    directory,
    'master_process off;',
    `  server {
    listen 127.0.0.1:${KUBELET_HEALTH_PORT};
    location = /healthz { return 200 "ok\\n"; }
  }`,
  );
}

async function startNginx(options: NginxOptions, conf: string, port: number): Promise<ProcessRef> {
  const { directory, host } = options;
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const confFile = join(directory, 'nginx.conf');
  await writeFile(confFile, conf);
  return startServer({
    what: `nginx of ${host.name}`,
    netns: host.netns,
    command: ['nginx', '-p', directory, '-e', 'stderr', '-c', confFile],
    logFile: join(directory, 'nginx.log'),
    port,
    limitMs: START_LIMIT_MS,
  });
}

/** Starts a node's ingress; gives its master, the leader of a process group that holds the worker too. */
export async function startIngress(options: NginxOptions): Promise<ProcessRef> {
  await setIngressHealth(options.directory, true);
  return startNginx(options, ingressConf(options.host.name, options.directory), INGRESS_PORT);
}

/** Starts a node's kubelet stand-in. */
export async function startKubelet(options: NginxOptions): Promise<ProcessRef> {
  return startNginx(options, kubeletConf(options.directory), KUBELET_HEALTH_PORT);
}

/** Makes the ingress's health endpoint answer 200 or 503; its traffic port serves either way. */
export async function setIngressHealth(directory: string, healthy: boolean): Promise<void> {
  const file = join(directory, UNHEALTHY_FILE);
  await (healthy ? rm(file, { force: true }) : writeFile(file, ''));
}
