import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildForImage } from './build.ts';
import { readArchive } from './images/archive.ts';
import { BASE_SOURCES } from './images/bases.ts';
import { type ImageDefinition, PRODUCT_IMAGES, TEST_IMAGE } from './images/catalogue.ts';
import { ENGINE_NAMES } from './images/engine.ts';
import { DEFAULT_REGISTRY, defaultTag, type ImagePlan, type Naming, planImage } from './images/plan.ts';
import { type BuildOptions, ensureArchive, ensureImage } from './images/store.ts';
import { CommandError, runMain } from './support/main.ts';
import type { Log } from './toolchain/progress.ts';

const NAMES = PRODUCT_IMAGES.map(({ name }) => name);
const MEGABYTE = 1_000_000;
const TEST_TAG = '1';

const USAGE = `Builds the container images, where something has changed, and keeps them as archives too.

usage: npm run images [-- OPTION… [${NAMES.join('|')}…]]      (default: all)

  --engine ${ENGINE_NAMES.join('|')}   what builds (default: the first that works; buildah is installed where none does)
  --base ${BASE_SOURCES.join('|')}        base images, by the Dockerfiles' digests: as they are here, else from their registry, else made here
                                 of Debian's packages (auto); always the registry's (pull); always made here (local)
  --tag TAG                      default: the chart's appVersion
  --registry HOST[/PATH]         what the names begin with, to push them there (default: ${DEFAULT_REGISTRY})
  --source URL, --revision SHA   for the labels: where the sources are, and which these are
  --force                        build every step again, e.g. for Debian's security updates`;

/** An image in a file. */
export interface ImageArchive {
  /** Full name, `docker.io/keepalived-ingress-vip/keepalived:0.1.0`. */
  readonly ref: string;
  /** Absolute path of a file in the format of `docker save`. */
  readonly archive: string;
  /** Changes with what the image is made of. */
  readonly fingerprint: string;
}

async function planAll(definitions: readonly ImageDefinition[], naming: Naming): Promise<ImagePlan[]> {
  return Promise.all(definitions.map((definition) => planImage(definition, naming)));
}

/**
 * The product's images, and the test cluster's own, as files: built where something has changed, else taken from the user's cache in a
 * fraction of a second.
 * @param say gets lines of progress
 * @throws ToolError or CommandError that says what failed, with the end of its output
 */
export async function ensureImageArchives(say: Log): Promise<ImageArchive[]> {
  await buildForImage();
  const naming = { registry: DEFAULT_REGISTRY, tag: await defaultTag() };
  const plans = [
    ...(await planAll(PRODUCT_IMAGES, naming)),
    ...(await planAll([TEST_IMAGE], { ...naming, tag: TEST_TAG })),
  ];
  const archives: ImageArchive[] = [];
  for (const plan of plans) {
    const archive = await ensureArchive(plan, { base: 'auto', force: false }, say);
    archives.push({ ref: plan.ref, archive, fingerprint: plan.fingerprint });
  }
  return archives;
}

interface Arguments {
  readonly definitions: readonly ImageDefinition[];
  readonly naming: Naming;
  readonly building: BuildOptions;
}

/** One of several words. @throws CommandError that lists them */
function oneOf<T extends string>(option: string, words: readonly T[], given: string): T {
  const found = words.find((word) => word === given);
  if (found === undefined)
    throw new CommandError(`${option} ${given}: it must be one of ${words.join(', ')}\n\n${USAGE}`);
  return found;
}

function definitionsOf(names: readonly string[]): readonly ImageDefinition[] {
  const asked = names.map((name) => oneOf('image', NAMES, name));
  return PRODUCT_IMAGES.filter(({ name }) => asked.length === 0 || asked.includes(name));
}

async function readArguments(): Promise<Arguments | undefined> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      engine: { type: 'string' },
      base: { type: 'string', default: 'auto' },
      tag: { type: 'string' },
      registry: { type: 'string', default: DEFAULT_REGISTRY },
      source: { type: 'string' },
      revision: { type: 'string' },
      force: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { engine, base, tag, registry, source, revision, force } = values;
  return {
    definitions: definitionsOf(positionals),
    naming: {
      registry: registry.replace(/\/+$/, ''),
      tag: tag ?? (await defaultTag()),
      registryBases: base === 'pull',
      ...(source === undefined ? {} : { source }),
      ...(revision === undefined ? {} : { revision }),
    },
    building: {
      ...(engine === undefined ? {} : { engine: oneOf('--engine', ENGINE_NAMES, engine) }),
      base: oneOf('--base', BASE_SOURCES, base),
      force,
    },
  };
}

/** Says what was built; on standard output, one line per image. @returns what is wrong with it, if anything */
async function report({ definition, ref }: ImagePlan, archive: string): Promise<string | undefined> {
  const { bytes } = await readArchive(archive);
  const megabytes = (bytes / MEGABYTE).toFixed(1);
  process.stdout.write(`${ref}  ${megabytes} MB  ${archive}\n`);
  if (bytes <= definition.limitBytes) return undefined;
  return `${definition.name} has ${megabytes} MB, more than the ${definition.limitBytes / MEGABYTE} MB that it may have`;
}

async function main(): Promise<void> {
  const asked = await readArguments();
  if (asked === undefined) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const log: Log = (line) => process.stderr.write(`images: ${line}\n`);
  await buildForImage();
  const problems: string[] = [];
  for (const plan of await planAll(asked.definitions, asked.naming)) {
    const { engine, archive } = await ensureImage(plan, asked.building, log);
    log(`${engine} has ${plan.ref}, and so has ${path.basename(archive)}:`);
    problems.push(...[await report(plan, archive)].filter((problem) => problem !== undefined));
  }
  if (problems.length > 0) throw new CommandError(problems.join('\n'));
}

runMain(import.meta.main, 'images', main);
