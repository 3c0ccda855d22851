import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BANDS } from '../../api/bands.ts';
import type { HostPlan } from '../lab/network-plan.ts';
import { INGRESS_PORT, KUBELET_HEALTH_PORT } from '../lab/nginx.ts';
import { readPlanStatus, writePlan } from '../lab/node-plans.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { nginxConf } from '../support/nginx-conf.ts';
import { killAll, type ProcessRef } from '../support/processes.ts';
import { startServer } from '../support/server.ts';
import { waitFor } from '../support/wait.ts';
import { LabUnderTest } from './lab-under-test.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('local endpoints in the lab', [canMakeNamespaces, command('nginx'), command('mmdebstrap')]);

const POOL = 'svc-0123456789';
const ADDRESS = '172.30.0.221';
/** What Kubernetes would give the Service as its healthCheckNodePort. */
const PORT = 32_222;
/** Longer than an election takes. */
const STEADY_MS = 1000;
/** From kube-proxy's answer to another holder: a look in 200 ms, and an election; on a machine that stands still now and then. */
const HAND_OVER_LIMIT_MS = 2000;
const KILL_LIMIT_MS = 15_000;
/** How often an endpoint crashes. */
const CRASHES = 6;
const WITHOUT = 'no ready endpoint of the Service on this node';

/** What stands for the health check port that kube-proxy opens on the node's own address. */
class EndpointPorts {
  readonly #directory = mkdtempSync(join(tmpdir(), 'local-endpoints-'));
  readonly #servers = new Map<string, ProcessRef>();

