import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Logger } from 'pino';
import type { NodePlanSpec } from '../api/node-plan.ts';
import { podAccess } from '../common/kubernetes-access.ts';
import { Listener } from '../common/listener.ts';
import { fail, failToStart, openLog, stopOnSignal, surviveSystemErrors } from '../common/process.ts';
import { Agent } from './agent.ts';
import { type LoadedSettings, loadSettings, SettingsError } from './config/load.ts';
import { type Placements, readPlacements } from './desired/placement.ts';
import { readCordon } from './kubernetes/node-event.ts';
import { NodeWatch } from './kubernetes/node-watch.ts';
import { readNodeOrder } from './kubernetes/rank.ts';
import { ReleasePods } from './kubernetes/release-pods.ts';
import { runtimeIn } from './runtime/runtime.ts';
import { StateCache } from './runtime/state-cache.ts';
import { createApp } from './server/app.ts';
import { createMetrics } from './server/metrics.ts';
import { createMetricsApp } from './server/metrics-app.ts';
import { readCachedPlan } from './sources/plan/plan.ts';
import { type PlanCache, PlanFollower } from './sources/plan/plan-follower.ts';
import { SettingsWatcher } from './sources/settings-watch.ts';

/* The composition root: the only file that reads the environment, wires the parts, handles signals and exits. */

/** Put in by the bundler. */
declare const SIDECAR_VERSION: string | undefined;
const version = typeof SIDECAR_VERSION === 'string' ? SIDECAR_VERSION : 'development';

const USAGE = 'usage: sidecar --config FILE --runtime-dir DIRECTORY [--check]';

interface Arguments {
  readonly config: string;
  readonly runtimeDirectory: string;
  /** Only check the settings file. */
  readonly check: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      'runtime-dir': { type: 'string' },
      check: { type: 'boolean', default: false },
    },
  });
  const { config, 'runtime-dir': runtimeDirectory = '/run/keepalived-ingress-vip', check } = values;
  if (config === undefined) throw new Error(USAGE);
  return { config, runtimeDirectory, check };
}

async function loadOrFail(path: string): Promise<LoadedSettings> {
  try {
    return await loadSettings(path);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return fail(`ERROR: ${path} is not usable, nothing was touched:\n${error.message.replace(/^/gm, '  ')}`);
  }
}

function followPods(
  agent: Agent,
  cache: StateCache<readonly string[]>,
  { settings }: LoadedSettings,
  log: Logger,
): ReleasePods | undefined {
  const namespace = process.env.POD_NAMESPACE;
  const { podSelector } = settings.rank;
  const { url, ...credentials } = podAccess(process.env);
  if (podSelector === '' || namespace === undefined || url === undefined) return undefined;
  const pods = new ReleasePods(
    { ...credentials, url, namespace, podSelector, userAgent: `keepalived-ingress-vip/${version}` },
    {
      onNodes: (nodes) => {
        agent.setNodes(nodes);
        cache.save(nodes).catch((error: unknown) => log.warn({ err: error }, 'cannot keep the order of the nodes'));
      },
      onAddresses: (nodes) => agent.setNodesByAddress(nodes),
      onError: (reason) => log.warn({ reason }, 'cannot list the release’s pods; the last known rank stays in force'),
    },
  );
  pods.start();
  return pods;
}

type CordonCache = StateCache<string | null | undefined>;

/** Follows whether the node is cordoned, while the settings ask for it. */
class CordonFollower {
  readonly #agent: Agent;
  readonly #keep: (cordon: string | null | undefined) => void;
  readonly #watch: NodeWatch | undefined;

  constructor(agent: Agent, { cache, log }: { cache: CordonCache; log: Logger }) {
    this.#agent = agent;
    this.#keep = (cordon) => {
      cache.save(cordon).catch((error: unknown) => log.warn({ err: error }, 'cannot keep what is known of the cordon'));
    };
    const node = process.env.NODE_NAME ?? '';
    const { url, ...credentials } = podAccess(process.env);
    if (url === undefined || node === '') return;
    this.#watch = new NodeWatch(
      { ...credentials, url, node, userAgent: `keepalived-ingress-vip/${version}` },
      {
        onCordon: (cordon) => {
          agent.cordon.observe(cordon);
          this.#keep(cordon);
        },
        onProblem: (problem) => agent.cordon.report(problem),
      },
    );
  }

  /**
   * Begins or ends following, as the agent's settings have it now.
   * @param known what was known before this process began
   */
  apply(known?: string | null): void {
    if (this.#watch === undefined) return;
    if (this.#agent.snapshot().settings.drain.onCordon) {
      this.#agent.cordon.begin(known);
      this.#watch.start();
    } else {
      this.#watch.stop();
      this.#agent.cordon.end();
      this.#keep(undefined);
    }
  }

  stop(): void {
    this.#watch?.stop();
  }
}

