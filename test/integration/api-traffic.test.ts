import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CoreV1Api, CustomObjectsApi, KubeConfig, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_GROUP, API_VERSION } from '../../api/group.ts';
import type { NodePlan } from '../../api/node-plan.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import { systemClock, systemTimers } from '../../common/clock.ts';
import { checkSettings } from '../../controller/config/settings.ts';
import { Controller } from '../../controller/controller.ts';
import { unseenMetrics } from '../../controller/testing/metrics.ts';
import { settingsDocument } from '../../controller/testing/settings.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { type ApiRequest, KubeApi } from '../support/kube-api.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { command, mustSkip } from '../support/needs.ts';
import { formatTable, say } from '../support/print.ts';
import { CHART } from '../support/release-names.ts';
import { waitFor } from '../support/wait.ts';

/* What a large cluster costs its API server: real etcd, API server and controllers; nodes, pods and agents are simulated. */

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('the traffic of 500 nodes to a real API server', [command('openssl')]);
/** A cold machine builds Kubernetes first. */
const SET_UP_LIMIT_MS = 45 * 60_000;
const NODES = 500;
const ADDRESSES = 1000;
const STEADY_SECONDS = 20;
const AT_ONCE = 20;
const CONTROLLERS = ['controller-one', 'controller-two'];
const NAMESPACE = 'kube-vip';
const LABELS = {
  'app.kubernetes.io/name': 'keepalived-ingress-vip',
  'app.kubernetes.io/instance': 'vip',
  'app.kubernetes.io/component': 'node',
};
const PLANS = { group: API_GROUP, version: API_VERSION, plural: 'nodeplans' };
const POOLS = { group: API_GROUP, version: API_VERSION, plural: 'virtualippools' };

let api: KubeApi;
let core: CoreV1Api;
let objects: CustomObjectsApi;
const controllers: Controller[] = [];

