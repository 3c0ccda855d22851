import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { multicastAddress } from '../../api/instances.ts';
import { holdingInstances, type NodePlanSpec } from '../../api/node-plan.ts';
import { applyManifest, freeAddresses, waitGone } from '../environment/pools.ts';
import {
  helmInstall,
  helmUninstall,
  helmUpgrade,
  RELEASE,
  NAMESPACE as RELEASE_NAMESPACE,
} from '../environment/release.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { INTERFACE, inNetns } from '../support/netns.ts';
import { formatTable } from '../support/print.ts';
import { signalAll } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { createEcho, createEchoNamespace, echoPodSpec, removeEcho } from './echo-pods.ts';
import { site } from './here.ts';
import { podProcesses } from './pod-processes.ts';
import { waitForAnswer } from './reachable.ts';
import { waitForRollout } from './rollout.ts';

const repeated = repeatedWhenDisturbed();
const NAMESPACE = 'local';
const LIMIT = { limitMs: 60_000, everyMs: 20 };
/** Far above what it takes: this machine does other things besides. */
const HAND_OVER_MS = 400;
const CRASHES = 4;
const CRASH_INTERVAL_MS = 2;
/** Of no other cluster: 224.0.0.200. */
const GROUP = 200;
/** An advertisement comes every tenth of a second. */
const HEARD_SECONDS = 30;
const ANNOTATION = 'keepalived-ingress-vip.io/probe';
/** Six addresses, which no other test has. */
const [first = ''] = freeAddresses(site, 176, 1);
const table: string[][] = [['WHAT', 'FIGURE']];

const POOL = {
  apiVersion: 'keepalived-ingress-vip.io/v1alpha1',
  kind: 'VirtualIPPool',
  metadata: { name: 'local' },
  spec: { ranges: [{ cidr: `${first}/29` }], failback: { enabled: false }, services: {} },
};

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'echo', namespace: NAMESPACE },
  spec: {
    type: 'LoadBalancer',
    loadBalancerClass: 'keepalived-ingress-vip.io/vip',
    externalTrafficPolicy: 'Local',
    selector: { app: 'echo' },
    ports: [{ port: 80, targetPort: 8080 }],
  },
};

/** What a sidecar tells of a pool. */
interface PoolStatus {
  readonly localEndpoints?: {
    readonly ready: boolean | null;
    readonly held?: Readonly<Record<string, boolean | null>>;
  };
}

/** As a user has it who wants no request lost: one pod on each of two nodes, and a new one is ready before an old one ends. */
const ROLLING = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'rolling', namespace: NAMESPACE },
  spec: {
    replicas: 2,
    strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    selector: { matchLabels: { app: 'rolling' } },
    template: {
      metadata: { labels: { app: 'rolling' } },
      spec: {
        ...echoPodSpec(),
        topologySpreadConstraints: [
          {
            ...{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' },
            labelSelector: { matchLabels: { app: 'rolling' } },
          },
        ],
      },
    },
  },
};

const ROLLING_SPEC = { ...SERVICE.spec, selector: { app: 'rolling' } };

async function addressOfService(name: string): Promise<string | undefined> {
  const path = 'jsonpath={.status.loadBalancer.ingress[0].ip}';
  return (await site.kubectl(['get', 'service', name, '-n', NAMESPACE, '-o', path])) || undefined;
}

/** Upgrades the release, and waits until no controller is left that has the settings of before: what that one plans stays. */
async function upgradeControllers(...set: readonly string[]): Promise<void> {
  await helmUpgrade(site, { set });
  await waitForRollout(site, `deployment/${RELEASE}-controller`);
  const pods = ['get', 'pods', '-n', RELEASE_NAMESPACE, '-l', 'app.kubernetes.io/component=controller', '-o', 'name'];
  const wanted = [
    'get',
    'deployment',
    '-n',
    RELEASE_NAMESPACE,
    `${RELEASE}-controller`,
    '-o',
    'jsonpath={.spec.replicas}',
  ];
  const count = Number(await site.kubectl(wanted));
  const gone = async () => (await site.kubectl(pods)).split('\n').length === count;
  await waitFor('the controllers of before to end', gone, { ...LIMIT, everyMs: 200 });
}

