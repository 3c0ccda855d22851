import { execa } from 'execa';

/** What an image's archive says of it. */
export interface ArchivedImage {
  /** Names, `registry/name:tag`. */
  readonly refs: readonly string[];
  /** Bytes of all layers, not compressed. */
  readonly bytes: number;
  readonly architecture: string;
  readonly config: ImageConfig;
}

/** What containers of an image are started with. */
export interface ImageConfig {
  readonly User?: string;
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly Labels?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

const LIMIT_MS = 120_000;
// "gzip -cdf" hands on what is not compressed: engines differ in how they save layers.
const LAYER = 'tar --extract --to-stdout --file="$1" "$2" | gzip -cdf';

async function readMember(archive: string, member: string): Promise<unknown> {
  const result = await execa('tar', ['--extract', '--to-stdout', `--file=${archive}`, member], {
    stdin: 'ignore',
    timeout: LIMIT_MS,
  });
  return JSON.parse(result.stdout);
}

async function readManifest(archive: string): Promise<Manifest> {
  const [manifest] = (await readMember(archive, 'manifest.json')) as Manifest[];
  if (manifest === undefined) throw new Error(`${archive} has no image in it`);
  return manifest;
}

async function withLayer(archive: string, layer: string, then: string, ...more: string[]): Promise<string> {
  const words = ['-c', `${LAYER} | ${then}`, 'sh', archive, layer, ...more];
  return (await execa('sh', words, { stdin: 'ignore', timeout: LIMIT_MS })).stdout;
}

/** Reads an archive in the format of `docker save`. @throws Error when the file is not one */
export async function readArchive(archive: string): Promise<ArchivedImage> {
  const manifest = await readManifest(archive);
  const image = (await readMember(archive, manifest.Config)) as { architecture: string; config: ImageConfig };
  let bytes = 0;
  for (const layer of manifest.Layers) bytes += Number(await withLayer(archive, layer, 'wc -c'));
  return { refs: manifest.RepoTags, bytes, architecture: image.architecture, config: image.config };
}

/** Puts an image's files below a folder, as root. Layers that remove files of earlier ones are not understood: ours do not. */
export async function unpackArchive(archive: string, folder: string): Promise<void> {
  const { Layers } = await readManifest(archive);
  for (const layer of Layers) await withLayer(archive, layer, 'tar --extract --numeric-owner --directory="$3"', folder);
}
