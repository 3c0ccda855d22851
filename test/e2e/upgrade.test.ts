import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { tagImages } from '../cluster/images.ts';
import {
  helmInstall,
  helmUninstall,
  helmUpgrade,
  type InstallOptions,
  NAMESPACE,
  RELEASE,
  waitForHolder,
  waitForPods,
} from '../environment/release.ts';
import type { Helm } from '../environment/site.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { say } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { type ChartRepository, helmAtHome, serveChart } from './chart-repository.ts';
import { site } from './here.ts';
import { listedAddresses, objectsOf } from './leftovers.ts';
import { type ReleasePod, releasePods, type SidecarStatus, sidecarStatus } from './pods.ts';
import { msUntilAnswer, REACHABLE_BESIDE_MS, waitForAnswer } from './reachable.ts';
import { imagesOf, observeRollout, patientProber, type Rollout, waitForRollout } from './rollout.ts';
import { runInShell, shellBlocks } from './shell-commands.ts';

const repeated = repeatedWhenDisturbed();
const OPERATIONS = join(import.meta.dirname, '../../docs/operations.md');
const REPOSITORY = 'test';
const NEXT_TAG = '0.0.0-next';
/** What a client may see of one move. */
const MOVE_MS = 250;
/** The kubelet looks at a ConfigMap at least every 90 s or so; a busy machine gets more. */
const PROPAGATION = { limitMs: 180_000, everyMs: 2000 };

let repository: ChartRepository;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'helm-home-'));
  repository = await serveChart(site.helm);
  if (!site.hasHarness) return;
  const refs = inject('archives').map(({ ref }) => ref);
  await tagImages(site.cluster.state, refs, NEXT_TAG);
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

function expectOneAtATime({ before, after, leastServing, moves, outagesMs }: Rollout): void {
  expect(after).toHaveLength(before.length);
  const old = new Set(before.map(({ uid }) => uid));
  expect(after.filter(({ uid }) => old.has(uid))).toEqual([]);
  expect(leastServing).toBe(before.length - 1);
  expect(moves).toBeGreaterThan(0);
  for (const outageMs of outagesMs) expect(outageMs).toBeLessThan(MOVE_MS);
}

/** Nothing of the release is left: no object in the cluster, no address on a node, no address on the nodes' lists. */
async function expectNothingLeft(addresses: readonly string[]): Promise<void> {
  const gone = async () => (await objectsOf(site, RELEASE)).length === 0;
  await waitFor('controllers to remove what they made', gone, { limitMs: 60_000, everyMs: 500 }).catch(() => undefined);
  expect(await objectsOf(site, RELEASE)).toEqual([]);
  for (const address of addresses) expect(await site.holders(address)).toEqual([]);
  if (site.hasHarness) expect(await listedAddresses(site)).toEqual([]);
}

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

/**
 * Upgrades to another interval of the service check, and looks until that is in force in every pod: none was restarted, no keepalived
 * either, the address did not move, and no request of a client failed. Can be done again.
 * @param options with what is set besides
 * @param hurry what makes the kubelets look at once
 */
async function expectUnnoticedChange(options: InstallOptions, hurry: () => Promise<unknown> = async () => undefined) {
  const pods = await releasePods(site);
  const before = await Promise.all(pods.map(({ name }) => sidecarStatus(site, name)));
  const intervalSeconds = before[0]?.checks.service.intervalSeconds === 1 ? 3 : 1;
  const set = [...(options.set ?? []), `keepalived.checkServiceInterval=${intervalSeconds}`];
  const prober = patientProber(site);
  try {
    await prober.start();
    const upgradedMs = Date.now();
    await helmUpgrade(site, { ...options, set });
    await hurry();
    const after = await changedStatuses(before, pods);
    const delays = after.map(({ config }) => ((Date.parse(config.loadedAt) - upgradedMs) / 1000).toFixed(1));
    await prober.stop();
    const [seen] = prober.report().addresses;
    say(`new settings in force ${delays.join(', ')} s after the beginning of helm upgrade`);
    say(`${seen?.attempts} requests meanwhile, ${seen?.failed} failed; ${prober.report().missedSlots} were not made`);
    expect(seen).toMatchObject({ failed: 0 });
    expect(after.map(({ checks }) => checks.service.intervalSeconds)).toEqual(pods.map(() => intervalSeconds));
    expect(await releasePods(site)).toEqual(pods);
    const unchanged = ({ keepalived, holder, holderSince }: SidecarStatus) => [keepalived.pid, holder, holderSince];
    expect(after.map(unchanged)).toEqual(before.map(unchanged));
  } finally {
    await prober.stop();
  }
}

