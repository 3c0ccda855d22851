/**
 * Runs a program the way a container of the pod runs: in a network namespace that stands for a node, with a root
 * directory of its own, read-only, with volumes bound in, with only the capabilities that it was given, without new
 * privileges, in a pid namespace of its own where it is process 1. No container engine.
 *
 *     const container = await startContainer({
 *       netns: 'node1',                                   // made by the caller: ip netns add node1
 *       root: await ensureImageRoot(),
 *       argv: ['/usr/bin/tini', '-g', '--', '/usr/local/bin/supervisor', 'run'],
 *       binds: [...supervisorBinds(), { host: '/tmp/x/run', container: '/run/keepalived-ingress-vip', readOnly: false }],
 *       tmpfs: ['/tmp'],
 *       capabilities: ['NET_ADMIN', 'NET_RAW', 'SYS_NICE'],
 *       logFile: '/tmp/x/keepalived.log',
 *     });
 *     container.insidePid              // the program, as the host numbers it: process.kill(container.insidePid, 'SIGTERM')
 *     await execInContainer(container, { argv: ['/usr/local/bin/supervisor', 'drain'] });   // like kubectl exec, a preStop hook
 *     await stopContainer(container);  // SIGTERM, then SIGKILL after a limit: as the kubelet stops a container
 *     await killContainer(container);  // SIGKILL to everything in it
 *
 * The handle is plain data (JSON), so another process can go on with it: containers outlive the process that started
 * them. A container that ends does not start again by itself: `isRunning` tells, the caller starts a new one.
 */

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { cacheFolder } from './cache-folder.ts';
import { netnsPath } from './netns.ts';
import { childrenOf, isAlive, killAll, type ProcessRef, processRef, signalAll, waitGone } from './processes.ts';
import { succeeds } from './succeeds.ts';

/** A directory or file of the host that appears in the container. The mount point is made if the root lacks it. */
export interface Bind {
  /** Absolute path on the host; must exist. */
  readonly host: string;
  /** Absolute path in the container. */
  readonly container: string;
  readonly readOnly: boolean;
}

/** Who a process in the container is, and what it may do. */
export interface Privileges {
  /** Default 0. */
  readonly uid?: number;
  /** Default: the uid's number. No supplementary groups. */
  readonly gid?: number;
  /** Names without CAP_, upper case: the bounding set. Default none. Only uid 0 gets to use them, as with Docker. */
  readonly capabilities?: readonly string[];
  /** The whole environment (PATH is set to Debian's usual one if it is not given). */
  readonly env?: Readonly<Record<string, string>>;
}

/** What `startContainer` takes. */
export interface ContainerOptions extends Privileges {
  /** Name of the network namespace below /run/netns. */
  readonly netns: string;
  /** Directory with a Debian file system (needs coreutils and util-linux in it); only read. `/` takes the host's. */
  readonly root: string;
  /** Program, as an absolute path in the container, and its arguments. It becomes process 1 of its pid namespace. */
  readonly argv: readonly [string, ...string[]];
  /** Mounted in this order. */
  readonly binds?: readonly Bind[];
  /** Paths in the container that get an empty tmpfs, mode 1777. */
  readonly tmpfs?: readonly string[];
  /** stdout and stderr are appended to this file of the host. */
  readonly logFile: string;
}

/** A started container. Plain data: it can be stored as JSON and used by another process. */
export interface Container extends Privileges {
  /** The outermost process, on the host. It ends with the program's exit code when the program ends. */
  readonly pid: number;
  /** The program (process 1 inside), as the host numbers it. Send signals to this one. */
  readonly insidePid: number;
  /** Start time of `insidePid` in clock ticks since boot: tells it from a later process with the same number. */
  readonly startTicks: number;
  /** Start time of `pid`, in the same way. */
  readonly outerStartTicks: number;
}

/** What a command run in a container gave. */
export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const ENTER_SCRIPT = fileURLToPath(new URL('container-enter.sh', import.meta.url));
const CONTAINER_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const START_LIMIT_MS = 60_000;
const KILL_LIMIT_MS = 30_000;
const EXEC_LIMIT_MS = 60_000;
/** As the kubelet by default. */
const STOP_LIMIT_MS = 30_000;
const LOG_TAIL = 2_000;

/** The program of a container, as the host knows it. */
function insideOf({ insidePid, startTicks }: Container): ProcessRef {
  return { pid: insidePid, startTicks };
}

/** Everything that a container consists of on the host: all else in it ends with these. */
export function processesOf(container: Container): ProcessRef[] {
  return [insideOf(container), { pid: container.pid, startTicks: container.outerStartTicks }];
}

/** True while the program of the container runs (a zombie does not). */
export function isRunning(container: Container): boolean {
  return isAlive(insideOf(container));
}

