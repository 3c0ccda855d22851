import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ApiAccess, mayAsk, podAccess } from '../common/kubernetes-access.ts';
import { Listener } from '../common/listener.ts';
import { fail, failToStart, openLog, stopOnSignal, surviveSystemErrors } from '../common/process.ts';
import { userAgentOf } from '../common/user-agent.ts';
import { type LoadedSettings, loadSettings, parseSettings, SettingsError } from './config/load.ts';
import type { Settings } from './config/settings.ts';
import { ManifestError, printManifest } from './manifest/command.ts';
import { KeptState } from './parts/kept-state.ts';
import { proxyShared } from './parts/proxy.ts';
import { HeldSettings } from './runtime/held-settings.ts';
import { bgpStatusIn, runtimeIn } from './runtime/runtime.ts';
import { createApp } from './server/app.ts';
import { createMetrics } from './server/metrics.ts';
import { createMetricsApp } from './server/metrics-app.ts';
import page from './server/page.html';
import { Sidecar } from './sidecar.ts';
import { CordonFollower } from './sources/cordon-follower.ts';
import { PlanFollower } from './sources/plan/plan-follower.ts';
import { RankFollower } from './sources/rank-follower.ts';
import { ReleaseSettings } from './sources/release-settings.ts';
import { SettingsWatcher } from './sources/settings-watch.ts';

/* The composition root: the only file that reads the environment, wires the parts, handles signals and exits. */

/** Put in by the bundler. */
declare const SIDECAR_VERSION: string | undefined;
const version = typeof SIDECAR_VERSION === 'string' ? SIDECAR_VERSION : 'development';

const USAGE =
  'usage: sidecar --config FILE [--runtime-dir DIRECTORY] [--proxy-runtime-dir DIRECTORY] [--bgp-runtime-dir DIRECTORY] [--bfd-runtime-dir DIRECTORY] [--state-dir DIRECTORY] [--kubeconfig FILE] [--release-settings NAMESPACE/NAME] [--check]';
/** Prints a static pod, and ends. */
const MANIFEST = 'manifest';

interface Arguments {
  readonly config: string;
  readonly runtimeDirectory: string;
  /** Shared with the proxy's container. */
  readonly proxyDirectory: string;
  /** Written by the container that announces. */
  readonly bgpDirectory: string;
  readonly bfdDirectory: string;
  /** On the node's disk. */
  readonly stateDirectory: string;
  /** With which the API is asked in place of the pod's service account; it may come later. */
  readonly kubeconfig: string | undefined;
  /** The ConfigMap with the release's settings, which are copied; undefined: the kubelet mounts them. */
  readonly releaseSettings: { readonly namespace: string; readonly name: string } | undefined;
  /** Only check the settings file. */
  readonly check: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      'runtime-dir': { type: 'string', default: '/run/keepalived-ingress-vip' },
      'proxy-runtime-dir': { type: 'string', default: '/run/keepalived-ingress-vip-proxy' },
      'bgp-runtime-dir': { type: 'string', default: '/run/keepalived-ingress-vip-bgp' },
      'bfd-runtime-dir': { type: 'string', default: '/run/keepalived-ingress-vip-bfd' },
      'state-dir': { type: 'string', default: '/var/lib/keepalived-ingress-vip-sidecar' },
      kubeconfig: { type: 'string' },
      'release-settings': { type: 'string' },
      check: { type: 'boolean', default: false },
    },
  });
  const { config, 'runtime-dir': runtimeDirectory, kubeconfig, check } = values;
  if (config === undefined) throw new Error(USAGE);
  const { 'proxy-runtime-dir': proxyDirectory, 'state-dir': stateDirectory } = values;
  const { 'bgp-runtime-dir': bgpDirectory, 'bfd-runtime-dir': bfdDirectory } = values;
  const releaseSettings = configMapNamed(values['release-settings']);
  return {
    ...{ config, runtimeDirectory, proxyDirectory, bgpDirectory, bfdDirectory, stateDirectory },
    ...{ kubeconfig, releaseSettings, check },
  };
}

function configMapNamed(text: string | undefined): Arguments['releaseSettings'] {
  if (text === undefined) return undefined;
  const [namespace = '', name = '', ...rest] = text.split('/');
  if (namespace === '' || name === '' || rest.length > 0) throw new Error(USAGE);
  return { namespace, name };
}

