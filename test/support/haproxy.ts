import { join } from 'node:path';
import { ensureImageRoot } from './image-root.ts';

/** Folders of Debian's libraries by machine (https://wiki.debian.org/Multiarch/Tuples). */
const TUPLES: Readonly<Record<string, { readonly tuple: string; readonly loader: string }>> = {
  x64: { tuple: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { tuple: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};

/**
 * The words that run the HAProxy that the proxy's image has, whichever one this machine has: out of the tree that stands for the image, by
 * the tree's own loader, so that it sees this machine's files.
 * @throws Error when the tree cannot be made
 */
export async function haproxyCommand(): Promise<readonly [string, ...string[]]> {
  const root = await ensureImageRoot(undefined, 'proxy');
  const machine = TUPLES[process.arch];
  if (machine === undefined) throw new Error(`HAProxy is not run on ${process.arch}`);
  const libraries = join(root, 'usr/lib', machine.tuple);
  return [join(libraries, machine.loader), '--library-path', libraries, join(root, 'usr/sbin/haproxy')];
}
