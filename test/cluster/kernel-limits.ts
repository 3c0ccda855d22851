import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../../scripts/toolchain/lock.ts';
import type { Say } from '../support/print.ts';

/** The kernel's default is 128. A cluster of four machines takes about 40; without one keepalived cannot see its track files. */
const INOTIFY_INSTANCES = 1024;
/** The kernel's default is 1024. It counts neighbours over all machines on this one, and a client that asks thousands of addresses has as many. */
const NEIGHBOURS = 32_768;
const NO_LIMIT = -1;
/** A change takes a moment. */
const LOCK_LIMIT_SECONDS = 60;

/** Where the kernel's settings are, and what is kept of them. */
export interface KernelPlace {
  /** `/proc/sys` */
  readonly settings: string;
  /** A file that a kernel with real-time group scheduling has. */
  readonly groupScheduling: string;
  /** A folder for who needs the settings, and what they were before. */
  readonly folder: string;
}

/**
 * Of this machine, whoever's cache the clusters are in: it has one kernel. What is in /run is gone with the boot that it was about, as the
 * settings are.
 */
const THIS_MACHINE: KernelPlace = {
  settings: '/proc/sys',
  groupScheduling: '/sys/fs/cgroup/cpu/cpu.rt_runtime_us',
  folder: '/run/keepalived-ingress-vip-clusters',
};

/** The settings of one machine, and the clusters that need them. Nobody else may be at it. */
class Settings {
  readonly #place: KernelPlace;

  constructor(place: KernelPlace) {
    this.#place = place;
    mkdirSync(this.#claims, { recursive: true, mode: 0o700 });
  }

  claim(cluster: string): void {
    writeFileSync(join(this.#claims, cluster), '');
  }

  /** Gives whether another cluster needs them still. */
  giveUp(cluster: string): boolean {
    rmSync(join(this.#claims, cluster), { force: true });
    return readdirSync(this.#claims).length > 0;
  }

  adapt(say: Say): void {
    const has = (key: string) => existsSync(join(this.#place.settings, key));
    const change = (key: string, value: number, why: string) => this.#change(key, value, `: ${why}`, say);
    if (this.#read('fs/inotify/max_user_instances') < INOTIFY_INSTANCES) {
      change('fs/inotify/max_user_instances', INOTIFY_INSTANCES, 'all nodes share them');
    }
    if (has('net/ipv4/neigh/default/gc_thresh3') && this.#read('net/ipv4/neigh/default/gc_thresh3') < NEIGHBOURS) {
      change('net/ipv4/neigh/default/gc_thresh3', NEIGHBOURS, 'all machines share them');
    }
    if (existsSync(this.#place.groupScheduling) && this.#read('kernel/sched_rt_runtime_us') !== NO_LIMIT) {
      change('kernel/sched_rt_runtime_us', NO_LIMIT, 'pods may have real-time priority, as on most nodes');
    }
  }

  restore(): void {
    for (const [key, value] of Object.entries(this.#remembered())) this.#write(key, value);
    rmSync(this.#memory, { force: true });
  }

  get #claims(): string {
    return join(this.#place.folder, 'claims');
  }

  get #memory(): string {
    return join(this.#place.folder, 'before.json');
  }

  /** What the settings were before the first cluster, so that the last one can put them back. */
  #remembered(): Record<string, number> {
    return existsSync(this.#memory) ? (JSON.parse(readFileSync(this.#memory, 'utf8')) as Record<string, number>) : {};
  }

  #change(key: string, value: number, why: string, say: Say): void {
    const present = this.#read(key);
    writeFileSync(this.#memory, JSON.stringify({ [key]: present, ...this.#remembered() }));
    this.#write(key, value);
    say(`${key.replaceAll('/', '.')} is now ${value} instead of ${present}, until the last cluster is down${why}`);
  }

  #read(key: string): number {
    return Number(readFileSync(join(this.#place.settings, key), 'utf8'));
  }

  #write(key: string, value: number): void {
    writeFileSync(join(this.#place.settings, key), String(value));
  }
}

/** One command at a time: a cluster that begins while the last of the others goes keeps what it needs. */
function alone<T>(place: KernelPlace, say: Say, work: (settings: Settings) => T): Promise<T> {
  const lock = join(place.folder, 'lock');
  const what = 'changing settings of the kernel';
  return withLock(lock, LOCK_LIMIT_SECONDS, say, async () => work(new Settings(place)), what);
}

/**
 * Gives the nodes of a cluster what a node of its own has, and what nodes on one machine would lack. Before its machines begin.
 *
 * inotify instances are counted per user over the whole machine: all nodes of all clusters share root's.
 *
 * So are neighbours.
 *
 * A kernel with real-time group scheduling gives a cgroup of version 1 no share of real time, and so refuses keepalived its priority
 * (sched-rt-group.rst of the kernel's documentation). Kernels of the usual distributions are built without it.
 */
export function adaptKernel(cluster: string, say: Say, place: KernelPlace = THIS_MACHINE): Promise<void> {
  return alone(place, say, (settings) => {
    settings.claim(cluster);
    settings.adapt(say);
  });
}

/** Puts back what {@link adaptKernel} changed, unless another cluster needs it. When nothing of the cluster runs any more. */
export function restoreKernel(cluster: string, say: Say, place: KernelPlace = THIS_MACHINE): Promise<void> {
  return alone(place, say, (settings) => {
    if (!settings.giveUp(cluster)) settings.restore();
  });
}
