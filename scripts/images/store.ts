import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { cacheFolder } from '../../test/support/cache-folder.ts';
import { ensureSystem } from '../prepare.ts';
import { CommandError } from '../support/main.ts';
import { withTemporaryFolder } from '../support/temporary-folder.ts';
import { withLock } from '../toolchain/lock.ts';
import type { Log } from '../toolchain/progress.ts';
import { type BaseSource, ensureBase } from './bases.ts';
import { type Engine, type EngineName, findEngine } from './engine.ts';
import { pinOf } from './pins.ts';
import type { ImagePlan } from './plan.ts';

/** How images are built where they have to be. */
export interface BuildOptions {
  /** Without one the first that works, and buildah is installed where none does. */
  readonly engine?: EngineName;
  readonly base: BaseSource;
  /** Build although nothing has changed. */
  readonly force: boolean;
}

const INPUTS_LABEL = 'keepalived-ingress-vip.inputs';
const LOCK_LIMIT_SECONDS = 3600;
/** An archive that nobody asked for in this time is of an older checkout. */
const KEEP_MS = 2 * 24 * 60 * 60_000;
const checkout = path.resolve(import.meta.dirname, '../..');

/** The engine to build with; on a machine without one buildah is installed, which needs no service. */
async function engineFor(options: BuildOptions, log: Log): Promise<Engine> {
  const found = await findEngine(log, options.engine);
  if (found !== undefined) return found;
  log('no docker, podman or buildah works here: installing buildah');
  await ensureSystem(['images']);
  const installed = await findEngine(log);
  if (installed === undefined) throw new CommandError('buildah was installed, but "buildah info" fails');
  return installed;
}

/** The base images, by the build arguments that name them in the Dockerfile. */
async function basesOf(
  engine: Engine,
  { definition }: ImagePlan,
  options: BuildOptions,
  log: Log,
): Promise<Record<string, string>> {
  const dockerfile = await readFile(path.join(checkout, definition.dockerfile), 'utf8');
  const bases: Record<string, string> = {};
  for (const base of definition.bases) {
    const pin = pinOf(dockerfile, base);
    bases[pin.argument] = await ensureBase(engine, base, pin, options.base, log);
  }
  return bases;
}

async function build(engine: Engine, plan: ImagePlan, options: BuildOptions, log: Log): Promise<void> {
  const bases = await basesOf(engine, plan, options, log);
  if (plan.definition.hint !== undefined) log(plan.definition.hint);
  await engine.build({
    ref: plan.ref,
    dockerfile: path.join(checkout, plan.definition.dockerfile),
    context: path.join(checkout, plan.definition.context),
    variables: { ...plan.variables, ...bases },
    labels: { [INPUTS_LABEL]: plan.fingerprint },
    fresh: options.force,
  });
  if (await plan.isCurrent()) return;
  throw new CommandError(`what ${plan.definition.name} is built of changed while it was being built: run it again`);
}

function archiveOf(plan: ImagePlan): string {
  return path.join(cacheFolder(), 'images', `${plan.definition.name}-${plan.fingerprint}.tar`);
}

async function removeOldArchives(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name);
    const status = await stat(file).catch(() => undefined); // another run may clean up too
    if (status !== undefined && Date.now() - status.mtimeMs > KEEP_MS) await rm(file, { recursive: true, force: true });
  }
}

async function save(engine: Engine, plan: ImagePlan, archive: string): Promise<void> {
  await withTemporaryFolder(`${archive}.`, async (folder) => {
    const file = path.join(folder, 'image.tar');
    await engine.save(plan.ref, file);
    await rename(file, archive);
  });
}

async function isBuilt(engine: Engine, plan: ImagePlan): Promise<boolean> {
  return (await engine.labelsOf(plan.ref))?.[INPUTS_LABEL] === plan.fingerprint;
}

/** Has the image as an archive: the kept one, or a new one of the engine's image, which is built if need be. */
async function makeArchive(plan: ImagePlan, archive: string, options: BuildOptions, log: Log): Promise<void> {
  const engine = await engineFor(options, log);
  if (options.force || !(await isBuilt(engine, plan))) await build(engine, plan, options, log);
  await save(engine, plan, archive);
  await removeOldArchives(path.dirname(archive));
}

async function locked<T>(log: Log, work: () => Promise<T>): Promise<T> {
  const folder = path.join(cacheFolder(), 'images');
  await mkdir(folder, { recursive: true });
  return withLock(`${folder}.lock`, LOCK_LIMIT_SECONDS, log, work, 'building images');
}

/**
 * An image as a file in the format of `docker save`, kept in the user's cache. Asks no engine when it is there.
 * @returns absolute path
 */
export async function ensureArchive(plan: ImagePlan, options: BuildOptions, log: Log): Promise<string> {
  const archive = archiveOf(plan);
  if (!options.force && existsSync(archive)) {
    await utimes(archive, new Date(), new Date());
    return archive;
  }
  await locked(log, async () => {
    if (options.force || !existsSync(archive)) await makeArchive(plan, archive, options, log);
  });
  return archive;
}

/** An image in an engine's own store and as an archive. @returns the engine and the archive's path */
export async function ensureImage(
  plan: ImagePlan,
  options: BuildOptions,
  log: Log,
): Promise<{ readonly engine: EngineName; readonly archive: string }> {
  const archive = await ensureArchive(plan, options, log);
  const engine = await engineFor(options, log);
  if (!(await isBuilt(engine, plan))) await engine.load(archive);
  return { engine: engine.name, archive };
}
