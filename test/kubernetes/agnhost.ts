import { execa } from 'execa';
import type { ImageArchive } from '../../scripts/images.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { plainImageArchive } from '../cluster/plain-image.ts';
import { ensureDebianRoot } from '../support/debian-root.ts';
import type { Say } from '../support/print.ts';

/** What the tests run in their pods besides the program itself. */
const PACKAGES = ['bind9-dnsutils', 'busybox', 'curl', 'iproute2', 'netcat-openbsd', 'procps'];
/** Upstream's image is Alpine, so its wget is busybox': one that asks once. GNU's asks twenty times, where the tests expect no answer. */
const LINKS = { '/usr/local/bin/wget': '/usr/bin/busybox' };
const LIMIT_MS = 60_000;

/**
 * The image that Kubernetes' tests run in their pods, under the name that this version of them asks for.
 * @param suite path of the tests' program
 */
export async function agnhostImage(suite: string, say: Say): Promise<ImageArchive> {
  const { stdout } = await execa(suite, ['-agnhost'], { stdin: 'ignore', timeout: LIMIT_MS });
  const tree = await ensureDebianRoot({ label: 'agnhost-root', suite: 'trixie', packages: PACKAGES }, say);
  const program = await ensureTool('agnhost');
  return plainImageArchive({ ref: stdout.trim(), program, path: '/agnhost', args: ['pause'], links: LINKS, tree }, say);
}
