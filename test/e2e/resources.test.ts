import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clusterCgroup } from '../cluster/state.ts';
import { freeAddresses } from '../environment/pools.ts';
import {
  helmInstall,
  helmUninstall,
  helmUpgrade,
  NAMESPACE,
  RELEASE,
  waitForHolder,
  waitForPods,
} from '../environment/release.ts';
import { AddressWatch } from '../support/address-watch.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { formatTable, say } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { CONTAINERS, type RunningContainer, runningContainers } from './containers.ts';
import { site } from './here.ts';
import { asker, busyLoops, type Load, trackChanges } from './load.ts';
import { forgetImageFiles } from './page-cache.ts';
import { releasePods } from './pods.ts';
import { MEASURED_HEAD, type Measured, measure, measuredRow, startOf } from './resources.ts';
import { waitForReplacement } from './rollout.ts';

const repeated = repeatedWhenDisturbed();
const LIMIT = { limitMs: 90_000, everyMs: 200 };
const IDLE_MS = 10_000;
const LOAD_MS = 60_000;
const SHORT_LOAD_MS = 20_000;
const LOOPS_PER_NODE = 2;
const ADDRESSES = 50;
const PAGES = [
  'http://127.0.0.1:10270/status',
  'http://127.0.0.1:10271/metrics',
  'http://127.0.0.1:10270/track',
  'http://127.0.0.1:10270/healthz',
];
const ASK_EVERY_MS = 50;
const CHANGE_EVERY_MS = 200;
/** Answers, or changes. */
const LEAST_PER_SECOND = 1;
const START_LIMIT_MS = 15_000;

/** A part of a time under load. */
interface Stretch {
  /** How the table calls it. */
  readonly when: string;
  readonly forMs: number;
  readonly meanwhile?: () => Promise<void>;
}

/** Scheduling policy of a process, as proc(5) has it; undefined for one that has ended since it was listed. */
function policyOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[40];
  } catch {
    return undefined;
  }
}