/** The command that gives up privileges and starts `argv`; runs inside the container's root. */
function withPrivileges(privileges: Privileges, argv: readonly string[]): string[] {
  const uid = privileges.uid ?? 0;
  const capabilities = (privileges.capabilities ?? []).map((name) => `+${name.toLowerCase()}`);
  const env = { PATH: CONTAINER_PATH, ...privileges.env };
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${privileges.gid ?? uid}`,
    '--clear-groups',
    '--inh-caps=-all',
    `--bounding-set=${['-all', ...capabilities].join(',')}`,
    '--no-new-privs',
    '--pdeathsig=SIGKILL',
    'env',
    '-i',
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...argv,
  ];
}

function mountInstructions(options: ContainerOptions): string[] {
  return [
    ...(options.binds ?? []).flatMap((bind) => ['bind', bind.host, bind.container, bind.readOnly ? 'ro' : 'rw']),
    ...(options.tmpfs ?? []).flatMap((path) => ['tmpfs', path]),
  ];
}

function stagingFolder(): string {
  // Every container mounts over it in a mount namespace of its own: on the host it stays one empty directory.
  const folder = join(cacheFolder(), 'mount-point');
  mkdirSync(folder, { recursive: true });
  return folder;
}

function spawnCommand(options: ContainerOptions): string[] {
  return [
    'nsenter',
    `--net=${netnsPath(options.netns)}`,
    'unshare',
    '--mount',
    '--ipc',
    '--pid',
    '--fork',
    '--kill-child',
    'sh',
    ENTER_SCRIPT,
    stagingFolder(),
    options.root,
    ...mountInstructions(options),
    '--',
    ...withPrivileges(options, options.argv),
  ];
}

/** Resolves true when the script inside says that the file system is ready, false when it ended before or took too long. */
async function saysReady(stream: Readable): Promise<boolean> {
  const timer = setTimeout(() => stream.destroy(), START_LIMIT_MS);
  let said = '';
  try {
    // Leaving the loop destroys the stream; the end of file does not come, unshare holds the other end too.
    for await (const chunk of stream.setEncoding('utf8')) {
      said += String(chunk);
      if (said.includes('\n')) {
        break;
      }
    }
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
  return said === 'ready\n';
}

function logTail(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-LOG_TAIL);
  } catch {
    return '';
  }
}

/**
 * Starts a container; it goes on when this process ends.
 * @returns when its file system is in place and the program is just being started
 * @throws Error with the end of the log when it could not be set up within a minute
 */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const [file = '', ...args] = spawnCommand(options);
  const log = openSync(options.logFile, 'a');
  const child = spawn(file, args, { detached: true, stdio: ['ignore', log, log, 'pipe'], cwd: '/' });
  closeSync(log);
  child.on('error', () => undefined);
  child.unref();
  const pipe = child.stdio[3] as Readable;
  const ready = await saysReady(pipe);
  const pid = child.pid ?? 0;
  const [insidePid = 0] = pid > 0 ? childrenOf(pid) : [];
  if (!ready || insidePid === 0) {
    child.kill('SIGKILL');
    throw new Error(`container with ${options.argv[0]} in ${options.netns} did not start: ${logTail(options.logFile)}`);
  }
  const { uid, gid, capabilities, env } = options;
  return {
    pid,
    insidePid,
    startTicks: processRef(insidePid)?.startTicks ?? 0,
    outerStartTicks: processRef(pid)?.startTicks ?? 0,
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(env === undefined ? {} : { env }),
  };
}

function pidNamespaceOf(pid: string | number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return '';
  }
}

/** Everything that runs in a container, by its numbers on the host and inside. */
export function pidsInside(container: Container): { readonly host: number; readonly inside: number }[] {
  const namespace = pidNamespaceOf(container.insidePid);
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && pidNamespaceOf(name) === namespace);
  return pids.flatMap((pid) => {
    try {
      const line = /^NSpid:\s+(\d+)\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
      return line === null ? [] : [{ host: Number(line[1]), inside: Number(line[2]) }];
    } catch {
      return []; // it ended meanwhile
    }
  });
}

/** Sends a signal to the program of the container (from the host: like a container engine does). */
export function signalContainer(container: Container, signal: NodeJS.Signals): void {
  if (isRunning(container)) signalAll([container.insidePid], signal);
}

/** Whether all of it is gone within a time. */
function ends(container: Container, limitMs: number): Promise<boolean> {
  return succeeds(() => waitGone(processesOf(container), limitMs));
}

/**
 * SIGKILL to everything in the container, and waits until all of it is gone. Nothing happens when it has ended already.
 * @throws Error when something is left after 30 s
 */
export async function killContainer(container: Container): Promise<void> {
  // Process 1 of a pid namespace takes all others with it; the outermost process ends when it does.
  signalContainer(container, 'SIGKILL');
  if (await ends(container, KILL_LIMIT_MS)) return;
  await killAll(processesOf(container), KILL_LIMIT_MS);
}

/**
 * Stops a container as the kubelet does: SIGTERM, and SIGKILL when that did not do within the limit.
 * @param limitMs milliseconds, 30 000 by default
 * @returns true when it ended by itself
 */
export async function stopContainer(container: Container, limitMs: number = STOP_LIMIT_MS): Promise<boolean> {
  signalContainer(container, 'SIGTERM');
  if (await ends(container, limitMs)) return true;
  await killContainer(container);
  return false;
}

/**
 * Runs a command in a running container and waits for it, as an exec probe or a preStop hook does: the same root,
 * volumes, network, pid namespace; the container's privileges and environment unless others are given.
 * @param timeoutMs milliseconds after which the command is killed, 60 000 by default
 */
export async function execInContainer(
  container: Container,
  options: Privileges & { readonly argv: readonly [string, ...string[]]; readonly timeoutMs?: number },
): Promise<ExecResult> {
  const privileges: Privileges = { ...container, ...options };
  const target = [`--target=${container.insidePid}`, '--net', '--mount', '--ipc', '--pid', '--root', '--wd'];
  const result = await execa('nsenter', [...target, '--', ...withPrivileges(privileges, options.argv)], {
    reject: false,
    stdin: 'ignore',
    timeout: options.timeoutMs ?? EXEC_LIMIT_MS,
    env: { PATH: CONTAINER_PATH },
    extendEnv: false,
  });
  return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
}
