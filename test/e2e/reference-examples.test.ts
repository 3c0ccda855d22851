import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { summarize } from '../clients/outages.ts';
import { takeDown } from '../cluster/down.ts';
import type { ClusterFaultName } from '../cluster/fault-names.ts';
import type { MachinePlan } from '../cluster/plan.ts';
import { pidsOf } from '../cluster/status.ts';
import { apiProber, waitForApiServers } from '../environment/api-servers.ts';
import {
  CHART,
  helmInstall,
  helmUninstall,
  type InstallOptions,
  NAMESPACE,
  RELEASE,
  waitForHolder,
  waitForPods,
} from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { say } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { servedAt } from './certificates.ts';
import { describeControlPlaneIngress } from './control-plane-ingress.ts';
import { bringUpControlPlanes } from './further-clusters.ts';
import { installationOf } from './helm-chart-manifest.ts';
import { site } from './here.ts';
import { labelNodes, nodeNames, untaintNodes } from './nodes.ts';
import { tokenFolder } from './pod-token.ts';
import { releasePods, sidecarStatus } from './pods.ts';
import { rightsOf } from './process-rights.ts';
import { msUntilAnswer, nextAnswer, REACHABLE_BESIDE_MS } from './reachable.ts';
import { describeStaticPods } from './static-pods.ts';

const repeated = repeatedWhenDisturbed();
const FIXTURES = join(import.meta.dirname, 'fixtures');
const EXAMPLES = join(import.meta.dirname, '../../examples');
/** The examples' values as they are written. */
const INGRESS_VALUES = join(CHART, 'ci/reference-ingress-values.yaml');
const API_SERVER_VALUES = join(CHART, 'ci/reference-api-server-values.yaml');
const LIMIT = { limitMs: 60_000, everyMs: 100 };

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

async function placesOf(where: Site, options: InstallOptions = {}): Promise<(string | undefined)[]> {
  return (await releasePods(where, options)).map(({ node }) => node).toSorted();
}

describe.skipIf(!site.hasHarness)("the reference chart's ingress example", repeated, () => {
  let nodes: string[] = [];

  beforeAll(async () => {
    nodes = (await nodeNames(site)).slice(0, 2);
    await labelNodes(site, nodes, 'nodeRole=ingress');
  });
  afterAll(async () => {
    await helmUninstall(site);
    await labelNodes(site, nodes, 'nodeRole-');
  });

  it('makes the address reachable on the ingress nodes', async () => {
    const options = { valuesFiles: [INGRESS_VALUES], set: ['keepalived.vrrpInterfaceName=eth0'] };
    // This may be the second try.
    await helmUninstall(site, options);
    expect(await msUntilAnswer(site, 'ingress example', () => helmInstall(site, options))).toBeLessThan(
      REACHABLE_BESIDE_MS,
    );
    await waitForPods(site);
    expect(await placesOf(site)).toEqual(nodes);
    expect(nodes).toContain(await waitForHolder(site));
  });

  it('tolerates an unhealthy kubelet for ten checks, every 3 s', async () => {
    const [pod] = await releasePods(site);
    const { checks } = await sidecarStatus(site, pod?.name ?? '');
    expect(checks.kubelet).toMatchObject({ enabled: true, healthy: true, intervalSeconds: 3, failureThreshold: 10 });
    expect(checks.kubeApi).toMatchObject({ enabled: true, healthy: true });
    expect(checks.service).toMatchObject({ target: 'http://127.0.0.1:10254/healthz', healthy: true });
  });
});

