import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { waitFor } from './wait.ts';

/** A process that is still the same one: pids are reused, a pid with its start time is not. */
export interface ProcessRef {
  readonly pid: number;
  /** Clock ticks since boot at which the process started (proc_pid_stat(5), field 22). */
  readonly startTicks: number;
}

interface ProcessStat {
  readonly pid: number;
  readonly name: string;
  readonly state: string;
  readonly parent: number;
  readonly startTicks: number;
}

function readStat(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in parentheses and may itself hold spaces and parentheses: split at the last one.
    const close = text.lastIndexOf(')');
    const fields = text.slice(close + 2).split(' ');
    return {
      pid,
      name: text.slice(text.indexOf('(') + 1, close),
      state: fields[0] ?? '?',
      parent: Number(fields[1]),
      startTicks: Number(fields[19]),
    };
  } catch {
    return undefined; // gone while we looked
  }
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
}

/** The process that has this pid now, or undefined when there is none. */
export function processRef(pid: number): ProcessRef | undefined {
  const stat = readStat(pid);
  return stat === undefined ? undefined : { pid, startTicks: stat.startTicks };
}

/** Whether the very process still runs (a zombie does not). */
export function isAlive(ref: ProcessRef | undefined): ref is ProcessRef {
  if (ref === undefined) {
    return false;
  }
  const stat = readStat(ref.pid);
  return stat !== undefined && stat.startTicks === ref.startTicks && stat.state !== 'Z' && stat.state !== 'X';
}

/** The process and everything below it, the process first. */
export function familyOf(pid: number): { pid: number; name: string }[] {
  const stats = allPids().flatMap((each) => readStat(each) ?? []);
  const family = stats.filter((stat) => stat.pid === pid);
  for (const member of family) {
    family.push(...stats.filter((stat) => stat.parent === member.pid));
  }
  return family.map((stat) => ({ pid: stat.pid, name: stat.name }));
}

/** The processes that a process started itself; [] when there is no such process. */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

/** The pids of the processes whose network namespace is the one mounted at this path; [] when there is no such namespace. */
export function pidsInNetns(path: string): number[] {
  let inode: number;
  try {
    inode = statSync(path).ino;
  } catch {
    return [];
  }
  const wanted = `net:[${inode}]`;
  return allPids().filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/net`) === wanted;
    } catch {
      return false;
    }
  });
}

/** Sends a signal to each pid (negative: to the group); those that are gone are passed over. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
        throw error;
      }
    }
  }
}

/** Waits until none of the processes runs any more. */
export async function waitGone(refs: readonly ProcessRef[], limitMs: number): Promise<void> {
  const gone = () => refs.every((ref) => !isAlive(ref));
  await waitFor(`the end of ${refs.map((ref) => ref.pid).join(', ')}`, gone, { limitMs, everyMs: 5 });
}

/** SIGKILL to those that still run, and waits for their end. */
export async function killAll(refs: readonly ProcessRef[], limitMs: number): Promise<void> {
  const alive = refs.filter(isAlive).map(({ pid }) => pid);
  signalAll(alive, 'SIGKILL');
  await waitGone(refs, limitMs);
}

/**
 * Starts a process that outlives this one, in a session and process group of its own.
 * The command must replace itself with the program (as nsenter and exec do), so that the pid is the program's.
 * @param logFile gets its standard output and error, appended
 * @throws Error when the program cannot be started.
 */
export async function startDetached(command: readonly [string, ...string[]], logFile: string): Promise<ProcessRef> {
  const log = openSync(logFile, 'a', 0o600);
  try {
    const child = spawn(command[0], command.slice(1), { detached: true, stdio: ['ignore', log, log] });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    const ref = child.pid === undefined ? undefined : processRef(child.pid);
    if (ref === undefined) {
      throw new Error(`${command.join(' ')} ended at once: see ${logFile}`);
    }
    return ref;
  } finally {
    closeSync(log);
  }
}

/** Whether something in the process's network namespace listens on this TCP port (any address of that namespace). */
export function listensInNetnsOf(pid: number, port: number): boolean {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['tcp', 'tcp6'].some((table) => {
    try {
      return readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
        .split('\n')
        .some((line) => {
          const [, local, , state] = line.trim().split(/\s+/);
          return state === '0A' && local !== undefined && local.endsWith(wanted); // 0A: TCP_LISTEN
        });
    } catch {
      return false;
    }
  });
}

/** A process with what tells it from others. */
export interface NamedProcess {
  readonly pid: number;
  /** The kernel's short name (proc_pid_comm(5)). */
  readonly name: string;
  readonly commandLine: string;
}

/** Those processes with their names; those that end meanwhile are left out. */
export function namedProcesses(pids: readonly number[] = allPids()): NamedProcess[] {
  return pids.flatMap((pid) => {
    try {
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return [{ pid, name, commandLine }];
    } catch {
      return [];
    }
  });
}

/** The processes in a network namespace with their names. */
export function processesInNetns(path: string): NamedProcess[] {
  return namedProcesses(pidsInNetns(path));
}

/** Whatever runs in network namespaces, but for this process itself. */
export function refsInNetns(paths: readonly string[]): ProcessRef[] {
  const pids = paths.flatMap(pidsInNetns).filter((pid) => pid !== process.pid);
  return pids.flatMap((pid) => processRef(pid) ?? []);
}
