import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { KubeConfig } from '@kubernetes/client-node';
import { Registry } from 'prom-client';
import { systemClock, systemTimers } from '../common/clock.ts';
import { Listener } from '../common/listener.ts';
import { fail, failToStart, openLog, stopOnSignal, surviveSystemErrors } from '../common/process.ts';
import { loadSettings, SettingsError } from './config/load.ts';
import type { Settings } from './config/settings.ts';
import { Controller } from './controller.ts';
import { loadAccess } from './kubernetes/access.ts';
import { createApp } from './server/app.ts';
import { LiveStatus } from './server/live.ts';
import { createMetrics } from './server/metrics.ts';
import page from './server/page.html';
import { statusOf } from './server/status.ts';

/* The composition root: the only file that reads the environment, wires the parts, handles signals and exits. */

/** Put in by the bundler. */
declare const CONTROLLER_VERSION: string | undefined;
const version = typeof CONTROLLER_VERSION === 'string' ? CONTROLLER_VERSION : 'development';

const USAGE = 'usage: controller --config FILE [--check]';
/** The kubelet ends a pod 30 s after it asked for it; by then all must be done. */
const STOP_LIMIT_MS = 15_000;

interface Arguments {
  readonly config: string;
  /** Only check the settings file. */
  readonly check: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: { config: { type: 'string' }, check: { type: 'boolean', default: false } },
  });
  const { config, check } = values;
  if (config === undefined) throw new Error(USAGE);
  return { config, check };
}

async function loadOrFail(path: string): Promise<Settings> {
  try {
    return await loadSettings(path);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return fail(`ERROR: ${path} is not usable:\n${error.message.replace(/^/gm, '  ')}`);
  }
}

function accessOrFail(): KubeConfig {
  const file = process.env.KUBECONFIG ?? '';
  if (file === '' && (process.env.KUBERNETES_SERVICE_HOST ?? '') === '') {
    fail('ERROR: this is not a pod of a cluster; set KUBECONFIG to a kubeconfig file to run it elsewhere');
  }
  return loadAccess(file, { clock: systemClock });
}

async function run(settings: Settings): Promise<void> {
  const identity = process.env.POD_NAME || `${process.env.HOSTNAME ?? 'controller'}-${process.pid}`;
  const log = openLog({ level: settings.log.level, base: { replica: identity } });
  surviveSystemErrors(log);
  const snapshot = () => controller.snapshot();
  const registry = new Registry();
  const controller: Controller = new Controller(
    {
      settings,
      version,
      identity,
      podUid: process.env.POD_UID || undefined,
      namespace: process.env.POD_NAMESPACE || settings.release.namespace,
    },
    {
      access: accessOrFail(),
      clock: systemClock,
      timers: systemTimers,
      random: Math.random,
      log,
      metrics: createMetrics({ registry, snapshot }),
      onView: () => live.changed(),
    },
  );
  const live = new LiveStatus({ timers: systemTimers, body: () => statusOf(snapshot()) });
  const onError = (error: unknown) => log.error({ err: error }, 'a request failed');
  const listener = new Listener(
    // Pages stay for as long as somebody looks at them; there may be fifty.
    { ...settings.server, connections: 128, answerSeconds: null },
    { handler: createApp({ snapshot, registry, live, page, onError }), onError },
  );
  await listener.start();
  controller.start();
  log.info({ version }, 'started');

  stopOnSignal(async (signal) => {
    log.info({ signal }, 'stopping');
    live.stop();
    const late = delay(STOP_LIMIT_MS, 'late', { ref: false });
    if ((await Promise.race([controller.stop(), late])) === 'late') log.warn('stopping took too long; ending anyway');
    await listener.stop();
  });
}

async function main(): Promise<void> {
  const { config, check } = readArguments();
  const settings = await loadOrFail(config);
  if (!check) await run(settings);
}

main().catch((error: unknown) => failToStart(error, { ports: 'server.port' }));