describe.skipIf(!site.hasHarness)('on three control planes', repeated, () => {
  let planes: Site;
  let machines: readonly MachinePlan[] = [];
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reference-examples-'));
    planes = await bringUpControlPlanes(site);
    machines = planes.cluster.plan.nodes;
  });
  afterAll(async () => {
    if (planes?.description.cluster !== undefined) await takeDown(planes.description.cluster);
    await rm(folder, { recursive: true, force: true });
  });

  /** kubectl by way of the virtual address. */
  function kubectlThroughVip(args: readonly string[]): Promise<string> {
    return planes.kubectl(['--server', `https://${planes.address}:6443`, ...args]);
  }

  /** Installs, until the API answers at the virtual address and every node has a pod. */
  async function installForApi(options: InstallOptions): Promise<string> {
    // This may be the second try.
    await helmUninstall(planes, options);
    const prober = apiProber(planes);
    const startedMs = monotonicMs();
    try {
      const notes = await helmInstall(planes, options);
      await prober.start();
      const tookMs = (await nextAnswer(prober, planes.address)) - startedMs;
      say(`${options.release ?? RELEASE}: the API is reachable after ${seconds(tookMs)}`);
      expect(tookMs).toBeLessThan(REACHABLE_BESIDE_MS);
      await waitForPods(planes, options);
      expect(await placesOf(planes, options)).toEqual(machines.map(({ name }) => name));
      return notes;
    } finally {
      await prober.stop();
    }
  }

  describe("the reference chart's API server example", () => {
    beforeAll(() =>
      labelNodes(
        planes,
        machines.map(({ name }) => name),
        'node-role.kubernetes.io/controlplane=true',
      ),
    );
    afterAll(() => helmUninstall(planes));

    it('makes the API reachable at the address, for kubectl too', async () => {
      const notes = await installForApi({ valuesFiles: [API_SERVER_VALUES] });
      expect(notes).toContain('API servers speak TLS only: https://127.0.0.1:6443/healthz is asked');
      expect(await kubectlThroughVip(['get', 'nodes', '-o', 'name'])).toContain('node/node1');
    });

    /** Strikes the holder, and gives the longest time without an answer for a client of the address, in ms. */
    async function outageBy(fault: ClusterFaultName): Promise<number> {
      const { cluster } = planes;
      const prober = apiProber(planes);
      try {
        await prober.start();
        await nextAnswer(prober, planes.address);
        const beganMs = monotonicMs();
        const { node } = await cluster.inject(fault);
        const holder = await waitFor(
          'another holder',
          async () => (await planes.holders()).find((each) => each !== node),
          LIMIT,
        );
        await nextAnswer(prober, planes.address);
        await kubectlThroughVip(['get', 'nodes']);
        await prober.stop();
        const { longestOutageMs, longestSilenceMs, failed } = summarize(prober.attempts(planes.address, beganMs));
        say(
          `${fault}: ${node} -> ${holder}, longest outage ${longestOutageMs.toFixed(0)} ms, longest time between two answers ${longestSilenceMs.toFixed(0)} ms, ${failed} attempts failed`,
        );
        return Math.max(longestOutageMs, longestSilenceMs);
      } finally {
        await prober.stop();
        await cluster.heal();
        await waitForApiServers(cluster);
      }
    }

    /** Every node runs keepalived again, and one of them holds the address. */
    async function allWell(): Promise<void> {
      const running = () => machines.every((machine) => pidsOf(machine, 'keepalived').length > 0);
      await waitFor('keepalived on every node', running, LIMIT);
      await waitForHolder(planes);
    }

    it('survives the crash of the node that holds the address', async () => {
      expect(await outageBy('node-crash')).toBeLessThan(2000);
      await allWell();
    });

    it('survives the end of the API server on the node that holds the address', async () => {
      expect(await outageBy('apiserver-stop')).toBeLessThan(1000);
      await allWell();
    });
  });

  describe("k0s's section, with nothing else", () => {
    const ADDRESSES = 'controlPlaneLoadBalancing.keepalived.vrrpInstances[0]';
    const OFTEN = 15;
    const PROXY_PORT = 6444;
    const SECTION = ['controlPlaneLoadBalancing.enabled=true', 'controlPlaneLoadBalancing.type=Keepalived'];

    afterAll(() => helmUninstall(planes));

    /** By as many connections as k0s's own test needs at most to meet three API servers. */
    async function askOften(): Promise<void> {
      for (let asked = 0; asked < OFTEN; asked += 1) await kubectlThroughVip(['get', 'nodes', '-o', 'name']);
    }

    /** The API servers that the last connections to the address went to, as the proxy of a node logged them. */
    async function serversAsked(node: string, connections: number): Promise<string[]> {
      const pod = (await releasePods(planes)).find((each) => each.node === node);
      const log = await planes.kubectl(['logs', '-n', NAMESPACE, pod?.name ?? '', '-c', 'proxy']);
      return Array.from(log.matchAll(/"section":"api","server":"([^"<]+)"/g), ([, server]) => server ?? '').slice(
        -connections,
      );
    }

    /** Whose certificates connections to the address see, until it was every API server's. */
    async function certificatesSeen(most: number): Promise<Set<string>> {
      const seen = new Set<string>();
      for (let asked = 0; asked < most && seen.size < machines.length; asked += 1) {
        seen.add(await servedAt(planes, planes.address));
      }
      return seen;
    }

    it('makes the API reachable at the address, from every API server', async () => {
      await installForApi({
        set: [...SECTION, `${ADDRESSES}.virtualIPs[0]=${planes.description.vip}`, `${ADDRESSES}.authPass=secret`],
      });
      const holder = await waitForHolder(planes);
      await askOften();
      const asked = await serversAsked(holder, OFTEN);
      expect(asked).toHaveLength(OFTEN);
      expect(new Set(asked).size).toBe(machines.length);
      expect([...(await certificatesSeen(2 * OFTEN))].toSorted()).toEqual(machines.map(({ name }) => name));
    });

    it('tells on every node that the certificates of the real API servers have the address', async () => {
      const holder = await waitForHolder(planes);
      for (const { name, node } of await releasePods(planes)) {
        const isTold = async () => {
          const { controlPlane } = await sidecarStatus(planes, name);
          expect(controlPlane?.instances).toMatchObject([{ name: 'api_1', holder: node === holder }]);
          return controlPlane?.conditions.some(
            ({ type, status }) => type === 'CertificateLacksAddress' && status === 'False',
          );
        };
        await waitFor(`${name} to tell of certificates`, isTold, LIMIT);
      }
    });

    it('gives the proxy no right and no token, and its port to nobody else', async () => {
      for (const machine of machines) {
        const pids = pidsOf(machine, 'haproxy');
        expect(pids.length).toBeGreaterThanOrEqual(2);
        for (const pid of pids) {
          expect(rightsOf(pid)).toEqual({
            users: [65532, 65532, 65532, 65532],
            groups: [65532, 65532, 65532, 65532],
            ...{ permitted: [], effective: [], inheritable: [], bounding: [], ambient: [] },
            noNewPrivileges: true,
            filtered: true,
          });
          expect(tokenFolder(pid)).toBeUndefined();
        }
        expect(await servedAt(planes, machine.ipv4)).toBe(machine.name);
        await expect(servedAt(planes, machine.ipv4, PROXY_PORT)).rejects.toThrow(/refused/i);
      }
    });

    it('is elsewhere when the proxy of its holder hangs, which is started anew by nobody but its kubelet', async () => {
      const holder = await waitForHolder(planes);
      const podThere = async () => (await releasePods(planes)).find(({ node }) => node === holder);
      const before = (await podThere())?.restarts ?? 0;
      const machine = machines.find(({ name }) => name === holder);
      const [, worker = 0] = machine === undefined ? [] : pidsOf(machine, 'haproxy');
      process.kill(worker, 'SIGSTOP');
      await waitFor('another holder', async () => (await planes.holders()).some((each) => each !== holder), LIMIT);
      await kubectlThroughVip(['get', 'nodes', '-o', 'name']);
      await waitFor('a restart', async () => ((await podThere())?.restarts ?? 0) > before, LIMIT);
      await waitForPods(planes);
      await askOften();
    });

    it('keeps the address where it is when an API server ends there, and answers by the others', async () => {
      const { cluster } = planes;
      const holder = await waitForHolder(planes);
      const prober = apiProber(planes);
      try {
        await prober.start();
        await nextAnswer(prober, planes.address);
        const beganMs = monotonicMs();
        expect((await cluster.inject('apiserver-stop')).node).toBe(holder);
        await askOften();
        await prober.stop();
        const { longestOutageMs, failed } = summarize(prober.attempts(planes.address, beganMs));
        say(`apiserver-stop on ${holder}: ${failed} attempts failed, longest outage ${longestOutageMs.toFixed(0)} ms`);
        expect(longestOutageMs).toBeLessThan(1000);
        expect(await planes.holders()).toEqual([holder]);
      } finally {
        await prober.stop();
        await cluster.heal();
        await waitForApiServers(cluster);
      }
    });
  });

  describeControlPlaneIngress(() => planes);

  describeStaticPods(() => planes);

  describe('as k3s servers, which have no taint,', () => {
    let installed: InstallOptions[] = [];

    beforeAll(async () => {
      const names = machines.map(({ name }) => name);
      await untaintNodes(planes, names, 'node-role.kubernetes.io/control-plane');
      await labelNodes(planes, names, 'node-role.kubernetes.io/master=true');
      await labelNodes(planes, names, 'node-role.kubernetes.io/control-plane=true');
    });

    afterEach(async () => {
      for (const options of installed) await helmUninstall(planes, options);
      installed = [];
    });

    it("the reference chart's manifest makes the API reachable", async () => {
      const options = await installationOf(join(FIXTURES, 'reference-k3s-helm-chart.yaml'), folder);
      installed.push(options);
      await installForApi(options);
      await kubectlThroughVip(['get', 'nodes']);
    });

    it("this chart's two manifests work on the same servers", async () => {
      const { ingressVip, prefixLength } = planes.cluster.plan;
      const api = await installationOf(join(EXAMPLES, 'k3s/api-server-vip.yaml'), folder);
      const ingress = {
        ...(await installationOf(join(EXAMPLES, 'k3s/ingress-vip.yaml'), folder)),
        set: [`keepalived.vipAddressCidr=${ingressVip}/${prefixLength}`],
      };
      installed.push(api, ingress);
      await installForApi(api);
      const tookMs = await msUntilAnswer(planes, 'ingress-vip', () => helmInstall(planes, ingress), ingressVip);
      expect(tookMs).toBeLessThan(REACHABLE_BESIDE_MS);
      await waitForPods(planes, ingress);
      expect(await placesOf(planes, ingress)).toEqual(machines.map(({ name }) => name));
      await waitForHolder(planes, ingressVip);
      await waitForHolder(planes);
      await kubectlThroughVip(['get', 'nodes']);
    });
  });
});
