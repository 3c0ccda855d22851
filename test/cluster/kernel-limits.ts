import { readFileSync, writeFileSync } from 'node:fs';
import type { Say } from '../lab/machine.ts';

/** The kernel's default is 128. A cluster of four machines takes about 40; without one keepalived cannot see its track files. */
const WANTED = 1024;
const INSTANCES = '/proc/sys/fs/inotify/max_user_instances';

/**
 * Raises the number of inotify instances that a user may have, until the next boot. They are counted per user over the whole machine, so
 * all nodes of all clusters share root's, as the programs of one real node do.
 */
export function raiseInotifyInstances(say: Say): void {
  const present = Number(readFileSync(INSTANCES, 'utf8'));
  if (present >= WANTED) return;
  writeFileSync(INSTANCES, String(WANTED));
  say(`fs.inotify.max_user_instances is now ${WANTED} instead of ${present}: all nodes share it`);
}
