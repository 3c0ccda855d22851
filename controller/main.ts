import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { KubeConfig } from '@kubernetes/client-node';
import { Registry } from 'prom-client';
import { systemClock, systemTimers } from '../common/clock.ts';
import { Listener } from '../common/listener.ts';
import { fail, failToStart, finish, openLog, stopOnSignal, surviveSystemErrors } from '../common/process.ts';
import { loadSettings, SettingsError } from './config/load.ts';
import type { Settings } from './config/settings.ts';
import { Controller } from './controller.ts';
import { loadAccess } from './kubernetes/access.ts';
import type { PodIdentity } from './kubernetes/cluster-lease.ts';
import { controllerNamed, release } from './release/command.ts';
import { createApp } from './server/app.ts';
import { LiveStatus } from './server/live.ts';
import { createMetrics } from './server/metrics.ts';
import page from './server/page.html';
import { statusOf } from './server/status.ts';
import { TranslateError } from './translate/documents.ts';
import { translate } from './translate/translate.ts';

/* The composition root: the only file that reads the environment, wires the parts, handles signals and exits. */

/** Put in by the bundler. */
declare const CONTROLLER_VERSION: string | undefined;
const version = typeof CONTROLLER_VERSION === 'string' ? CONTROLLER_VERSION : 'development';

const USAGE = `usage: controller --config FILE [--check]
       controller release [--stop NAMESPACE/NAME]
       controller translate <FILE

translate makes VirtualIPPools of the pools of MetalLB and kube-vip, and tells what has no equivalent.
release takes back what Services have: their addresses, the finalizers, the objects of the addresses.
--stop stops the controller first, and is its Deployment.`;
/** The kubelet ends a pod 30 s after it asked for it; by then all must be done. */
const STOP_LIMIT_MS = 15_000;

/** What is asked for. */
type Arguments =
  | { readonly command: 'check' | 'run'; readonly config: string }
  | { readonly command: 'release'; readonly stop: string | undefined }
  | { readonly command: 'translate' };

function readArguments(): Arguments {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { config: { type: 'string' }, check: { type: 'boolean', default: false }, stop: { type: 'string' } },
  });
  const { config, check, stop } = values;
  if (positionals.join() === 'release' && config === undefined) return { command: 'release', stop };
  if (positionals.join() === 'translate' && config === undefined && stop === undefined) return { command: 'translate' };
  if (positionals.length > 0 || config === undefined || stop !== undefined) throw new Error(USAGE);
  return { command: check ? 'check' : 'run', config };
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

function ownPod(): PodIdentity | undefined {
  const { POD_NAME: name, POD_UID: uid } = process.env;
  return name && uid ? { name, uid } : undefined;
}

async function takeBackAll(stop: string | undefined): Promise<void> {
  const request = { pod: ownPod(), ...(stop === undefined ? {} : { stop: controllerNamed(stop) }) };
  await release(request, { access: accessOrFail(), say: (line) => process.stdout.write(`${line}\n`) });
  // The Lease is still being renewed, so that no replica leads again.
  finish();
}

async function translateAll(): Promise<void> {
  try {
    const { manifest, warnings } = translate(await text(process.stdin));
    for (const warning of warnings) process.stderr.write(`WARNING: ${warning}\n`);
    process.stdout.write(manifest);
  } catch (error) {
    if (!(error instanceof TranslateError)) throw error;
    fail(`ERROR: ${error.message}`);
  }
}

async function main(): Promise<void> {
  const given = readArguments();
  if (given.command === 'translate') return translateAll();
  if (given.command === 'release') return takeBackAll(given.stop);
  const settings = await loadOrFail(given.config);
  if (given.command === 'run') await run(settings);
}

main().catch((error: unknown) => failToStart(error, { ports: 'server.port' }));
