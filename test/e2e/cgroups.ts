import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the hierarchies of cgroup version 1 are mounted. */
const HIERARCHIES = '/sys/fs/cgroup';

/** What the kernel has counted for a container so far. Sizes in bytes, times in nanoseconds of a processor. */
export interface ContainerUsage {
  /** Charged now: memory of its own, files that it was the first to read, kernel structures. */
  readonly memory: number;
  /** The most that was ever charged. */
  readonly memoryPeak: number;
  /** Undefined without a limit. */
  readonly memoryLimit: number | undefined;
  /** How often the limit was hit, so that the kernel had to find something to drop. */
  readonly limitHits: number;
  readonly oomKills: number;
  /** Memory of its own, which cannot be dropped. */
  readonly anonymous: number;
  /** Files in memory that are charged to it, and files in memory volumes. */
  readonly cache: number;
  /** Pages of files that were dropped and then had to be read again. */
  readonly refaults: number;
  /** Structures of the kernel: sockets, page tables, stacks. */
  readonly kernel: number;
  readonly cpu: number;
  /** Weight of its CPU request. */
  readonly cpuShares: number;
  /** Share of a processor that it may use at most, 0.1 for 100m; undefined without a limit. */
  readonly cpuLimit: number | undefined;
  /** Periods (100 ms) in which it ran, those in which it had to wait for the next one, and how long it waited. */
  readonly cpuPeriods: number;
  readonly throttledPeriods: number;
  readonly throttled: number;
}

/**
 * The path of a process's cgroup below a hierarchy's mount point, as the root cgroup namespace sees it. Pure.
 * @param text content of /proc/PID/cgroup (cgroups(7)): lines `id:controllers:path`
 * @throws Error when the controller is not among them.
 */
export function cgroupPath(text: string, controller: string): string {
  for (const line of text.split('\n')) {
    const [, controllers, ...path] = line.split(':');
    if (controllers?.split(',').includes(controller)) return path.join(':');
  }
  throw new Error(`no cgroup of the controller ${controller} in ${JSON.stringify(text)}`);
}

/** The numbers of a file with lines `name value`, as memory.stat and cpu.stat are. Pure. */
export function parseCounters(text: string): ReadonlyMap<string, number> {
  const rows = text
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  return new Map(rows.flatMap(([name, value]) => (name && value ? [[name, Number(value)] as const] : [])));
}

/** Version 1 writes "no limit" as the largest number of whole pages. Pure. */
function limitOf(bytes: number): number | undefined {
  return bytes >= 2 ** 62 ? undefined : bytes;
}

/** Reads a file of a cgroup: its controller, its name. */
export type CgroupReader = (controller: string, file: string) => string;

/** What the files of a container's cgroups say. */
export function usageFrom(read: CgroupReader): ContainerUsage {
  const number = (controller: string, file: string) => Number(read(controller, file));
  const memory = parseCounters(read('memory', 'memory.stat'));
  const cpu = parseCounters(read('cpu', 'cpu.stat'));
  const quota = number('cpu', 'cpu.cfs_quota_us');
  return {
    memory: number('memory', 'memory.usage_in_bytes'),
    memoryPeak: number('memory', 'memory.max_usage_in_bytes'),
    memoryLimit: limitOf(number('memory', 'memory.limit_in_bytes')),
    limitHits: number('memory', 'memory.failcnt'),
    oomKills: parseCounters(read('memory', 'memory.oom_control')).get('oom_kill') ?? 0,
    anonymous: memory.get('total_rss') ?? 0,
    cache: memory.get('total_cache') ?? 0,
    refaults: memory.get('total_workingset_refault_file') ?? 0,
    kernel: number('memory', 'memory.kmem.usage_in_bytes'),
    cpu: number('cpuacct', 'cpuacct.usage'),
    cpuShares: number('cpu', 'cpu.shares'),
    cpuLimit: quota < 0 ? undefined : quota / number('cpu', 'cpu.cfs_period_us'),
    cpuPeriods: cpu.get('nr_periods') ?? 0,
    throttledPeriods: cpu.get('nr_throttled') ?? 0,
    throttled: cpu.get('throttled_time') ?? 0,
  };
}

/** The cgroups of a container, found by one of its processes. */
export class ContainerCgroup {
  readonly #paths: string;

  /** @param pid a process of the container, as seen from outside of the nodes. @throws Error when it has ended. */
  constructor(pid: number) {
    this.#paths = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  }

  /** What it uses now. @throws Error when the container has ended. */
  usage(): ContainerUsage {
    return usageFrom((controller, file) => this.#read(controller, file));
  }

  /** The pids of its processes now. */
  processes(): number[] {
    return this.#read('memory', 'cgroup.procs').trim().split('\n').filter(Boolean).map(Number);
  }

  #read(controller: string, file: string): string {
    return readFileSync(join(HIERARCHIES, controller, cgroupPath(this.#paths, controller), file), 'utf8');
  }
}

/** Processor time between two looks, in thousandths of one processor. Pure. */
export function millicores(before: ContainerUsage, after: ContainerUsage, elapsedMs: number): number {
  return (after.cpu - before.cpu) / 1e6 / (elapsedMs / 1000);
}
