import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import axios from 'axios';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  helmInstall,
  helmUninstall,
  helmUpgrade,
  NAMESPACE,
  RELEASE,
  waitForHolder,
  waitForPods,
} from '../environment/release.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { waitFor } from '../support/wait.ts';
import { site } from './here.ts';
import { labelNodes, nodeNames, taintNodes, untaintNodes } from './nodes.ts';
import { type ReleasePod, releasePods, sidecarStatus } from './pods.ts';
import { msUntilAnswer, REACHABLE_MS } from './reachable.ts';
import { commandsInNotes, runInShell, shellBlocks, whileInShell } from './shell-commands.ts';

const repeated = repeatedWhenDisturbed();
const OPERATIONS = join(import.meta.dirname, '../../docs/operations.md');
const LIMIT_MS = 60_000;
/** Label and taint of the node that only the DaemonSet of these tests runs on. */
const APART = 'keepalived-ingress-vip-test';

async function holderPod(): Promise<ReleasePod> {
  const holder = await waitForHolder(site);
  const pod = (await releasePods(site)).find(({ node }) => node === holder);
  if (pod === undefined) throw new Error(`${holder} holds the address, but runs no pod`);
  return pod;
}

const nodesOf = (pods: readonly ReleasePod[]) => pods.flatMap(({ node }) => node ?? []);

describe('helm install with nothing but the address given', repeated, () => {
  let tookMs = Number.POSITIVE_INFINITY;
  let pods: ReleasePod[] = [];

  async function install(): Promise<void> {
    tookMs = await msUntilAnswer(site, 'Deployment', () => helmInstall(site));
    await waitForPods(site);
    pods = await releasePods(site);
  }

  beforeAll(install);
  afterAll(() => helmUninstall(site));

  it('makes the address reachable within 15 s', async ({ task }) => {
    if ((task.result?.retryCount ?? 0) > 0) {
      await helmUninstall(site);
      await install();
    }
    expect(tookMs).toBeLessThan(REACHABLE_MS);
  });

  it('runs two pods of a Deployment, on two nodes', async () => {
    expect(new Set(nodesOf(pods)).size).toBe(2);
    expect(pods).toHaveLength(2);
    expect(nodesOf(pods)).toContain(await waitForHolder(site));
  });

  it('tells what is true, and commands that work', async () => {
    const notes = await site.helm(['get', 'notes', RELEASE, '-n', NAMESPACE]);
    expect(notes).toContain(`Deployment ${NAMESPACE}/${RELEASE} with 2 pod(s)`);
    expect(notes).toContain(`addresses   ${site.description.vip}`);
    expect(notes).toContain(`the ConfigMap ${RELEASE} `);
    const { name, node } = await holderPod();
    const commands = commandsInNotes(notes).map((command) => command.replace('POD', name));
    const [who = '', forward = '', log = '', annotate = '', ...others] = commands;
    // For namespaces that enforce Pod Security; the tests of security run them.
    expect(others.filter((command) => !/ label namespace | rollout restart /.test(command))).toEqual([]);

    const told = (await runInShell(site, who)).split('\n').toSorted();
    const expected = pods.map((pod) => `"node":"${pod.node}"\t"holder":${pod.node === node}`).toSorted();
    expect(told).toEqual(expected);

    const url = /http:\S+/.exec(forward)?.[0] ?? '';
    const forwarded = await whileInShell(site, forward, (running) =>
      running.until('the forwarded port', () => axios.get(url, { timeout: 2000 }).catch(() => undefined), {
        limitMs: LIMIT_MS,
        everyMs: 100,
      }),
    );
    expect(forwarded.data).toMatchObject({ node, holder: true });

    expect(await runInShell(site, log)).toContain('"msg":"started"');
    expect(await runInShell(site, annotate)).toContain(`pod/${name} annotated`);
  });

  it('is operated by the commands of docs/operations.md', async () => {
    const holder = await holderPod();
    const operations = readFileSync(OPERATIONS, 'utf8').replaceAll('POD', holder.name);
    const [who = ''] = shellBlocks(operations, '## Who holds the address?');
    expect(await runInShell(site, who)).toContain(`"node":"${holder.node}","version":`);

    const [give = '', takePart = ''] = (shellBlocks(operations, '## Draining a node')[0] ?? '').split('\n');
    await runInShell(site, give);
    await waitFor('another holder', async () => (await waitForHolder(site)) !== holder.node, { limitMs: LIMIT_MS });
    await runInShell(site, takePart);
    const rejoined = async () => !(await sidecarStatus(site, holder.name)).fitness.draining;
    await waitFor('the node to take part again', rejoined, { limitMs: LIMIT_MS, everyMs: 200 });
  });

  it('never runs two pods on a node: what is more than the nodes waits', async () => {
    const nodes = await nodeNames(site);
    await helmUpgrade(site, { set: [`pod.replicas=${nodes.length + 1}`] });
    const settled = async () => {
      const all = await releasePods(site);
      const placed = all.filter(({ node }) => node !== undefined);
      const waiting = all.filter(({ unscheduled }) => unscheduled === 'Unschedulable');
      return placed.every(({ ready }) => ready) && placed.length + waiting.length === nodes.length + 1 && all;
    };
    const all = await waitFor('all pods to run or to wait', settled, { limitMs: LIMIT_MS, everyMs: 500 });
    expect(nodesOf(all).length).toBeLessThanOrEqual(nodes.length);
    expect(new Set(nodesOf(all)).size).toBe(nodesOf(all).length);
    if (site.hasHarness) expect(nodesOf(all).toSorted()).toEqual(nodes);
    // Those of before were not replaced.
    expect(all.map(({ uid }) => uid)).toEqual(expect.arrayContaining(pods.map(({ uid }) => uid)));
    expect(await site.holders()).toHaveLength(1);
  });
});

describe('helm install of a DaemonSet for one tainted node', repeated, () => {
  let node = '';

  beforeAll(async () => {
    node = (await nodeNames(site)).at(-1) ?? '';
    await labelNodes(site, [node], `${APART}=here`);
    await taintNodes(site, [node], `${APART}=here:NoSchedule`);
  });
  afterAll(async () => {
    await helmUninstall(site);
    await labelNodes(site, [node], `${APART}-`);
    await untaintNodes(site, [node], APART);
  });

  it('runs there and nowhere else, and makes the address reachable within 15 s', async () => {
    const set = [
      'kind=Daemonset',
      `pod.nodeSelector.${APART}=here`,
      `pod.tolerations[0].key=${APART}`,
      'pod.tolerations[0].operator=Exists',
    ];
    // This may be the second try.
    await helmUninstall(site);
    const tookMs = await msUntilAnswer(site, 'DaemonSet', () => helmInstall(site, { set }));
    await waitForPods(site);
    expect(nodesOf(await releasePods(site))).toEqual([node]);
    expect(await site.holders()).toEqual([node]);
    expect(tookMs).toBeLessThan(REACHABLE_MS);
  });
});