/** The settings that came with the pod, where it brought any, in the file. */
async function heldSettings({ config, runtimeDirectory }: Arguments): Promise<HeldSettings | undefined> {
  const { FIRST_SETTINGS: first } = process.env;
  if (first === undefined) return undefined;
  const held = new HeldSettings({ path: config, otherwise: join(runtimeDirectory, 'settings'), first, isUsable });
  await held.prepare();
  return held;
}

function problemsOf(held: HeldSettings | undefined): readonly string[] {
  return held === undefined || held.problem === null ? [] : [held.problem];
}

function isUsable(text: string): boolean {
  try {
    parseSettings(text);
    return true;
  } catch (error) {
    if (error instanceof SettingsError) return false;
    throw error;
  }
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

async function run(options: Arguments, loaded: LoadedSettings, held: HeldSettings | undefined): Promise<void> {
  const { config, runtimeDirectory, proxyDirectory, stateDirectory, kubeconfig, releaseSettings } = options;
  const { server, metrics, log: logSettings } = loaded.settings;
  const log = openLog({ level: logSettings.level, base: { node: process.env.NODE_NAME } });
  surviveSystemErrors(log);
  const node = process.env.NODE_NAME ?? '';
  const kubeApi = podAccess(process.env, kubeconfig);
  const access: ApiAccess | undefined = mayAsk(kubeApi) ? { ...kubeApi, userAgent: userAgentOf(version) } : undefined;
  const kept = new KeptState({ directory: runtimeDirectory }, { log });
  const { nodes, placements, ...known } = await kept.load();
  const counted = createMetrics();
  const sidecar: Sidecar = new Sidecar(
    {
      ...{ node, version, kubeApi, loaded, nodes, placements },
      nodeAddress: process.env.NODE_IP ?? '',
      connectionsKey: process.env.CONNECTIONS_KEY,
    },
    {
      runtime: runtimeIn(runtimeDirectory),
      log,
      metrics: counted.events,
      onReport: () => plans.touch(),
      onPlacements: (found) => kept.keepPlacements(found),
      damaged: () => [...kept.problems, ...problemsOf(held)],
      proxy: proxyShared({ directory: proxyDirectory, stateDirectory }),
      bgp: { bgp: bgpStatusIn(options.bgpDirectory), bfd: bgpStatusIn(options.bfdDirectory) },
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
  const onSettings = (next: LoadedSettings): void => {
    sidecar
      .update(next)
      .then(() => follow(sidecar.settings))
      .catch((error: unknown) => log.error({ err: error }, 'cannot carry out the new settings'));
  };
  const onRejected = (error: SettingsError, where: string) => sidecar.settingsRejected(error, where);
  const watcher = new SettingsWatcher(
    { path: config, version: loaded.version },
    { onSettings, onRejected: (error) => onRejected(error, config) },
  );
  const keep = held && ((text: string) => held.keep(text));
  const release =
    access && releaseSettings && keep
      ? new ReleaseSettings(
          { access, configMap: releaseSettings, server },
          { keep, onRejected, onRecovered: onSettings, log },
        )
      : undefined;
  const snapshot = () => sidecar.snapshot();
  const collectLagMillis = () => sidecar.collectLagMillis();
  const onError = (error: unknown) => log.error({ err: error }, 'a request failed');
  const listeners = [
    new Listener(
      { ...server, connections: LOOPBACK_CONNECTIONS },
      { handler: createApp({ page, snapshot, onError }), onError },
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
  release?.start();
  ranks.start();
  log.info({ version, config: loaded.version }, 'started');

  stopOnSignal(async (signal) => {
    log.info({ signal }, 'stopping');
    watcher.stop();
    release?.stop();
    ranks.stop();
    cordons.stop();
    await sidecar.drain(signal);
    plans.stop();
    sidecar.stop();
    for (const listener of listeners) await listener.stop();
  });
}

/** The chart lies beside the program. */
async function manifest(program: string, args: readonly string[]): Promise<void> {
  try {
    process.stdout.write(await printManifest(args, join(dirname(program), 'chart')));
  } catch (error) {
    if (error instanceof ManifestError) fail(error.message);
    throw error;
  }
}

async function main(): Promise<void> {
  const [, program = '', command, ...args] = process.argv;
  if (command === MANIFEST) return manifest(program, args);
  const parsed = readArguments();
  const held = await heldSettings(parsed);
  const config = held?.path ?? parsed.config;
  const loaded = await loadOrFail(config);
  if (parsed.check) return;
  await run({ ...parsed, config }, loaded, held);
}

main().catch((error: unknown) => failToStart(error, { ports: 'sidecar.port or metrics.port' }));