const NEXT_IMAGES = { set: [`image.tag=${NEXT_TAG}`, `sidecar.image.tag=${NEXT_TAG}`] };
const OWN_IMAGES = { set: ['image.tag=', 'sidecar.image.tag='] };

/** Gives a workload the images that a test begins with. It has them, unless the test is done again. */
async function beginWith(images: typeof OWN_IMAGES, workload: string, options: InstallOptions): Promise<void> {
  const hasNext = (await imagesOf(site, workload)).includes(NEXT_TAG);
  if (hasNext === (images === NEXT_IMAGES)) return;
  await helmUpgrade(site, { ...options, ...images });
  await waitForRollout(site, workload);
}

describe('a Deployment from a chart repository by Helm 3', repeated, () => {
  let options: InstallOptions = {};

  beforeAll(async () => {
    options = await withRepository(site.description.helm3);
  });
  afterAll(() => helmUninstall(site, options));

  it('is installed', async () => {
    expect(await options.helm?.(['version', '--short'])).toMatch(/^v3\./);
    // This may be the second try.
    await helmUninstall(site, options);
    expect(await msUntilAnswer(site, 'Helm 3', () => helmInstall(site, options))).toBeLessThan(REACHABLE_BESIDE_MS);
    await waitForPods(site);
  });

  it('takes another interval at once when the pods are annotated as documented', async () => {
    const [annotate = ''] = shellBlocks(readFileSync(OPERATIONS, 'utf8'), '## Changing settings');
    await expectUnnoticedChange(options, () => runInShell(site, annotate));
  });

  it.skipIf(!site.hasHarness)('gets new images one node at a time', async () => {
    const change = () => helmUpgrade(site, { ...options, ...NEXT_IMAGES });
    await beginWith(OWN_IMAGES, `deployment/${RELEASE}`, options);
    const rollout = await observeRollout(site, `deployment/${RELEASE}`, 'new images, Deployment', change);
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

describe('a DaemonSet from a chart repository by Helm 4', repeated, () => {
  let options: InstallOptions = {};
  let installed = '';
  /** A second address, where the network is ours. */
  const second = site.hasHarness ? site.cluster.plan.apiVip : undefined;

  beforeAll(async () => {
    options = await withRepository(site.description.helm);
  });
  afterAll(() => helmUninstall(site, options));

  it('is installed', async () => {
    expect(await options.helm?.(['version', '--short'])).toMatch(/^v4\./);
    await helmUninstall(site, options);
    const install = () => helmInstall(site, { ...options, set: ['kind=DaemonSet'] });
    expect(await msUntilAnswer(site, 'Helm 4', install)).toBeLessThan(REACHABLE_BESIDE_MS);
    await waitForPods(site);
    installed = await imagesOf(site, `daemonset/${RELEASE}`);
  });

  it('takes another interval and address without a restart, and without a failed request', async () => {
    const addresses = second ? [`keepalived.vipAddresses={${second}/24}`] : [];
    await expectUnnoticedChange({ ...options, set: addresses });
    if (second === undefined) return;
    expect(await waitForHolder(site, second)).toBe(await waitForHolder(site));
    await waitForAnswer(site, second);
  });

  it.skipIf(!site.hasHarness)('gets new images one node at a time', async () => {
    const change = () => helmUpgrade(site, { ...options, ...NEXT_IMAGES });
    await beginWith(OWN_IMAGES, `daemonset/${RELEASE}`, options);
    const rollout = await observeRollout(site, `daemonset/${RELEASE}`, 'new images, DaemonSet', change);
    expectOneAtATime(rollout);
    expect(rollout.images).toContain(NEXT_TAG);
  });

  it.skipIf(!site.hasHarness)('goes back to the images of before, one node at a time', async () => {
    const change = () => options.helm?.(['rollback', RELEASE, '-n', NAMESPACE]) ?? Promise.reject(new Error('no helm'));
    await beginWith(NEXT_IMAGES, `daemonset/${RELEASE}`, options);
    const rollout = await observeRollout(site, `daemonset/${RELEASE}`, 'rollback, DaemonSet', change);
    expectOneAtATime(rollout);
    expect(rollout.images).toBe(installed);
  });

  it('leaves nothing when it is uninstalled', async () => {
    await helmUninstall(site, options);
    await expectNothingLeft([site.address, ...(second ? [second] : [])]);
  });
});