/** Follows what the node is to do for pools, and reports what comes of it. */
function followPlans(agent: Agent, cache: PlanCache, log: Logger): PlanFollower {
  const { url, ...credentials } = podAccess(process.env);
  const access =
    url === undefined ? undefined : { ...credentials, url, userAgent: `keepalived-ingress-vip/${version}` };
  const follower = new PlanFollower({ access, node: process.env.NODE_NAME ?? '' }, { agent, cache, log });
  agent.useReporter(() => follower.touch());
  return follower;
}

/** What the API had told before this process began; without what it had not. */
async function knownBefore(cordons: CordonCache, plans: PlanCache) {
  const [cordon, plan] = await Promise.all([cordons.load(), plans.load()]);
  return { ...(cordon === undefined ? {} : { cordon }), ...(plan === undefined ? {} : { plan }) };
}

/** Here the supervisor asks, on whose answer the address depends: of many who connect, it must not be the oldest before it is heard. */
const LOOPBACK_CONNECTIONS = 128;

/** Less than the sidecar may be silent for. */
const TELL_LIMIT_MS = 2500;
const TELL_LOOK_MS = 20;

/** Waits for the API's word, but not for long: nothing on the node depends on it. */
async function toldOrLate(told: () => boolean): Promise<void> {
  const limit = performance.now() + TELL_LIMIT_MS;
  while (!told() && performance.now() < limit) await delay(TELL_LOOK_MS);
}

async function run({ config, runtimeDirectory }: Arguments, loaded: LoadedSettings): Promise<void> {
  const { server, metrics, log: logSettings } = loaded.settings;
  const log = openLog({ level: logSettings.level, base: { node: process.env.NODE_NAME } });
  surviveSystemErrors(log);
  const runtime = runtimeIn(runtimeDirectory);
  const cache = new StateCache({ path: `${runtimeDirectory}/nodes.json`, read: readNodeOrder, none: [] });
  const cordonCache: CordonCache = new StateCache({
    path: `${runtimeDirectory}/cordon.json`,
    read: readCordon,
    none: undefined,
  });
  const planCache: PlanCache = new StateCache({
    path: `${runtimeDirectory}/plan.json`,
    read: readCachedPlan,
    none: undefined,
  });
  const placementCache = new StateCache<Placements>({
    path: `${runtimeDirectory}/placements.json`,
    read: readPlacements,
    none: {},
  });
  const counted = createMetrics();
  const agent = new Agent(
    {
      node: process.env.NODE_NAME ?? '',
      nodeAddress: process.env.NODE_IP ?? '',
      version,
      kubeApi: podAccess(process.env),
      loaded,
      nodes: await cache.load(),
      placements: await placementCache.load(),
    },
    {
      runtime,
      log,
      metrics: counted.events,
      onPlacements: (placements) => {
        placementCache
          .save(placements)
          .catch((error: unknown) => log.warn({ err: error }, 'cannot keep where instances were found'));
      },
    },
  );
  const snapshot = () => agent.snapshot();
  const takeLagMillis = () => agent.takeLagMillis();
  const onError = (error: unknown) => log.error({ err: error }, 'a request failed');
  const listeners = [
    new Listener(
      { ...server, connections: LOOPBACK_CONNECTIONS },
      { handler: createApp({ snapshot, onError }), onError },
    ),
    new Listener(metrics, {
      handler: createMetricsApp({ metrics: counted, snapshot, takeLagMillis, onError }),
      onError,
    }),
  ];
  const plans = followPlans(agent, planCache, log);
  const cordons = new CordonFollower(agent, { cache: cordonCache, log });
  const apply = (known: { cordon?: string | null; plan?: NodePlanSpec | null } = {}): void => {
    cordons.apply(known.cordon);
    plans.apply(agent.snapshot().settings.pools.enabled, known.plan);
  };
  const watcher = new SettingsWatcher(
    { path: config, version: loaded.version },
    {
      onSettings: (next) => {
        agent
          .update(next)
          .then(() => apply())
          .catch((error: unknown) => log.error({ err: error }, 'cannot carry out the new settings'));
      },
      onRejected: (error) => agent.settingsRejected(error, config),
    },
  );
  for (const listener of listeners) await listener.start();
  // Before the first decision, so that a container that restarts on a cordoned node does not offer itself for a moment.
  apply(await knownBefore(cordonCache, planCache));
  agent.useCaches([cache, cordonCache, planCache, placementCache]);
  // keepalived may run a plan that is forgotten here: without it the node would give every address of it away.
  if (planCache.problem !== null) await toldOrLate(() => agent.plan.view.heard || !agent.plan.view.watched);
  await agent.start();
  watcher.start();
  const pods = followPods(agent, cache, loaded, log);
  log.info({ version, config: loaded.version }, 'started');

  stopOnSignal(async (signal) => {
    log.info({ signal }, 'stopping');
    watcher.stop();
    pods?.stop();
    cordons.stop();
    await agent.drain(signal);
    plans.stop();
    await agent.stop();
    for (const listener of listeners) await listener.stop();
  });
}

async function main(): Promise<void> {
  const parsed = readArguments();
  const loaded = await loadOrFail(parsed.config);
  if (parsed.check) return;
  await run(parsed, loaded);
}

main().catch((error: unknown) => failToStart(error, { ports: 'sidecar.port or metrics.port' }));
