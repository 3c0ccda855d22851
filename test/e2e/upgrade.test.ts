import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ensureImageArchives } from '../../scripts/images.ts';
import { loadImages } from '../cluster/images.ts';
import { planCluster } from '../cluster/plan.ts';
import { formatMs, outageCells, say } from '../lab/print.ts';
import { waitFor } from '../lab/wait.ts';
import { type ChartRepository, helmAtHome, serveChart } from './chart-repository.ts';
import { listedAddresses, objectsOf } from './leftovers.ts';
import { PodWatch } from './pod-watch.ts';
import { type ReleasePod, releasePods, type SidecarStatus, sidecarStatus } from './pods.ts';
import { msUntilAnswer, REACHABLE_MS, waitForAnswer } from './reachable.ts';
import {
  helmInstall,
  helmUninstall,
  helmUpgrade,
  type InstallOptions,
  NAMESPACE,
  RELEASE,
  waitForHolder,
  waitForPods,
} from './release.ts';
import { type Helm, Site } from './site.ts';

const site = new Site(inject('site'));
const REPOSITORY = 'test';
const NEXT_TAG = '0.0.0-next';
/** A client that takes a busy machine for what it is, but a lost packet for a failure: the kernel repeats a SYN after a second. */
const CADENCE = { intervalMs: 10, timeoutMs: 900 };
const ROLLOUT_LIMIT = '--timeout=120s';
const ROLLOUT_LIMIT_MS = 130_000;
/** What a client may see of one move. */
const MOVE_MS = 250;
/** The kubelet looks at a ConfigMap at least every 90 s or so; a busy machine gets more. */
const PROPAGATION = { limitMs: 180_000, everyMs: 3000 };

let repository: ChartRepository;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'helm-home-'));
  repository = await serveChart(site.helm);
  if (!site.hasHarness) return;
  const archives = await ensureImageArchives(say, { tag: NEXT_TAG });
  const next = archives.filter(({ ref }) => ref.endsWith(`:${NEXT_TAG}`)).map(({ archive }) => archive);
  await loadImages(site.harness(), next, say);
});

