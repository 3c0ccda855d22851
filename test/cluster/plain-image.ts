import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { copyFile, mkdir, realpath, rename, symlink, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import type { ImageArchive } from '../../scripts/images.ts';
import { withTemporaryFolder } from '../../scripts/support/temporary-folder.ts';
import { withLock } from '../../scripts/toolchain/lock.ts';
import { cacheFolder } from '../support/cache-folder.ts';
import type { Say } from '../support/print.ts';

/** An image that no engine builds: a program, with or without a Debian tree under it. */
export interface PlainImage {
  /** Full name, `registry/name:tag`: what pods ask for. */
  readonly ref: string;
  /** Path of the program on this machine: one that needs nothing beside itself. */
  readonly program: string;
  /** Path of the program in the image, in its root; containers run it. */
  readonly path: string;
  /** Its arguments where a pod says nothing. */
  readonly args?: readonly string[];
  /** Further names, by what they are links to: absolute paths in the image. */
  readonly links?: Readonly<Record<string, string>>;
  /** Directory tree for the root, whose name changes with what is in it. */
  readonly tree?: string;
}

/** Raise it when the same parts make another image. */
const RECIPE = '2';
const LIMIT_MS = 300_000;
/** The same files make the same layer. */
const TAR = ['--create', '--numeric-owner', '--owner=0', '--group=0', '--sort=name', '--mtime=@0'];

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function fingerprintOf({ ref, program, path, args, links, tree }: PlainImage): Promise<string> {
  const parts = [RECIPE, ref, await sha256(program), path, args ?? [], links ?? {}, basename(tree ?? '')];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
}

/** The layers as files in a folder, from the bottom. */
async function makeLayers({ program, path, links = {}, tree }: PlainImage, folder: string): Promise<string[]> {
  const own = join(folder, 'own');
  await mkdir(own);
  await copyFile(program, join(own, path));
  for (const [link, target] of Object.entries(links)) {
    await mkdir(dirname(join(own, link)), { recursive: true });
    await symlink(target, join(own, link));
  }
  const layers = [...(tree === undefined ? [] : [tree]), own];
  for (const [index, from] of layers.entries()) {
    // Devices are the container's own.
    const args = [...TAR, `--file=${join(folder, `${index}.tar`)}`, '--exclude=./dev/*', `--directory=${from}`, '.'];
    await execa('tar', args, { timeout: LIMIT_MS });
  }
  return layers.map((_, index) => `${index}.tar`);
}

/** Writes the image as a file in the format of `docker save` (image-spec, config.md). */
async function writeArchive(image: PlainImage, folder: string, target: string): Promise<void> {
  const layers = await makeLayers(image, folder);
  const digests = await Promise.all(layers.map((layer) => sha256(join(folder, layer))));
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Entrypoint: [image.path], ...(image.args === undefined ? {} : { Cmd: image.args }) },
    rootfs: { type: 'layers', diff_ids: digests.map((digest) => `sha256:${digest}`) },
  };
  const manifest = [{ Config: 'config.json', RepoTags: [image.ref], Layers: layers }];
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  const archive = join(folder, 'image.tar');
  const files = ['manifest.json', 'config.json', ...layers];
  await execa('tar', ['--create', `--file=${archive}`, `--directory=${folder}`, ...files], { timeout: LIMIT_MS });
  await rename(archive, target);
}

/**
 * Such an image as a file, made once and kept in the user's cache beside those that engines build.
 * @throws Error with what tar said
 */
export async function plainImageArchive(image: PlainImage, say: Say): Promise<ImageArchive> {
  const program = await realpath(image.program);
  const fingerprint = await fingerprintOf({ ...image, program });
  const folder = join(cacheFolder(), 'images');
  const archive = join(folder, `${basename(image.path)}-${fingerprint}.tar`);
  await mkdir(folder, { recursive: true });
  const make = async (): Promise<void> => {
    if (existsSync(archive)) return;
    say(`making the image ${image.ref}`);
    await withTemporaryFolder(`${archive}.`, (work) => writeArchive({ ...image, program }, work, archive));
  };
  if (!existsSync(archive)) await withLock(`${archive}.lock`, LIMIT_MS / 1000, say, make, `making ${image.ref}`);
  await utimes(archive, new Date(), new Date());
  return { ref: image.ref, archive, fingerprint };
}
