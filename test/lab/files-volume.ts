import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const CURRENT = '..data';

/**
 * Writes files the way the kubelet writes ConfigMap and Secret volumes (kubernetes: pkg/volume/util/atomic_writer.go): a new
 * directory with all of them, then one rename of the symbolic link `..data`, through which each file's own link leads.
 * A reader sees all old files or all new ones.
 */
export async function writeFilesVolume(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const previous = await readlink(join(directory, CURRENT)).catch(() => undefined);
  const fresh = `..${new Date().toISOString().replace(/[^0-9]/g, '_')}${randomBytes(4).toString('hex')}`;
  await mkdir(join(directory, fresh), { mode: 0o755 });
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(directory, fresh, name), content, { mode: 0o644 });
  }
  const temporary = join(directory, '..data_tmp');
  await symlink(fresh, temporary);
  await rename(temporary, join(directory, CURRENT));
  await linkNames(directory, Object.keys(files));
  if (previous !== undefined) {
    await rm(join(directory, previous), { recursive: true });
  }
}

async function linkNames(directory: string, wanted: readonly string[]): Promise<void> {
  const present = (await readdir(directory)).filter((name) => !name.startsWith('..'));
  for (const name of present.filter((each) => !wanted.includes(each))) {
    await rm(join(directory, name));
  }
  for (const name of wanted.filter((each) => !present.includes(each))) {
    await symlink(join(CURRENT, name), join(directory, name));
  }
}