describe.skipIf(!site.hasHarness)('what the containers use', repeated, () => {
  const table: string[][] = [MEASURED_HEAD];
  let containers: RunningContainer[] = [];
  let loads: Load[] = [];
  const addresses = freeAddresses(site, 101, ADDRESSES);
  const last = addresses.at(-1);
  const watch = new AddressWatch();

  function plan() {
    return site.cluster.plan;
  }

  /** Changes of the VRRP state on all nodes since the containers' start. */
  async function transitions(): Promise<number> {
    const sidecars = containers.filter(({ name }) => name === 'sidecar');
    const pageOf = async (node: string) => (await site.cluster.ask(node, '/metrics')) || undefined;
    const pages = await Promise.all(
      sidecars.map(({ node }) => waitFor(`metrics of ${node}`, () => pageOf(node), LIMIT)),
    );
    const counts = pages.flatMap((page) => [...page.matchAll(/^keepalived_vip_transitions_total\{.*\} (\d+)$/gm)]);
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Everything that may keep the nodes busy, at once. */
  function beginLoad(holder: string, forMs: number): void {
    const { nodes, name } = plan();
    const limitSeconds = Math.ceil(forMs / 1000) + 60;
    const sidecars = containers.filter((each) => each.name === 'sidecar');
    loads = [
      ...nodes.map((node) => busyLoops(`${clusterCgroup(name)}/${node.name}`, LOOPS_PER_NODE, limitSeconds)),
      ...sidecars.map(({ netns }) => asker(netns, { urls: PAGES, everyMs: ASK_EVERY_MS })),
      ...sidecars
        .filter(({ node }) => node !== holder)
        .map(({ pid }) => trackChanges(`/proc/${pid}/root/run/keepalived-ingress-vip`, CHANGE_EVERY_MS)),
    ];
  }

  /** Gives how much each load that counts did. */
  async function endLoad(): Promise<number[]> {
    const done = await Promise.all(loads.map((load) => load.stop()));
    loads = [];
    const counts = done.slice(plan().nodes.length);
    if (done.length > 0) say(`load: ${counts.join(', ')} answers and changes`);
    return counts;
  }

  function record(when: string, measured: readonly Measured[]): void {
    for (const name of CONTAINERS) table.push(measuredRow(when, name, measured));
  }

  /** Under load for a time, in one stretch after the other, in which nothing is wrong: nothing may move. Gives what was used, by stretch. */
  async function undisturbed(...stretches: readonly Stretch[]): Promise<Measured[]> {
    const holder = await waitForHolder(site);
    const before = await transitions();
    const sinceMs = monotonicMs();
    const forMs = stretches.reduce((sum, stretch) => sum + stretch.forMs, 0);
    const used: Measured[] = [];
    beginLoad(holder, forMs);
    for (const stretch of stretches) {
      const measured = measure(containers);
      await Promise.all([delay(stretch.forMs), stretch.meanwhile?.()]); // the time is what is asked for
      const now = measured();
      record(stretch.when, now);
      used.push(...now);
    }
    // A load that had no time to run would prove nothing.
    const done = await endLoad();
    expect(done).toHaveLength(2 * containers.filter(({ name }) => name === 'sidecar').length - 1);
    expect(Math.min(...done)).toBeGreaterThan((LEAST_PER_SECOND * forMs) / 1000);
    expect((await transitions()) - before).toBe(0);
    expect(watch.changes(site.address, sinceMs)).toEqual([]);
    expect(await site.holders()).toEqual([holder]);
    return used;
  }

  function expectRoom(measured: readonly Measured[]): void {
    for (const { container, needed, after } of measured) {
      const what = `${container.name} on ${container.node}`;
      expect(after.oomKills, what).toBe(0);
      expect(after.limitHits, what).toBe(0);
      expect(needed * 1.5, what).toBeLessThan(after.memoryLimit ?? 0);
    }
  }

  beforeAll(async () => {
    const { name, nodes } = plan();
    await forgetImageFiles(
      name,
      nodes.map((node) => node.name),
    );
    await helmInstall(site);
    await waitForHolder(site);
    await waitForPods(site);
    containers = runningContainers(site.cluster.state);
    watch.watch(nodes);
  });

  afterEach(async () => {
    await endLoad();
    await site.cluster.heal();
  });

  afterAll(async () => {
    watch.stop();
    await helmUninstall(site);
    process.stderr.write(`${formatTable(table)}\n`);
  });

  it('says how long the start took', async () => {
    for (const pod of await releasePods(site)) {
      const own = containers.filter(({ node }) => node === pod.node);
      const log = async (container: string) => site.kubectl(['logs', '-n', NAMESPACE, pod.name, '-c', container]);
      const gate = /"time":"([^"]+)"[^\n]*"msg":"track files written"/.exec(await log('sidecar'))?.[1] ?? '';
      const started = /time=(\S+) [^\n]*msg="started keepalived"/.exec(await log('keepalived'))?.[1] ?? '';
      const ms = Object.fromEntries(own.map(({ name, pid }) => [name, startOf(pid)]));
      const toGateMs = Date.parse(gate) - (ms.sidecar ?? 0);
      const toKeepalivedMs = Date.parse(started) - (ms.sidecar ?? 0);
      say(`${pod.node}: from the sidecar's start to its first gate ${toGateMs} ms, to keepalived ${toKeepalivedMs} ms`);
      expect(toGateMs).toBeLessThan(START_LIMIT_MS);
    }
  });

  it('gives keepalived real-time priority', async () => {
    const SCHED_RR = '2'; // sched(7)
    const keepaliveds = containers.filter(({ name }) => name === 'keepalived');
    // While it starts or reloads it has none.
    for (const { node, cgroup } of keepaliveds) {
      await waitFor(
        `a real-time process of keepalived on ${node}`,
        () => cgroup.processes().some((pid) => policyOf(pid) === SCHED_RR),
        LIMIT,
      );
    }
  });

  it('is within the requests when nothing happens', async () => {
    const measured = measure(containers);
    await delay(IDLE_MS);
    const used = measured();
    record('idle', used);
    for (const { container, millicores, needed, after } of used) {
      const requested = { cpu: (after.cpuShares / 1024) * 1000, memory: await requestedMemory(container) };
      expect(millicores, container.name).toBeLessThan(requested.cpu);
      expect(needed, container.name).toBeLessThan(requested.memory);
    }
    expectRoom(used);
  });

  /** The memory request of a container, in bytes. */
  async function requestedMemory({ name }: RunningContainer): Promise<number> {
    const list = name === 'sidecar' ? 'initContainers' : 'containers';
    const path = `jsonpath={.spec.template.spec.${list}[0].resources.requests.memory}`;
    const text = await site.kubectl(['get', `deployment/${RELEASE}`, '-n', NAMESPACE, '-o', path]);
    return Number(/^(\d+)Mi$/.exec(text)?.[1]) * 1024 * 1024;
  }

  it('moves nothing in a minute of load on all nodes, though fifty addresses come to it in the end', async () => {
    const { prefixLength } = plan();
    const holder = await waitForHolder(site);
    const addAddresses = async () => {
      const list = addresses.map((address) => `${address}/${prefixLength}`).join(',');
      await helmUpgrade(site, { set: [`keepalived.vipAddresses={${list}}`] });
      // A change of the pod has the kubelet look at its volumes now, not when it looks the next time.
      const pods = ['pods', '-n', NAMESPACE, '-l', `app.kubernetes.io/instance=${RELEASE}`];
      await site.kubectl(['annotate', ...pods, '--overwrite', `test/look=${monotonicMs()}`]);
      await waitFor('the last address', async () => (await site.holders(last)).join() === holder, LIMIT);
    };
    const used = await undisturbed(
      { when: 'load', forMs: LOAD_MS },
      { when: 'load, 50 addresses more', forMs: SHORT_LOAD_MS, meanwhile: addAddresses },
    );
    expectRoom(used);
    expect(used.map(({ throttledPeriods }) => throttledPeriods)).toEqual(used.map(() => 0));
  });

  it('moves all of them after a fault', async () => {
    const holder = await waitForHolder(site);
    const measured = measure(containers);
    await site.cluster.inject('ingress-crash', holder);
    await waitFor(
      'the last address elsewhere',
      async () => ![holder, ''].includes((await site.holders(last)).join()),
      LIMIT,
    );
    const after = measured();
    record('move of 51 addresses', after);
    expectRoom(after);
    await site.cluster.heal();
  });

  it('is killed for want of memory by no fault', async () => {
    for (const fault of ['sidecar-kill', 'keepalived-kill'] as const) {
      await site.cluster.inject(fault, await waitForHolder(site));
      await site.cluster.heal();
    }
    const restarts = async () => (await releasePods(site)).reduce((sum, pod) => sum + pod.restarts, 0);
    await waitFor('both containers to be started again', async () => (await restarts()) === 2, LIMIT);
    await waitForPods(site);
    const path = ['initContainerStatuses', 'containerStatuses']
      .map((list) => `{range .items[*].status.${list}[*]}{.lastState.terminated.reason} {end}`)
      .join('');
    const reasons = await site.kubectl(['get', 'pods', '-n', NAMESPACE, '-o', `jsonpath=${path}`]);
    expect(reasons.split(' ').filter(Boolean)).toEqual(['Error', 'Error']);
  });

  it('moves nothing under load with limits of processor time, though it has to wait', {
    timeout: 180_000,
  }, async () => {
    await helmUpgrade(site, { set: ['sidecar.resources.limits.cpu=200m', 'pod.resources.limits.cpu=100m'] });
    await waitForReplacement(site);
    await waitForHolder(site);
    containers = runningContainers(site.cluster.state);
    const used = await undisturbed({ when: 'load, 200m and 100m', forMs: SHORT_LOAD_MS });
    expect(used.map(({ after }) => after.cpuLimit)).toEqual(
      used.map(({ container }) => (container.name === 'sidecar' ? 0.2 : 0.1)),
    );
  });
});
