import { readFileSync } from 'node:fs';
import { monotonicMs } from '../support/clock.ts';
import { processRef } from '../support/processes.ts';
import { type ContainerUsage, millicores } from './cgroups.ts';
import type { ContainerName, RunningContainer } from './containers.ts';

const MEBIBYTE = 1024 * 1024;
/** proc_pid_stat(5): times are in ticks, of which user space sees a hundred a second on every platform that Linux has. */
const TICK_MS = 10;

/** A container as it was at a moment. */
interface Look {
  readonly atMs: number;
  readonly usage: ContainerUsage;
  /** Bytes of files that its processes have in their memory, whoever is charged for them. Shared pages count for each. */
  readonly mapped: number;
}

/** What a container used in a time. */
export interface Measured {
  readonly container: RunningContainer;
  readonly millicores: number;
  readonly throttledPeriods: number;
  readonly after: ContainerUsage;
  readonly mapped: number;
  /** What it must have to run without reading its files again and again: its own memory, the kernel's for it, the files in use. */
  readonly needed: number;
}

function mappedBy(pid: number): number {
  try {
    return Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // it has ended
  }
}

function look({ cgroup }: RunningContainer): Look {
  const mapped = cgroup.processes().reduce((sum, pid) => sum + mappedBy(pid), 0);
  return { atMs: monotonicMs(), usage: cgroup.usage(), mapped };
}

/** Measures containers from now on; the function that it gives ends that. The containers must not be restarted meanwhile. */
export function measure(containers: readonly RunningContainer[]): () => Measured[] {
  const before = containers.map((container) => ({ container, first: look(container) }));
  return () =>
    before.map(({ container, first }) => {
      const { atMs, usage, mapped } = look(container);
      return {
        container,
        millicores: millicores(first.usage, usage, atMs - first.atMs),
        throttledPeriods: usage.throttledPeriods - first.usage.throttledPeriods,
        after: usage,
        mapped,
        needed: usage.anonymous + usage.kernel + mapped,
      };
    });
}

/** Heading of the table of what was measured. */
export const MEASURED_HEAD = [
  ...['WHEN', 'CONTAINER', 'CPU', 'OWN', 'KERNEL', 'FILES IN USE', 'CHARGED', 'PEAK', 'LIMIT', 'LIMIT HIT'],
  ...['READ AGAIN', 'THROTTLED'],
];

/** A row of the table of what was measured: memory in MiB, CPU in thousandths, the largest of all nodes. Pure. */
export function measuredRow(when: string, name: ContainerName, measured: readonly Measured[]): string[] {
  const ours = measured.filter(({ container }) => container.name === name);
  const largest = (value: (each: Measured) => number) => Math.max(...ours.map(value));
  const size = (value: (each: Measured) => number) => (largest(value) / MEBIBYTE).toFixed(1);
  return [
    when,
    name,
    `${largest((each) => each.millicores).toFixed(0)}m`,
    size(({ after }) => after.anonymous),
    size(({ after }) => after.kernel),
    size(({ mapped }) => mapped),
    size(({ after }) => after.memory),
    size(({ after }) => after.memoryPeak),
    size(({ after }) => after.memoryLimit ?? 0),
    String(largest(({ after }) => after.limitHits)),
    String(largest(({ after }) => after.refaults)),
    String(largest(({ throttledPeriods }) => throttledPeriods)),
  ];
}

/** When a process was started, as `Date.now()` counts. @throws Error when it has ended. */
export function startOf(pid: number): number {
  const ref = processRef(pid);
  if (ref === undefined) throw new Error(`process ${pid} has ended`);
  const sinceBootMs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
  return Date.now() - (sinceBootMs - ref.startTicks * TICK_MS);
}