/** Router id and multicast group of an address by its node's plan; undefined where the plan does not have it. */
async function spokenFor(
  address: string,
  node: string,
): Promise<{ id: number; group: number | undefined } | undefined> {
  const spec = JSON.parse(await site.kubectl(['get', 'nodeplan', node, '-o', 'jsonpath={.spec}'])) as NodePlanSpec;
  const found = holdingInstances(spec).find(({ addresses }) => addresses.includes(address));
  return found && { id: found.virtualRouterId, group: found.multicastGroup };
}

/** Waits until a client on the network hears an advertisement of a router id in a multicast group. @throws Error when there is none */
async function hear(routerId: number, group: string): Promise<void> {
  const { netns } = site.cluster.plan.client;
  // The second byte behind a header of IPv4 without options is the router id (RFC 9568 section 5.1).
  const filter = `ip proto 112 and dst host ${group} and ip[21] = ${routerId}`;
  const words = ['timeout', String(HEARD_SECONDS), 'tcpdump', '-c', '1', '-nni', INTERFACE, filter];
  const [program, ...args] = inNetns(netns, words);
  await execa(program, args, { timeout: (HEARD_SECONDS + 10) * 1000 });
}

function remove(node: string): Promise<string> {
  return site.kubectl(['delete', 'pod', `echo-${node}`, '-n', NAMESPACE, '--wait=false']);
}

function record(what: string, milliseconds: number): number {
  table.push([what, `${milliseconds.toFixed(0)} ms`]);
  return milliseconds;
}

async function waitForHolderIs(node: string, address: string): Promise<void> {
  await waitFor(`${address} to be on ${node}`, async () => (await site.holders(address)).join() === node, LIMIT);
}