  async start({ name, netns, address }: HostPlan): Promise<void> {
    const directory = join(this.#directory, name);
    mkdirSync(directory);
    const conf = join(directory, 'nginx.conf');
    const header = (count: number) => `add_header X-Load-Balancing-Endpoint-Weight ${count} always;`;
    const unready = `if (-f ${this.#file(name, 'unready')}) { ${header(0)} return 503; }`;
    const several = `if (-f ${this.#file(name, 'several')}) { ${header(2)} return 200; }`;
    const answers = `${unready} ${several} ${header(1)} return 200;`;
    const block = `  server { listen ${address}:${PORT}; location = /healthz { ${answers} } }`;
    writeFileSync(conf, nginxConf(directory, 'master_process off;', block));
    const words = ['nginx', '-p', directory, '-e', 'stderr', '-c', conf];
    const logFile = join(directory, 'nginx.log');
    const what = `the health check port of ${name}`;
    const server = await startServer({ what, netns, command: words, logFile, port: PORT, limitMs: 60_000 });
    this.#servers.set(name, server);
  }

  /** Ends what answers at a node's port. */
  async end(node: string): Promise<void> {
    await killAll(
      [...this.#servers].flatMap(([name, server]) => (name === node ? [server] : [])),
      KILL_LIMIT_MS,
    );
  }

  /** Sets whether a node has a ready endpoint. */
  set(node: string, ready: boolean): void {
    this.#mark(node, 'unready', !ready);
  }

  /** Sets whether a node has more than one. */
  setSeveral(node: string, several: boolean): void {
    this.#mark(node, 'several', several);
  }

  async stop(): Promise<void> {
    await killAll([...this.#servers.values()], KILL_LIMIT_MS);
    if (existsSync(this.#directory)) rmSync(this.#directory, { recursive: true });
  }

  #mark(node: string, what: string, there: boolean): void {
    const file = this.#file(node, what);
    if (there) writeFileSync(file, '');
    else rmSync(file, { force: true });
  }

  #file(node: string, what: string): string {
    return join(this.#directory, node, what);
  }
}

interface Status {
  readonly pools: {
    readonly pools: readonly {
      readonly localEndpoints?: {
        readonly ready: boolean | null;
        readonly held?: Readonly<Record<string, boolean | null>>;
      };
    }[];
  };
  readonly instances: readonly {
    readonly name: string;
    readonly vrrp: { readonly since: string | null };
    readonly fitness: { readonly band: number; readonly reason: string } | null;
  }[];
}

describe.skipIf(skip)('an address that asks for endpoints of the node’s own', repeated, () => {
  const lab = new LabUnderTest({ name: 'endpts', set: ['controller.enabled=true'] });
  const ports = new EndpointPorts();
  lab.register();
  beforeAll(async () => {
    for (const host of lab.hosts) await ports.start(host);
  });
  afterAll(() => ports.stop());

  const status = async (node: string) => (await lab.status(node)) as unknown as Status;
  const readyOn = (...nodes: string[]) => {
    for (const node of lab.nodes) ports.set(node, nodes.includes(node));
  };
  /** Waits until each sidecar knows what its port says. */
  const waitForKnown = (...nodes: string[]) =>
    waitFor('every sidecar to know its endpoints', async () => {
      const all = await Promise.all(lab.nodes.map(status));
      return all.every(({ pools }, at) => {
        const [pool] = pools.pools;
        return pool?.localEndpoints?.ready === nodes.includes(lab.nodes[at] ?? '');
      });
    });
  const waitForHolder = (node: string) =>
    waitFor(`${node} to hold it`, async () => (await lab.holders(ADDRESS)).join() === node);
  /** Since when the instance is in its VRRP state, by node. */
  const since = async () =>
    Promise.all(lab.nodes.map(async (node) => (await status(node)).instances.map(({ vrrp }) => vrrp.since)));
  async function expectSteady(holder: string): Promise<void> {
    const before = await since();
    await delay(STEADY_MS); // the time is what is asked for
    expect(await lab.holders(ADDRESS)).toEqual([holder]);
    expect(await since()).toEqual(before);
  }

  it('is at the node that has one, whatever its rank', async () => {
    await lab.ready();
    readyOn('node3');
    const plan = (node: string) => ({
      plan: 'first',
      pools: [{ name: POOL, interface: '', failbackDelaySeconds: null, localEndpoints: { port: PORT } }],
      instances: [
        {
          name: `${POOL}-0`,
          pool: POOL,
          virtualRouterId: 101,
          rank: lab.nodes.indexOf(node),
          addresses: [ADDRESS],
        },
      ],
    });
    await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, plan(node))));
    await waitForHolder('node3');
    await waitForKnown('node3');
    await waitFor('the reports', async () => (await readPlanStatus(lab.name, 'node1'))?.observedPlan === 'first');
    expect(await readPlanStatus(lab.name, 'node1')).toMatchObject({
      health: [{ pool: POOL, band: BANDS.draining, reason: WITHOUT }],
      problems: [],
    });
    expect(await lab.metric('node1', 'keepalived_vip_pool_local_endpoint')).toBe(0);
    expect(await lab.metric('node3', 'keepalived_vip_pool_local_endpoint')).toBe(1);
  });

  it('leaves by priority when the last one goes there, and its holder serves until then', async () => {
    readyOn('node2', 'node3');
    await waitForKnown('node2', 'node3');
    await expectSteady('node3');
    const { value, failed, longestOutageMs } = await lab.probed(
      async () => {
        const sinceMs = monotonicMs();
        readyOn('node2');
        await waitForHolder('node2');
        return monotonicMs() - sinceMs;
      },
      {},
      [ADDRESS],
    );
    const seen = `${failed} requests failed, longest outage ${longestOutageMs.toFixed(0)} ms`;
    process.stdout.write(`last endpoint gone to held by the next node: ${value.toFixed(0)} ms; ${seen}\n`);
    expect(value).toBeLessThan(HAND_OVER_LIMIT_MS);
    expect(longestOutageMs).toBeLessThanOrEqual(50);
  });

  it('stays where no node has one, and where others have one again later comes to them', async () => {
    readyOn();
    await waitForKnown();
    await expectSteady('node2');
    expect((await status('node2')).instances).toMatchObject([{ fitness: { band: BANDS.draining, reason: WITHOUT } }]);
    readyOn('node1');
    await waitForHolder('node1');
  });

  it('stays at a holder whose sidecar begins anew', async () => {
    readyOn('node1');
    await waitForHolder('node1');
    readyOn('node1', 'node2', 'node3');
    await waitForKnown('node1', 'node2', 'node3');
    const others = async () => (await since()).slice(1);
    const before = await others();
    await lab.inject('sidecar-kill', 'node1');
    await lab.heal();
    await waitFor('its first decision', async () => {
      const answer = await lab.ask('node1', '/status');
      return answer !== '' && (await status('node1')).instances.some(({ fitness }) => fitness !== null);
    });
    await delay(STEADY_MS); // the time is what is asked for
    expect(await lab.holders(ADDRESS)).toEqual(['node1']);
    expect(await others()).toEqual(before);
  });

  it('leaves a node whose kube-proxy says nothing', async () => {
    readyOn('node1');
    await waitForHolder('node1');
    readyOn('node1', 'node2');
    await waitForKnown('node1', 'node2');
    await ports.end('node1');
    await waitForHolder('node2');
    expect((await status('node1')).instances).toMatchObject([{ fitness: { band: BANDS.draining, reason: WITHOUT } }]);
  });

  /** The ingress stands for the endpoint, and the kubelet for what the pool's own health check asks. */
  const probedPlan = (id: string, node: string, elsewhere: boolean) => ({
    plan: id,
    pools: [
      {
        ...{ name: POOL, interface: '', failbackDelaySeconds: null },
        healthCheck: { httpGet: { port: KUBELET_HEALTH_PORT, path: '/healthz' } },
        localEndpoints: {
          port: PORT,
          ...(node === 'node1' ? { endpoints: [] } : { endpoints: [{ address: addressOf(node), port: INGRESS_PORT }] }),
          ...(elsewhere ? { elsewhere } : {}),
        },
      },
    ],
    instances: [
      { name: `${POOL}-0`, pool: POOL, virtualRouterId: 101, rank: lab.nodes.indexOf(node), addresses: [ADDRESS] },
    ],
  });
  const addressOf = (node: string) => lab.hosts.find(({ name }) => name === node)?.address ?? '';
  /** How often keepalived has given the address away because the gate was closed. */
  const faults = async (node: string): Promise<number> => {
    const lines = (await lab.ask(node, '/metrics')).split('\n');
    const line = lines.find((each) => /^keepalived_vip_instance_transitions_total\{.*state="FAULT"/.test(each));
    return Number(line?.split(' ').at(-1) ?? 0);
  };
  const waitForHeld = (...nodes: string[]) =>
    waitFor('connections to be held to the endpoints', async () => {
      const all = await Promise.all(nodes.map(status));
      return all.every(({ pools }) => {
        const [local] = pools.pools.map(({ localEndpoints }) => localEndpoints);
        return local?.ready === true && Object.values(local.held ?? {}).join() === 'true';
      });
    });

  it('leaves at once when the last one crashes there, which kube-proxy does not know, and comes to the other', async () => {
    readyOn('node2', 'node3');
    await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, probedPlan('held', node, true))));
    await waitForHeld('node2', 'node3');
    const figures: string[] = [];
    for (let holder = 'node2', round = 0; round < CRASHES; round += 1) {
      await waitForHolder(holder);
      const next = holder === 'node2' ? 'node3' : 'node2';
      const gaveAway = await faults(holder);
      const { value, longestOutageMs } = await lab.probed(
        async () => {
          const sinceMs = monotonicMs();
          await lab.inject('ingress-crash', holder);
          await waitForHolder(next);
          return monotonicMs() - sinceMs;
        },
        { intervalMs: 2 },
        [ADDRESS],
      );
      figures.push(`${longestOutageMs.toFixed(0)} ms (seen after ${value.toFixed(0)} ms)`);
      expect(longestOutageMs).toBeLessThan(HAND_OVER_LIMIT_MS);
      expect((await status(holder)).instances).toMatchObject([{ fitness: { band: BANDS.draining, reason: WITHOUT } }]);
      // An election is the slow way.
      expect(await faults(holder)).toBe(gaveAway + 1);
      await lab.heal();
      await waitForHeld('node2', 'node3');
      holder = next;
    }
    process.stdout.write(`the last endpoint crashes, clients' outage: ${figures.join(', ')}\n`);
  });

  it('stays where the last one of all crashes, and may hold it', async () => {
    const [holder = ''] = await lab.holders(ADDRESS);
    readyOn(holder);
    await waitForKnown(holder);
    await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, probedPlan('alone', node, false))));
    await waitFor('the plan', async () => (await readPlanStatus(lab.name, holder))?.observedPlan === 'alone');
    const before = await since();
    await lab.inject('ingress-crash', holder);
    await waitFor('it to be known', async () => {
      const [instance] = (await status(holder)).instances;
      return instance?.fitness?.reason === WITHOUT;
    });
    await delay(STEADY_MS); // the time is what is asked for
    expect(await lab.holders(ADDRESS)).toEqual([holder]);
    expect(await since()).toEqual(before);
    await lab.heal();
    await waitForHeld(holder);
  });

  it('goes to a node with several, whatever the ranks, and leaves it when that is over for good', async () => {
    readyOn('node2', 'node3');
    ports.setSeveral('node3', true);
    const plan = (node: string) => {
      const pool = { name: POOL, interface: '', failbackDelaySeconds: 1, localEndpoints: { port: PORT } };
      return { ...probedPlan('several', node, true), pools: [pool] };
    };
    await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, plan(node))));
    await waitForHolder('node3');
    ports.setSeveral('node3', false);
    await waitForHolder('node2');
  });
});
