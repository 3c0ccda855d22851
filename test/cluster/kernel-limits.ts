import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Say } from '../lab/machine.ts';

/** The kernel's default is 128. A cluster of four machines takes about 40; without one keepalived cannot see its track files. */
const INOTIFY_INSTANCES = 1024;
const NO_LIMIT = -1;

function read(key: string): number {
  return Number(readFileSync(`/proc/sys/${key}`, 'utf8'));
}

function change(key: string, value: number, why: string, say: Say): void {
  const present = read(key);
  writeFileSync(`/proc/sys/${key}`, String(value));
  say(`${key.replaceAll('/', '.')} is now ${value} instead of ${present}, until the next boot: ${why}`);
}

/**
 * Gives the nodes what a node of its own has, and what nodes on one machine would lack. Both hold until the next boot.
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
