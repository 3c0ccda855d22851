import { parseArgs } from 'node:util';
import { podAccess } from '../common/kubernetes-access.ts';
import { Listener } from '../common/listener.ts';
import { fail, failToStart, openLog, stopOnSignal, surviveSystemErrors } from '../common/process.ts';
import { userAgentOf } from '../common/user-agent.ts';
import { type LoadedSettings, loadSettings, SettingsError } from './config/load.ts';
import type { Settings } from './config/settings.ts';
import { KeptState } from './parts/kept-state.ts';
import { proxyShared } from './parts/proxy.ts';
import { runtimeIn } from './runtime/runtime.ts';
import { createApp } from './server/app.ts';
import { createMetrics } from './server/metrics.ts';
import { createMetricsApp } from './server/metrics-app.ts';
import { Sidecar } from './sidecar.ts';
import { CordonFollower } from './sources/cordon-follower.ts';
import { PlanFollower } from './sources/plan/plan-follower.ts';
import { RankFollower } from './sources/rank-follower.ts';
import { SettingsWatcher } from './sources/settings-watch.ts';

/* The composition root: the only file that reads the environment, wires the parts, handles signals and exits. */

/** Put in by the bundler. */
declare const SIDECAR_VERSION: string | undefined;
const version = typeof SIDECAR_VERSION === 'string' ? SIDECAR_VERSION : 'development';

const USAGE =
  'usage: sidecar --config FILE [--runtime-dir DIRECTORY] [--proxy-runtime-dir DIRECTORY] [--state-dir DIRECTORY] [--check]';

interface Arguments {
  readonly config: string;
  readonly runtimeDirectory: string;
  /** Shared with the proxy's container. */
  readonly proxyDirectory: string;
  /** On the node's disk. */
  readonly stateDirectory: string;
  /** Only check the settings file. */
  readonly check: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      'runtime-dir': { type: 'string', default: '/run/keepalived-ingress-vip' },
      'proxy-runtime-dir': { type: 'string', default: '/run/keepalived-ingress-vip-proxy' },
      'state-dir': { type: 'string', default: '/var/lib/keepalived-ingress-vip-sidecar' },
      check: { type: 'boolean', default: false },
    },
  });
  const { config, 'runtime-dir': runtimeDirectory, check } = values;
  if (config === undefined) throw new Error(USAGE);
  const { 'proxy-runtime-dir': proxyDirectory, 'state-dir': stateDirectory } = values;
  return { config, runtimeDirectory, proxyDirectory, stateDirectory, check };
}

async function loadOrFail(path: string): Promise<LoadedSettings> {
  try {
    return await loadSettings(path);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return fail(`ERROR: ${path} is not usable, nothing was touched:\n${error.message.replace(/^/gm, '  ')}`);
  }
}

/**
 * The supervisor asks here, and the address depends on the answer: among many that connect, its connection must not be closed before it is
 * answered.
 */
const LOOPBACK_CONNECTIONS = 128;

async function run(options: Arguments, loaded: LoadedSettings): Promise<void> {
  const { config, runtimeDirectory, proxyDirectory, stateDirectory } = options;
  const { server, metrics, log: logSettings } = loaded.settings;
  const log = openLog({ level: logSettings.level, base: { node: process.env.NODE_NAME } });
  surviveSystemErrors(log);
  const node = process.env.NODE_NAME ?? '';
  const kubeApi = podAccess(process.env);
  const { url, ...credentials } = kubeApi;
  const access = url === undefined ? undefined : { ...credentials, url, userAgent: userAgentOf(version) };
  const kept = new KeptState({ directory: runtimeDirectory }, { log });
  const { nodes, placements, ...known } = await kept.load();
  const counted = createMetrics();
  const sidecar: Sidecar = new Sidecar(
    { node, nodeAddress: process.env.NODE_IP ?? '', version, kubeApi, loaded, nodes, placements },
    {
      runtime: runtimeIn(runtimeDirectory),
      log,
      metrics: counted.events,
      onReport: () => plans.touch(),
      onPlacements: (found) => kept.keepPlacements(found),
      damaged: () => kept.problems,
      proxy: proxyShared({ directory: proxyDirectory, stateDirectory }),
    },
  );
  const plans = new PlanFollower({ access, node }, { sidecar, keep: (plan) => kept.keepPlan(plan), log });
  const cordons = new CordonFollower(
    { access, node },
    { cordon: sidecar.cordon, keep: (cordon) => kept.keepCordon(cordon) },
  );
  const ranks = new RankFollower(
    { access, namespace: process.env.POD_NAMESPACE, podSelector: loaded.settings.rank.podSelector },
    {
      onNodes: (order) => {
        sidecar.setNodes(order);
        kept.keepNodes(order);
      },
      onAddresses: (byAddress) => sidecar.setNodesByAddress(byAddress),
      log,
    },
  );
  const follow = ({ drain, pools }: Settings, before: Partial<typeof known> = {}): void => {
    cordons.apply(drain.onCordon, before.cordon);
    plans.apply(pools.enabled, before.plan);
  };
  const watcher = new SettingsWatcher(
    { path: config, version: loaded.version },
    {
      onSettings: (next) => {
        sidecar
          .update(next)
          .then(() => follow(sidecar.settings))
          .catch((error: unknown) => log.error({ err: error }, 'cannot carry out the new settings'));
      },
      onRejected: (error) => sidecar.settingsRejected(error, config),
    },
  );
  const snapshot = () => sidecar.snapshot();
  const collectLagMillis = () => sidecar.collectLagMillis();
  const onError = (error: unknown) => log.error({ err: error }, 'a request failed');
  const listeners = [
    new Listener(
      { ...server, connections: LOOPBACK_CONNECTIONS },
      { handler: createApp({ snapshot, onError }), onError },
    ),
    new Listener(metrics, {
      handler: createMetricsApp({ metrics: counted, snapshot, collectLagMillis, onError }),
      onError,
    }),
  ];

  for (const listener of listeners) await listener.start();
  // Before the first decision, so that a container that restarts on a cordoned node does not offer itself for a moment.
  follow(loaded.settings, known);
  // keepalived may run a plan that is forgotten here: without it the node would give every address of it away.
  if (known.planIsDamaged) await plans.waitForSync();
  await sidecar.start();
  watcher.start();
  ranks.start();
  log.info({ version, config: loaded.version }, 'started');

  stopOnSignal(async (signal) => {
    log.info({ signal }, 'stopping');
    watcher.stop();
    ranks.stop();
    cordons.stop();
    await sidecar.drain(signal);
    plans.stop();
    sidecar.stop();
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