afterAll(async () => {
  await repository?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A helm with the chart's repository added, and the chart's name in it. */
async function withRepository(program: string | undefined): Promise<{ helm: Helm; chart: string }> {
  if (program === undefined) throw new Error('this needs both versions of Helm');
  const home = await mkdtemp(join(folder, 'home-'));
  const helm = helmAtHome(site.helmWith(program), home);
  await helm(['repo', 'add', REPOSITORY, repository.url]);
  return { helm, chart: `${REPOSITORY}/${RELEASE}` };
}

/** What was seen of a rollout. */
interface Rollout {
  readonly before: readonly ReleasePod[];
  readonly after: readonly ReleasePod[];
  /** Least number of pods that served at the same time. */
  readonly leastServing: number;
  /** What a client saw, in ms. */
  readonly outages: readonly number[];
  /** Images of the containers afterwards. */
  readonly images: string;
}

/** Does something that replaces the pods, until they are replaced, and looks at pods and at clients meanwhile. */
async function rollOut(workload: string, what: string, change: () => Promise<unknown>): Promise<Rollout> {
  const before = await releasePods(site);
  const prober = site.prober('regular', CADENCE);
  const watch = new PodWatch(site);
  try {
    await watch.begin(before.length);
    await prober.start();
    await change();
    await site.kubectl(['rollout', 'status', workload, '-n', NAMESPACE, ROLLOUT_LIMIT], { timeout: ROLLOUT_LIMIT_MS });
    await waitForHolder(site);
    await waitForAnswer(site);
    await prober.stop();
    const [seen] = prober.report().addresses;
    const outages = seen?.outages ?? [];
    const answered = Object.entries(seen?.answeredBy ?? {}).map(([who, count]) => `${who} ${count}`);
    say(`${what}: answers ${answered.join(', ')}; longest time between two ${formatMs(seen?.longestSilenceMs ?? 0)}`);
    for (const outage of outages) say(`${what}: outage ${outageCells(outage).join(', ')}`);
    return {
      before,
      after: await releasePods(site),
      leastServing: watch.leastServing,
      outages: outages.map(({ durationMs }) => durationMs),
      images: await imagesOf(workload),
    };
  } finally {
    await prober.stop();
    await watch.end();
  }
}

async function imagesOf(workload: string): Promise<string> {
  const path = 'jsonpath={.spec.template.spec.initContainers[*].image} {.spec.template.spec.containers[*].image}';
  return site.kubectl(['get', workload, '-n', NAMESPACE, '-o', path]);
}

function expectOneAtATime({ before, after, leastServing, outages }: Rollout): void {
  expect(after).toHaveLength(before.length);
  const old = new Set(before.map(({ uid }) => uid));
  expect(after.filter(({ uid }) => old.has(uid))).toEqual([]);
  expect(leastServing).toBe(before.length - 1);
  for (const outage of outages) expect(outage).toBeLessThan(MOVE_MS);
}

/** Nothing of the release is left: no object in the cluster, no address on a node, no address on the nodes' lists. */
async function expectNothingLeft(addresses: readonly string[]): Promise<void> {
  const gone = async () => (await objectsOf(site, RELEASE)).length === 0;
  await waitFor('controllers to remove what they made', gone, { limitMs: 30_000, everyMs: 500 }).catch(() => undefined);
  expect(await objectsOf(site, RELEASE)).toEqual([]);
  for (const address of addresses) expect(await site.holders(address)).toEqual([]);
  if (site.hasHarness) expect(await listedAddresses(site)).toEqual([]);
}

const NEXT_IMAGES = { set: [`image.tag=${NEXT_TAG}`, `sidecar.image.tag=${NEXT_TAG}`] };

describe('a Deployment from a chart repository by Helm 3', () => {
  let options: InstallOptions = {};

  beforeAll(async () => {
    options = await withRepository(site.description.helm3);
  });
  afterAll(() => helmUninstall(site, options));

  it('is installed', async () => {
    expect(await options.helm?.(['version', '--short'])).toMatch(/^v3\./);
    expect(await msUntilAnswer(site, 'Helm 3', () => helmInstall(site, options))).toBeLessThan(REACHABLE_MS);
    await waitForPods(site);
  });

  it.skipIf(!site.hasHarness)('gets new images one node at a time', async () => {
    const change = () => helmUpgrade(site, { ...options, ...NEXT_IMAGES });
    const rollout = await rollOut(`deployment/${RELEASE}`, 'new images, Deployment', change);
    expectOneAtATime(rollout);
    expect(rollout.images).toBe(
      `keepalived-ingress-vip/sidecar:${NEXT_TAG} keepalived-ingress-vip/keepalived:${NEXT_TAG}`,
    );
  });

  it('leaves nothing when it is uninstalled', async () => {
    await helmUninstall(site, options);
    await expectNothingLeft([site.address]);
  });
});

describe('a DaemonSet from a chart repository by Helm 4', () => {
  let options: InstallOptions = {};
  let installed = '';
  /** A second address, where the network is ours. */
  const second = site.hasHarness ? planCluster(site.harness().shape).apiVip : undefined;

  beforeAll(async () => {
    options = await withRepository(site.description.helm);
  });
  afterAll(() => helmUninstall(site, options));

  it('is installed', async () => {
    expect(await options.helm?.(['version', '--short'])).toMatch(/^v4\./);
    const install = () => helmInstall(site, { ...options, set: ['kind=DaemonSet'] });
    expect(await msUntilAnswer(site, 'Helm 4', install)).toBeLessThan(REACHABLE_MS);
    await waitForPods(site);
    installed = await imagesOf(`daemonset/${RELEASE}`);
  });

  /** The sidecars' statuses, once all have other settings than before. */
  function changedStatuses(before: readonly SidecarStatus[], pods: readonly ReleasePod[]): Promise<SidecarStatus[]> {
    return waitFor(
      'the new settings in every pod',
      async () => {
        const now = await Promise.all(pods.map(({ name }) => sidecarStatus(site, name)));
        return now.every(({ config }, index) => config.version !== before[index]?.config.version) && now;
      },
      PROPAGATION,
    );
  }

  it('takes another interval and address without a restart, and without a failed request', async () => {
    const pods = await releasePods(site);
    const before = await Promise.all(pods.map(({ name }) => sidecarStatus(site, name)));
    const set = ['keepalived.checkServiceInterval=1', ...(second ? [`keepalived.vipAddresses={${second}/24}`] : [])];
    const prober = site.prober('regular', CADENCE);
    try {
      await prober.start();
      const upgradedMs = Date.now();
      await helmUpgrade(site, { ...options, set });
      const after = await changedStatuses(before, pods);
      const delays = after.map(({ config }) => ((Date.parse(config.loadedAt) - upgradedMs) / 1000).toFixed(1));
      say(`new settings were in force ${delays.join(', ')} s after the beginning of helm upgrade`);
      if (second) expect(await waitForHolder(site, second)).toBe(await waitForHolder(site));
      await prober.stop();

      const [seen] = prober.report().addresses;
      say(`${seen?.attempts} requests meanwhile, ${seen?.failed} failed; ${prober.report().missedSlots} were not made`);
      expect(seen).toMatchObject({ failed: 0 });
      expect(after.map(({ checks }) => checks.service.intervalSeconds)).toEqual(pods.map(() => 1));
      expect(await releasePods(site)).toEqual(pods);
      expect(after.map(({ keepalived }) => keepalived.pid)).toEqual(before.map(({ keepalived }) => keepalived.pid));
      expect(after.map(({ holderSince }) => holderSince)).toEqual(before.map(({ holderSince }) => holderSince));
    } finally {
      await prober.stop();
    }
    if (second) await waitForAnswer(site, second);
  });

  it.skipIf(!site.hasHarness)('gets new images one node at a time', async () => {
    const change = () => helmUpgrade(site, { ...options, ...NEXT_IMAGES });
    const rollout = await rollOut(`daemonset/${RELEASE}`, 'new images, DaemonSet', change);
    expectOneAtATime(rollout);
    expect(rollout.images).toContain(NEXT_TAG);
  });

  it.skipIf(!site.hasHarness)('goes back to the images of before, one node at a time', async () => {
    const change = () => options.helm?.(['rollback', RELEASE, '-n', NAMESPACE]) ?? Promise.reject(new Error('no helm'));
    const rollout = await rollOut(`daemonset/${RELEASE}`, 'rollback, DaemonSet', change);
    expectOneAtATime(rollout);
    expect(rollout.images).toBe(installed);
  });

  it('leaves nothing when it is uninstalled', async () => {
    await helmUninstall(site, options);
    await expectNothingLeft([site.address, ...(second ? [second] : [])]);
  });
});
