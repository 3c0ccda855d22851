import { setTimeout as delay } from 'node:timers/promises';
import { LOCAL_POOL } from '../../api/instances.ts';
import type { NodePlan } from '../../api/node-plan.ts';
import { longestOf } from '../clients/clients.ts';
import { SANDBOX_IMAGE } from '../cluster/services.ts';
import { clusterCgroup } from '../cluster/state.ts';
import { pidsOnMachine } from '../cluster/status.ts';
import { applyManifest, waitForNodePlans } from '../environment/pools.ts';
import { waitForHolder } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { nginxConf } from '../support/nginx-conf.ts';
import { namedProcesses, signalAll } from '../support/processes.ts';
import type { WatchedRun } from '../support/undisturbed.ts';
import { waitFor } from '../support/wait.ts';
import { SteadyService } from './services-scenario.ts';
import { SERVICES_NAMESPACE, type ServicesSite } from './services-site.ts';
import { REQUESTS_PER_SECOND } from './services-suites.ts';

const NAME = 'echo';
const LABELS = { app: NAME };
const ROLLOUT_LIMIT_MS = 240_000;
/** Longer than an election takes: what a change of instances leads to is over. */
const ELECTION_MS = 1000;
/** A pod that is to end serves so long, while endpoints and addresses follow. */
const PRE_STOP_SECONDS = 3;

const CONF = nginxConf(
  '/tmp',
  'worker_processes 1;',
  '  server { listen 8080; return 200 "ok\\n"; }\n  server { listen 8081; return 200 "ok\\n"; }',
);

const CONFIG = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: NAME, namespace: SERVICES_NAMESPACE },
  data: { 'nginx.conf': CONF },
};

/** A pod on every node. */
const PODS = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: NAME, namespace: SERVICES_NAMESPACE },
  spec: {
    selector: { matchLabels: LABELS },
    template: {
      metadata: { labels: LABELS },
      spec: {
        terminationGracePeriodSeconds: 2 * PRE_STOP_SECONDS,
        containers: [
          {
            name: 'nginx',
            image: SANDBOX_IMAGE,
            imagePullPolicy: 'IfNotPresent',
            args: ['nginx', '-e', 'stderr', '-c', '/etc/echo/nginx.conf'],
            readinessProbe: { httpGet: { port: 8081, path: '/' }, periodSeconds: 1, failureThreshold: 1 },
            lifecycle: { preStop: { sleep: { seconds: PRE_STOP_SECONDS } } },
            volumeMounts: [{ name: 'config', mountPath: '/etc/echo' }],
          },
        ],
        volumes: [{ name: 'config', configMap: { name: NAME } }],
      },
    },
  },
};

interface PlanList {
  readonly items: readonly Pick<NodePlan, 'spec'>[];
}

/** A Service with externalTrafficPolicy Local, and a pod of it on every node. */
export class LocalService {
  readonly #services: ServicesSite;
  readonly #address: string;

  constructor(services: ServicesSite, address: string) {
    this.#services = services;
    this.#address = address;
  }

  get #site(): Site {
    return this.#services.site;
  }

  /** Makes both, and waits until a node has the address. */
  async start(): Promise<void> {
    await applyManifest(this.#site, CONFIG);
    await applyManifest(this.#site, PODS);
    await this.#rolledOut();
    const ports = [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }];
    const spec = { externalTrafficPolicy: 'Local', selector: LABELS, ports, allocateLoadBalancerNodePorts: true };
    await this.#services.create(NAME, { address: this.#address, spec });
    await waitForHolder(this.#site, this.#address);
  }

  /** A client of it. */
  client(intervalMs?: number): SteadyService {
    return new SteadyService(this.#site, this.#address, intervalMs === undefined ? {} : { intervalMs });
  }

  /** Lets the pod on the holder crash, and gives the node a new one. @returns the longest outage in ms */
  async crash(client: SteadyService): Promise<WatchedRun<number[]>> {
    const struck = await client.during(
      async (holder) => signalAll(await this.#processesOn(holder), 'SIGKILL'),
      // The kubelet waits longer after each crash: a new pod need not.
      (holder) => this.#renew(holder),
    );
    return { run: [longestOf(struck.outages)], failings: struck.outages };
  }

  /** Replaces all pods, one after the other. @returns how many of a hundred requests failed; the longest outage in ms */
  async replace(client: SteadyService): Promise<WatchedRun<number[]>> {
    const { outages, tookMs } = await client.during(async () => {
      await this.#site.kubectl(['rollout', 'restart', `daemonset/${NAME}`, '-n', SERVICES_NAMESPACE]);
      await this.#rolledOut();
    });
    const failed = outages.reduce((sum, { failedAttempts }) => sum + failedAttempts, 0);
    const asked = (tookMs / 1000) * REQUESTS_PER_SECOND;
    return { run: [(100 * failed) / asked, longestOf(outages)], failings: outages };
  }

  /** Has it served by all nodes, and then by those with pods again. @returns the longest outage in ms of each change */
  async changePolicy(client: SteadyService): Promise<WatchedRun<number[]>> {
    const toCluster = await client.during(() => this.#setPolicy('Cluster'));
    const toLocal = await client.during(() => this.#setPolicy('Local'));
    return {
      run: [longestOf(toCluster.outages), longestOf(toLocal.outages)],
      failings: [...toCluster.outages, ...toLocal.outages],
    };
  }

  /** Changes it, and waits until every node runs what follows from that. */
  async #setPolicy(externalTrafficPolicy: 'Cluster' | 'Local'): Promise<void> {
    const patch = JSON.stringify({ spec: { externalTrafficPolicy } });
    await this.#site.kubectl(['patch', 'service', NAME, '-n', SERVICES_NAMESPACE, '--type=merge', '-p', patch]);
    await waitFor(`a plan for ${externalTrafficPolicy}`, async () => {
      const listed = JSON.parse(await this.#site.kubectl(['get', 'nodeplans', '-o', 'json'])) as PlanList;
      const own = listed.items.flatMap(({ spec }) => spec.instances).filter((each) => this.#isOwn(each));
      return own.length > 0 && own.every(({ pool }) => LOCAL_POOL.test(pool) === (externalTrafficPolicy === 'Local'));
    });
    await waitForNodePlans(this.#site);
    await delay(ELECTION_MS);
  }

  #isOwn({ addresses }: PlanList['items'][number]['spec']['instances'][number]): boolean {
    return addresses.some((address) => address.split('/')[0] === this.#address);
  }

  /** The first process of the pod on a node: the kernel ends all others with it. */
  async #processesOn(node: string): Promise<number[]> {
    const all = namedProcesses(await pidsOnMachine(clusterCgroup(this.#site.cluster.name), node));
    const first = all.filter(({ commandLine }) => commandLine.includes('/etc/echo/nginx.conf')).map(({ pid }) => pid);
    if (first.length === 0) throw new Error(`no pod of the Service runs on ${node}`);
    return first;
  }

  async #renew(node: string): Promise<void> {
    const where = ['-n', SERVICES_NAMESPACE, '-l', `app=${NAME}`, `--field-selector=spec.nodeName=${node}`];
    await this.#site.kubectl(['delete', 'pod', ...where, '--wait=true', '--grace-period=1']);
    await this.#rolledOut();
  }

  async #rolledOut(): Promise<void> {
    const limit = `--timeout=${ROLLOUT_LIMIT_MS / 1000}s`;
    await this.#site.kubectl(['rollout', 'status', `daemonset/${NAME}`, '-n', SERVICES_NAMESPACE, limit], {
      timeout: ROLLOUT_LIMIT_MS + 10_000,
    });
  }
}