function accessOf(user: string): KubeConfig {
  const access = new KubeConfig();
  access.loadFromFile(api.kubeconfigOf(user));
  return access;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function addNode(index: number): Promise<void> {
  const name = `node${index}`;
  const address = `10.1.${Math.floor(index / 250)}.${1 + (index % 250)}`;
  const conditions = [{ type: 'Ready', status: 'True' }];
  await core.createNode({
    body: { metadata: { name }, status: { addresses: [{ type: 'InternalIP', address }], conditions } },
  });
  const pod = {
    metadata: { name: `agent-${name}`, namespace: NAMESPACE, labels: LABELS },
    spec: { nodeName: name, automountServiceAccountToken: false, containers: [{ name: 'agent', image: 'none' }] },
  };
  await core.createNamespacedPod({ namespace: NAMESPACE, body: pod });
  const running = [{ op: 'add', path: '/status/phase', value: 'Running' }];
  await core.patchNamespacedPodStatus({ namespace: NAMESPACE, name: `agent-${name}`, body: running });
}

function startController(identity: string): void {
  const checked = checkSettings(settingsDocument());
  if (!checked.ok) throw new Error('the settings of the tests are wrong');
  const controller = new Controller(
    { settings: checked.settings, version: 'test', identity, podUid: undefined, namespace: NAMESPACE },
    {
      access: accessOf(identity),
      clock: systemClock,
      timers: systemTimers,
      random: Math.random,
      log: pino({ level: 'silent' }),
      metrics: unseenMetrics(),
      onView: () => undefined,
    },
  );
  controllers.push(controller);
  controller.start();
}

/** Says for every agent that it carries its plan out. @returns how many had not said so */
async function agentsReport(): Promise<number> {
  const { items } = (await objects.listClusterCustomObject(PLANS)) as { items: NodePlan[] };
  const behind = items.filter(({ spec, status }) => status?.observedPlan !== spec.plan);
  await inParallel(behind, async ({ metadata, spec }) => {
    const mine = spec.instances.filter(({ rank }) => rank === 0).flatMap(({ addresses }) => addresses);
    const held = mine.map((address) => ({ address, since: '2026-01-01T00:00:00Z' }));
    await objects.patchClusterCustomObjectStatus(
      { ...PLANS, name: metadata.name, body: { status: { observedPlan: spec.plan, held } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
  });
  return behind.length;
}

async function isReady(): Promise<boolean> {
  const pool = (await objects.getClusterCustomObject({ ...POOLS, name: 'web' })) as VirtualIpPool;
  return pool.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

function counted(requests: readonly ApiRequest[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { user, verb, resource } of requests) {
    const key = `${user} ${verb} ${resource}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

describe.skipIf(skip)(`${NODES} simulated nodes with ${ADDRESSES} addresses, and a real API server`, repeated, () => {
  beforeAll(async () => {
    api = new KubeApi(dirname(await realpath(await ensureTool('hyperkube'))), CONTROLLERS);
    await api.start();
    core = accessOf('admin').makeApiClient(CoreV1Api);
    objects = accessOf('admin').makeApiClient(CustomObjectsApi);
    await api.kubectl(['create', 'namespace', NAMESPACE]);
    // Every pod has one; what else makes it does not run here.
    await api.kubectl(['-n', NAMESPACE, 'create', 'serviceaccount', 'default']);
    await api.kubectl(['apply', '--server-side', '-f', `${CHART}/crds`]);
    await api.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
    // An established definition may still have no storage: it is served when lists are answered.
    const served = () =>
      Promise.all([PLANS, POOLS].map((kind) => objects.listClusterCustomObject(kind))).then(
        () => true,
        () => false,
      );
    await waitFor('the definitions', served, { limitMs: 30_000, everyMs: 100 });
    await inParallel(
      Array.from({ length: NODES }, (_, index) => index),
      addNode,
    );
    const addresses = Array.from({ length: ADDRESSES }, (_, at) => `10.2.${Math.floor(at / 250)}.${1 + (at % 250)}`);
    const body = {
      apiVersion: `${API_GROUP}/${API_VERSION}`,
      kind: 'VirtualIPPool',
      metadata: { name: 'web' },
      spec: { addresses },
    };
    await objects.createClusterCustomObject({ ...POOLS, body });
    for (const identity of CONTROLLERS) startController(identity);
  }, SET_UP_LIMIT_MS);

  afterAll(async () => {
    await Promise.all(controllers.map((controller) => controller.stop()));
    await api?.stop();
  });

  it('costs nothing but watches and renewals of one lease while the plan is steady', async () => {
    await waitFor(
      'every agent to carry its plan out, and the pool to be ready',
      async () => {
        return (await agentsReport()) === 0 && (await isReady());
      },
      { limitMs: 90_000, everyMs: 500 },
    );
    // What follows from the last report has been written when two looks see the same.
    let before = -1;
    await waitFor(
      'quiet',
      async () => {
        const others = (await fromControllers()).filter(({ resource }) => resource !== 'leases').length;
        const quiet = others === before;
        before = others;
        return quiet;
      },
      { limitMs: 60_000, everyMs: 2000 },
    );

    const until = (await fromControllers()).length;
    await delay(STEADY_SECONDS * 1000);
    const steady = counted((await fromControllers()).slice(until));
    const rows = [...steady].map(([what, count]) => [what, String(count)]);
    say(`requests in ${STEADY_SECONDS} s, ${NODES} nodes, ${ADDRESSES} addresses, two controllers:`);
    process.stderr.write(`${formatTable([['WHO AND WHAT', 'NUMBER'], ...rows])}\n`);
    expect([...steady.keys()].filter((what) => !/ watch | update leases$/.test(what))).toEqual([]);
    const renewals = [...steady].filter(([what]) => what.endsWith(' update leases')).map(([, count]) => count);
    expect(renewals).toHaveLength(1);
    // One every two seconds; a machine that is busy makes fewer.
    expect(renewals[0]).toBeGreaterThan(STEADY_SECONDS / 4);
    expect(renewals[0]).toBeLessThanOrEqual(STEADY_SECONDS / 2 + 1);
  });

  async function fromControllers(): Promise<ApiRequest[]> {
    return (await api.requests()).filter(({ user }) => CONTROLLERS.includes(user));
  }
});