describe.skipIf(!site.hasHarness)('a Service with externalTrafficPolicy Local', repeated, () => {
  const [one = '', two = '', three = ''] = site.hasHarness ? site.cluster.plan.nodes.map(({ name }) => name) : [];
  let address = '';

  beforeAll(async () => {
    await helmInstall(site, {
      set: ['keepalived.vipAddressCidr=', 'controller.enabled=true', 'services.enabled=true'],
    });
    await createEchoNamespace(NAMESPACE);
    await applyManifest(site, POOL);
    await applyManifest(site, SERVICE);
    address = await waitFor('an address of the Service', () => addressOfService('echo'), LIMIT);
  });

  afterAll(async () => {
    process.stderr.write(`${formatTable(table)}\n`);
    await site.kubectl(['delete', 'namespace', NAMESPACE, '--timeout=60s'], { timeout: 70_000 });
    await waitGone(site, [address]);
    await site.kubectl(['delete', 'virtualippools', '--all', '--timeout=60s'], { timeout: 70_000 });
    await helmUninstall(site);
  });

  it('has its address on the only node with a pod of it, which sees who the client is', async () => {
    const fromMs = monotonicMs();
    await createEcho(two, NAMESPACE);
    await waitForHolderIs(two, address);
    record('the first pod → its node has the address', monotonicMs() - fromMs);
    const prober = site.prober('regular', { address });
    await prober.start();
    try {
      const { client } = site.cluster.plan;
      const seen = () =>
        prober
          .attempts(address)
          .find(({ ok }) => ok)
          ?.who.trim();
      expect(await waitFor('an answer', seen, LIMIT)).toBe(client.ipv4);
    } finally {
      await prober.stop();
    }
  });

  it('has it follow a pod that is replaced on another node, before the old one ends', async () => {
    await createEcho(three, NAMESPACE);
    expect(await site.holders(address)).toEqual([two]);
    const clients = site.clients([address]);
    await clients.start();
    try {
      const fromMs = monotonicMs();
      await remove(two);
      await waitForHolderIs(three, address);
      record('a pod is deleted, another is ready → the address is there', monotonicMs() - fromMs);
      expect(record('the same: longest outage', await clients.longestOutage(fromMs))).toBeLessThan(HAND_OVER_MS);
    } finally {
      await clients.stop();
    }
  });

  it('has it follow a pod that is deleted and made anew on another node', async () => {
    const clients = site.clients([address]);
    await clients.start();
    try {
      const fromMs = monotonicMs();
      await remove(three);
      await createEcho(one, NAMESPACE);
      await waitForHolderIs(one, address);
      record('the only pod is deleted and made anew elsewhere → the address is there', monotonicMs() - fromMs);
      record('the same: longest outage, with the start of the pod', await clients.longestOutage(fromMs));
    } finally {
      await clients.stop();
    }
  });

  it('tells on each node what kube-proxy says', async () => {
    const plan = JSON.parse(await site.kubectl(['get', 'nodeplan', two, '-o', 'json'])) as {
      spec: { pools: { name: string; ofPool?: string; localEndpoints?: { port: number } }[] };
      status: { health: { pool: string; band: number; reason: string }[] };
    };
    const [pool] = plan.spec.pools.filter(({ ofPool }) => ofPool === 'local');
    const path = 'jsonpath={.spec.healthCheckNodePort}';
    const port = Number(await site.kubectl(['get', 'service', 'echo', '-n', NAMESPACE, '-o', path]));
    expect(pool?.localEndpoints).toEqual({ port });
    expect(plan.status.health).toContainEqual({
      ...{ pool: pool?.name, band: 3 },
      reason: 'no ready endpoint of the Service on this node',
    });
  });

  describe('whose endpoints connections are held to', () => {
    /** Of the node's endpoints, by its sidecar: whether a connection is held. */
    const heldOn = async (node: string) => {
      const { pools } = JSON.parse(await site.cluster.ask(node, '/status')).pools as { pools: PoolStatus[] };
      const known = pools.map(({ localEndpoints }) => localEndpoints).find((local) => local?.held !== undefined);
      return { ready: known?.ready, held: Object.values(known?.held ?? {}) };
    };
    const waitForHeld = (...nodes: readonly string[]) =>
      waitFor(
        `connections to be held on ${nodes.join(' and ')}`,
        async () => {
          const all = await Promise.all(nodes.map(heldOn));
          return all.every(({ ready, held }) => ready === true && held.join() === 'true');
        },
        // Kubelets that have missed the API server wait.
        { limitMs: 150_000, everyMs: 100 },
      );
    /** Attempts that the machine was too busy for, in all crashes: with many of them the figures say little. */
    let missed = 0;
    /** Pods whose container the kubelet has started again: it does so at once, and the next time only after ten seconds. */
    const crashed = new Set<string>();
    /** Another pod in place of one that the kubelet would let wait. */
    const renew = async (node: string): Promise<void> => {
      if (crashed.has(node)) {
        await removeEcho(node, NAMESPACE);
        await createEcho(node, NAMESPACE);
        crashed.delete(node);
      } else crashed.add(node);
    };
    /** Gives the milliseconds for which a client went without an answer that asks every two. */
    const crash = async (node: string, expected: string): Promise<number> => {
      const path = 'jsonpath={.metadata.uid}';
      const uid = await site.kubectl(['get', 'pod', `echo-${node}`, '-n', NAMESPACE, '-o', path]);
      return outageOf(node, uid, expected);
    };
    const outageOf = async (node: string, uid: string, expected: string): Promise<number> => {
      const pids = podProcesses(uid, 'nginx');
      expect(pids.length).toBeGreaterThan(1);
      const clients = site.clients([address], { intervalMs: CRASH_INTERVAL_MS });
      await clients.start();
      try {
        expect(await site.holders(address)).toEqual([node]);
        const fromMs = monotonicMs();
        signalAll(pids, 'SIGKILL');
        const outageMs = await clients.longestOutage(fromMs);
        expect(await site.holders(address)).toEqual([expected]);
        missed += clients.missedSlots;
        return outageMs;
      } finally {
        await clients.stop();
      }
    };

    beforeAll(async () => {
      await site.kubectl(['annotate', 'service', 'echo', '-n', NAMESPACE, `${ANNOTATION}=tcp`]);
      await createEcho(two, NAMESPACE);
      await waitForHeld(one, two);
    });

    it('has it leave a node at once when the only pod there crashes', async () => {
      const outages: number[] = [];
      let [holder = '', next = ''] = (await site.holders(address)).join() === one ? [one, two] : [two, one];
      for (let round = 0; round < CRASHES; round += 1) {
        outages.push(await crash(holder, next));
        await renew(holder);
        await waitForHeld(one, two);
        [holder, next] = [next, holder];
      }
      const texts = outages.map((outage) => outage.toFixed(0)).join(', ');
      record(`a pod crashes, another is ready → longest outage, of ${texts}`, Math.max(...outages));
      table.push(['the same: attempts that the machine was too busy for', String(missed)]);
      expect(Math.min(...outages)).toBeLessThan(HAND_OVER_MS);
    });

    it('does so while the API server is away', async () => {
      const [holder = ''] = await site.holders(address);
      const next = holder === one ? two : one;
      const path = 'jsonpath={.metadata.uid}';
      const uid = await site.kubectl(['get', 'pod', `echo-${holder}`, '-n', NAMESPACE, '-o', path]);
      await site.cluster.inject('apiserver-stop');
      try {
        const outageMs = record('the same without the API server', await outageOf(holder, uid, next));
        expect(outageMs).toBeLessThan(HAND_OVER_MS);
      } finally {
        await site.cluster.heal();
      }
      await waitForHeld(one, two);
    });
  });

  it('answers while its pods are rolled out anew', async () => {
    await applyManifest(site, ROLLING);
    await applyManifest(site, { ...SERVICE, metadata: { ...SERVICE.metadata, name: 'rolling' }, spec: ROLLING_SPEC });
    const rolledOut = () =>
      site.kubectl(['rollout', 'status', 'deployment', 'rolling', '-n', NAMESPACE, '--timeout=170s'], {
        timeout: 180_000,
      });
    await rolledOut();
    const rolling = await waitFor('an address', async () => addressOfService('rolling'), LIMIT);
    const prober = site.prober('regular', { address: rolling, intervalMs: 10 });
    await prober.start();
    try {
      await waitFor('an answer', () => prober.attempts(rolling).some(({ ok }) => ok), LIMIT);
      const fromMs = monotonicMs();
      await site.kubectl(['rollout', 'restart', 'deployment', 'rolling', '-n', NAMESPACE]);
      await rolledOut();
      const untilMs = monotonicMs();
      await waitFor('the client to go on', () => prober.attempts(rolling, untilMs).length > 100, LIMIT);
      const attempts = prober.attempts(rolling, fromMs);
      const failed = attempts.filter(({ ok }) => !ok).length;
      const share = (100 * (attempts.length - failed)) / attempts.length;
      table.push([`rolling update at 100 requests a second: answered of ${attempts.length}`, `${share.toFixed(2)} %`]);
      expect(share).toBeGreaterThan(95);
    } finally {
      await prober.stop();
    }
  });

  it('speaks in a multicast group of its own where the settings have one, and goes on when they have none again', async () => {
    // A try before this one may have ended anywhere, and what is there stays in its group.
    const gone = ['--ignore-not-found', '--timeout=60s'];
    await site.kubectl(['delete', 'service', 'apart', '-n', NAMESPACE, ...gone], { timeout: 70_000 });
    await createEcho(one, NAMESPACE);
    await site.kubectl(['label', 'pod', `echo-${one}`, '-n', NAMESPACE, 'group=own', '--overwrite']);
    const before = await spokenFor(address, one);
    let fromMs = monotonicMs();
    await upgradeControllers(`services.multicastGroup=${GROUP}`);
    record('helm upgrade with services.multicastGroup → the controllers have it', monotonicMs() - fromMs);
    const service = { ...SERVICE, metadata: { ...SERVICE.metadata, name: 'apart' } };
    await applyManifest(site, { ...service, spec: { ...SERVICE.spec, selector: { group: 'own' } } });
    const apart = await waitFor('an address', () => addressOfService('apart'), LIMIT);
    await waitForHolderIs(one, apart);
    await waitForAnswer(site, apart);
    const spoken = await spokenFor(apart, one);
    expect(spoken?.group).toBe(GROUP);
    await hear(spoken?.id ?? 0, multicastAddress(GROUP, 4));
    expect(await spokenFor(address, one)).toEqual(before);

    const clients = site.clients([apart]);
    await clients.start();
    try {
      fromMs = monotonicMs();
      await upgradeControllers('services.multicastGroup=');
      const common = await waitFor(
        'it to speak where all routers do',
        async () => {
          const now = await spokenFor(apart, one);
          return now?.group === undefined && now;
        },
        LIMIT,
      );
      await hear(common.id, '224.0.0.18');
      await waitForHolderIs(one, apart);
      record('the group is taken away: longest outage', await clients.longestOutage(fromMs));
    } finally {
      await clients.stop();
    }
  });
});
