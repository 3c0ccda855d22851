import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../support/cache-folder.ts';
import type { Say } from '../support/print.ts';

/** The kernel's default is 128. A cluster of four machines takes about 40; without one keepalived cannot see its track files. */
const INOTIFY_INSTANCES = 1024;
const NO_LIMIT = -1;

/** What the settings were before the first cluster, so that the last one can put them back. */
function memory(): string {
  return join(cacheFolder(), 'kernel-settings-before.json');
}

function remembered(): Record<string, number> {
  return existsSync(memory()) ? (JSON.parse(readFileSync(memory(), 'utf8')) as Record<string, number>) : {};
}

function read(key: string): number {
  return Number(readFileSync(`/proc/sys/${key}`, 'utf8'));
}

function change(key: string, value: number, why: string, say: Say): void {
  const present = read(key);
  writeFileSync(memory(), JSON.stringify({ [key]: present, ...remembered() }));
  writeFileSync(`/proc/sys/${key}`, String(value));
  say(`${key.replaceAll('/', '.')} is now ${value} instead of ${present}, until the last cluster is down: ${why}`);
}

/**
 * Gives the nodes what a node of its own has, and what nodes on one machine would lack.
 *
 * inotify instances are counted per user over the whole machine: all nodes of all clusters share root's.
 *
 * A kernel with real-time group scheduling gives a cgroup of version 1 no share of real time, and so refuses keepalived its priority
 * (sched-rt-group.rst of the kernel's documentation). Kernels of the usual distributions are built without it.
 */
export function adaptKernel(say: Say): void {
  if (read('fs/inotify/max_user_instances') < INOTIFY_INSTANCES) {
    change('fs/inotify/max_user_instances', INOTIFY_INSTANCES, 'all nodes share them', say);
  }
  if (existsSync('/sys/fs/cgroup/cpu/cpu.rt_runtime_us') && read('kernel/sched_rt_runtime_us') !== NO_LIMIT) {
    change('kernel/sched_rt_runtime_us', NO_LIMIT, 'pods may have real-time priority, as on most nodes', say);
  }
}

/** Puts back what `adaptKernel` changed. Call it when no cluster is left. */
export function restoreKernel(): void {
  for (const [key, value] of Object.entries(remembered())) writeFileSync(`/proc/sys/${key}`, String(value));
  rmSync(memory(), { force: true });
}
