import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ObservedServer, readServersState, readStatistics } from '../../sidecar/proxy/observed.ts';
import { RuntimeApi } from '../../sidecar/proxy/runtime-api.ts';
import { API_SECTION } from '../../sidecar/proxy/sections.ts';
import { ApiLoad, type ApiLoadOptions, Relay } from '../clients/api-load.ts';
import { API_SERVER_PORT, type MachinePlan } from '../cluster/plan.ts';
import { clusterDirectory } from '../cluster/state.ts';
import { pidsOf } from '../cluster/status.ts';
import { waitForApiServers } from '../environment/api-servers.ts';
import { helmInstall, waitForHolder } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { monotonicMs } from '../support/clock.ts';
import { fetchIn } from '../support/netns.ts';
import { familyOf } from '../support/processes.ts';
import { PROXY_RUNTIME_DIRECTORY } from '../support/runtime-directory.ts';
import { waitFor } from '../support/wait.ts';
import { LIMIT_MS, type Way } from './control-plane-suites.ts';

/** Runs need not wait until a server that returned has its whole share: the default is 30 s. */
const SLOW_START_SECONDS = 1;
const RELAY_PORT = 6446;
/** What is asked: any client may, and the server answers by itself. */
const PATH = '/version';
/** A watch that has something to say at its beginning, and then nothing. */
const WATCH_PATH =
  '/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Dkube-root-ca.crt';
const FULL_WEIGHT = 100;
const CALM_LIMIT_MS = 180_000;
const TOLD_FOR_MS = 2000;
const TOLD_LIMIT_MS = 30_000;
/** What the sidecar tells of itself, by default. */
const STATUS_URL = 'http://127.0.0.1:10270/status';
const TICKS_PER_SECOND = 100;
const SECTION = 'controlPlaneLoadBalancing';

/** What a program has used and has. */
export interface ProgramUse {
  /** Processor time so far, in ms. */
  readonly processorMs: number;
  readonly residentBytes: number;
}

/** What a process has used, from proc_pid_stat(5) and proc_pid_status(5). */
function useOf(pid: number): ProgramUse {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { processorMs: (ticks * 1000) / TICKS_PER_SECOND, residentBytes: Number(resident) * 1024 };
}

/** Three control planes with the release in front of them, what stands for k0s's proxy beside it, and their clients. */
export class ControlPlaneSite {
  readonly site: Site;
  #relay: Relay | undefined;
  #relayNode = '';

  /** @param site a cluster of three control planes, whose address its API servers' certificates name */
  constructor(site: Site) {
    this.site = site;
  }

  /** Installs the release, and begins what is compared with it. */
  async start(): Promise<void> {
    const { site } = this;
    const instance = `${SECTION}.keepalived.vrrpInstances[0]`;
    const set = [
      ...[
        `${SECTION}.enabled=true`,
        `${instance}.virtualIPs[0]=${site.description.vip}`,
        `${instance}.authPass=secret`,
      ],
      `${SECTION}.health.slowStartSeconds=${SLOW_START_SECONDS}`,
    ];
    await helmInstall(site, { set, args: ['--wait', '--timeout', '120s'] });
    this.#relayNode = await waitForHolder(site);
    const { netns, ipv4 } = site.cluster.host(this.#relayNode);
    const backends = this.machines.map((machine) => `${machine.ipv4}:${API_SERVER_PORT}`);
    const options = { listen: `${ipv4}:${RELAY_PORT}`, backends, caFile: this.#pki('ca.crt') };
    this.#relay = await Relay.start(options, { netns });
  }

  async stop(): Promise<void> {
    await this.#relay?.stop();
  }

  get machines(): readonly MachinePlan[] {
    return this.site.cluster.plan.nodes;
  }

  #pki(file: string): string {
    return join(clusterDirectory(this.site.cluster.name), 'pki', file);
  }

  /** PEM files of the cluster's authority, and of its administrator. */
  get files(): Required<Pick<ApiLoadOptions, 'caFile' | 'certFile' | 'keyFile'>> {
    return { caFile: this.#pki('ca.crt'), certFile: this.#pki('admin.crt'), keyFile: this.#pki('admin.key') };
  }

  /** Clients outside the cluster, by a way or of the servers themselves. */
  clients(way: Way | 'direct', load: Pick<ApiLoadOptions, 'perSecond' | 'loops' | 'watches'>): Promise<ApiLoad> {
    const options: ApiLoadOptions = {
      ...this.files,
      ...load,
      targets: this.#targets(way),
      path: PATH,
      watchPath: WATCH_PATH,
      namedBy: 'certificate',
      limitMs: LIMIT_MS,
    };
    // Clients that connect one after the other take what there is: of real-time priority they would leave nothing to the servers.
    const realTime = (load.loops ?? 0) === 0;
    return ApiLoad.start(options, { netns: this.site.cluster.clientNetns('regular'), realTime });
  }

  #targets(way: Way | 'direct'): readonly string[] {
    if (way === 'direct') return this.machines.map(({ ipv4 }) => `${ipv4}:${API_SERVER_PORT}`);
    if (way === 'this') return [`${this.site.address}:${API_SERVER_PORT}`];
    return [`${this.site.cluster.host(this.#relayNode).ipv4}:${RELAY_PORT}`];
  }

  /** The node that the clients of a way come to. */
  async entry(way: Way): Promise<string> {
    return way === 'this' ? waitForHolder(this.site) : this.#relayNode;
  }

  /** A node that is not the one that clients come to, by turns. @param run its number from 0 */
  async other(way: Way, run: number): Promise<MachinePlan> {
    const entry = await this.entry(way);
    const others = this.machines.filter(({ name }) => name !== entry);
    const found = others[run % others.length];
    if (found === undefined) throw new Error(`there is no node but ${entry}`);
    return found;
  }

  #haproxyPids(node: string): number[] {
    const pids = pidsOf(this.site.cluster.host(node), 'haproxy');
    if (pids.length === 0) throw new Error(`no HAProxy runs on ${node}`);
    return pids;
  }

