import { readFileSync } from 'node:fs';

/** Numbers of the capabilities that the chart speaks of (linux/capability.h). */
const CAPABILITIES: Readonly<Record<number, string>> = { 12: 'NET_ADMIN', 13: 'NET_RAW', 23: 'SYS_NICE' };

/** What a process may do, as the kernel has it. */
export interface ProcessRights {
  /** Real, effective, saved and file system user. */
  readonly users: readonly number[];
  readonly groups: readonly number[];
  /** Names without CAP_, or the number of one that has no name here. */
  readonly permitted: readonly string[];
  readonly effective: readonly string[];
  readonly inheritable: readonly string[];
  readonly bounding: readonly string[];
  readonly ambient: readonly string[];
  readonly noNewPrivileges: boolean;
  /** Whether a filter of system calls is in force. */
  readonly filtered: boolean;
}

const FILTER_MODE = '2'; // SECCOMP_MODE_FILTER, linux/seccomp.h

function capabilities(mask: string): string[] {
  const bits = BigInt(`0x${mask}`);
  return Array.from({ length: 64 }, (_, number) => number)
    .filter((number) => ((bits >> BigInt(number)) & 1n) === 1n)
    .map((number) => CAPABILITIES[number] ?? String(number));
}

/**
 * Reads a process's rights from its /proc/PID/status (proc_pid_status(5)). Pure.
 * @throws Error when a line is missing.
 */
export function parseRights(status: string): ProcessRights {
  const field = (name: string): string => {
    const found = new RegExp(`^${name}:[ \t]*(.*)$`, 'm').exec(status)?.[1];
    if (found === undefined) throw new Error(`the status of the process has no line ${name}`);
    return found.trim();
  };
  const numbers = (name: string) => field(name).split(/\s+/).map(Number);
  return {
    users: numbers('Uid'),
    groups: numbers('Gid'),
    permitted: capabilities(field('CapPrm')),
    effective: capabilities(field('CapEff')),
    inheritable: capabilities(field('CapInh')),
    bounding: capabilities(field('CapBnd')),
    ambient: capabilities(field('CapAmb')),
    noNewPrivileges: field('NoNewPrivs') === '1',
    filtered: field('Seccomp') === FILTER_MODE,
  };
}

/** The rights of a process. @throws Error when it has ended. */
export function rightsOf(pid: number): ProcessRights {
  return parseRights(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** A mount as a process sees it. */
export interface Mount {
  readonly path: string;
  /** `tmpfs`, `overlay`. */
  readonly type: string;
  readonly writable: boolean;
}

/** Mounts from /proc/PID/mounts (fstab(5)); the upper one where two lie on one another. Pure. */
export function parseMounts(text: string): Mount[] {
  const mounts = text
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([, path = '', type = '', options = '']) => ({ path, type, writable: options.split(',').includes('rw') }));
  return [...new Map(mounts.map((mount) => [mount.path, mount])).values()];
}

/** The mounts that a process sees. @throws Error when it has ended. */
export function mountsOf(pid: number): Mount[] {
  return parseMounts(readFileSync(`/proc/${pid}/mounts`, 'utf8'));
}
