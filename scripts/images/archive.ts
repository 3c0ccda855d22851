import { execa } from 'execa';

/** What an image's archive says of it. */
export interface ArchivedImage {
  /** Names, `registry/name:tag`. */
  readonly refs: readonly string[];
  /** Bytes of all layers, not compressed. */
  readonly bytes: number;
  /** Each of them, from the bottom. Layers of one digest are one layer, which a node has once. */
  readonly layers: readonly { readonly digest: string; readonly bytes: number }[];
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
  const { architecture, config, rootfs } = (await readMember(archive, manifest.Config)) as {
    readonly architecture: string;
    readonly config: ImageConfig;
    readonly rootfs: { readonly diff_ids: readonly string[] };
  };
  const layers: { digest: string; bytes: number }[] = [];
  for (const [index, layer] of manifest.Layers.entries()) {
    // That of what is not compressed (image-spec, config.md, rootfs.diff_ids).
    const digest = rootfs.diff_ids[index] ?? '';
    layers.push({ digest, bytes: Number(await withLayer(archive, layer, 'wc -c')) });
  }
  const bytes = layers.reduce((sum, layer) => sum + layer.bytes, 0);
  return { refs: manifest.RepoTags, bytes, layers, architecture, config };
}

/** Bytes of the layers that another image has not: what a node needs for this one besides the other. Pure. */
export function ownBytes(layers: ArchivedImage['layers'], others: ArchivedImage['layers']): number {
  const known = new Set(others.map(({ digest }) => digest));
  return layers.filter(({ digest }) => !known.has(digest)).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Puts an image's files below a folder, as root. Layers that remove files of earlier ones are not understood: ours do not. */
export async function unpackArchive(archive: string, folder: string): Promise<void> {
  const { Layers } = await readManifest(archive);
  for (const layer of Layers) await withLayer(archive, layer, 'tar --extract --numeric-owner --directory="$3"', folder);
}