  /** HAProxy's runtime API on a node. */
  runtimeApi(node: string): RuntimeApi {
    const [pid] = this.#haproxyPids(node);
    return new RuntimeApi({ socket: `/proc/${pid}/root${PROXY_RUNTIME_DIRECTORY}/admin.sock` });
  }

  /** The API servers as HAProxy on a node has them. */
  async servers(node: string): Promise<readonly ObservedServer[]> {
    const all = readServersState(await this.runtimeApi(node).run('show servers state'), () => 0) ?? [];
    return all.filter(({ section }) => section === API_SECTION);
  }

  /** Waits until every API server is ready, one node holds the address, and its HAProxy gives each server its whole share. */
  async calm(): Promise<void> {
    await waitForApiServers(this.site.cluster);
    const holder = await waitForHolder(this.site);
    await this.waitForShares(holder, this.machines.length);
  }

  /** Waits until HAProxy on a node gives so many servers their whole share. */
  async waitForShares(node: string, count: number): Promise<void> {
    await waitFor(
      `${count} servers with their whole share on ${node}`,
      async () => {
        const api = this.runtimeApi(node);
        const all = readStatistics(await api.run('show stat -1 4 -1').catch(() => ''));
        const full = all.filter(({ section, weight }) => section === API_SECTION && weight === FULL_WEIGHT);
        const usable = (await this.servers(node).catch(() => [])).filter(({ up, admin }) => up && admin === 'ready');
        return full.length === count && usable.length === count;
      },
      { limitMs: CALM_LIMIT_MS, everyMs: 100 },
    );
  }

  /**
   * Waits until the other nodes were told of so many clients of a node: who connected a moment ago is not known to them when it is lost.
   * Connections that end count too, so that it must be so for longer than from one look to the next.
   */
  async waitForTold(node: string, clients: number): Promise<void> {
    const { netns } = this.site.cluster.host(node);
    let sinceMs = Number.POSITIVE_INFINITY;
    await waitFor(
      `${clients} clients of ${node} that the other nodes were told of`,
      async () => {
        const told = Number(/"told":(\d+)/.exec(await fetchIn(netns, STATUS_URL))?.[1] ?? 0);
        sinceMs = told < clients ? Number.POSITIVE_INFINITY : Math.min(sinceMs, monotonicMs());
        return monotonicMs() - sinceMs >= TOLD_FOR_MS;
      },
      { limitMs: TOLD_LIMIT_MS, everyMs: 100 },
    );
  }

  /** What the program uses that clients of a way go through: of HAProxy the worker, which does the work, alone. */
  async use(way: Way): Promise<ProgramUse> {
    if (way === 'this') return useOf(this.#haproxyPids(await this.entry('this')).at(-1) ?? 0);
    // nsenter replaced itself.
    return useOf(familyOf(this.#relay?.pid ?? 0)[0]?.pid ?? 0);
  }
}
