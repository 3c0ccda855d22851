import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa, type Options } from 'execa';
import { ip, netnsPath } from '../support/netns.ts';
import {
  childrenOf,
  isAlive,
  killAll,
  namedProcesses,
  type ProcessRef,
  processRef,
  startDetached,
} from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { type ClusterParts, CONTROLLERS } from './parts.ts';
import type { MachineFile } from './services.ts';

/** A machine that runs. */
export interface RunningMachine {
  readonly name: string;
  readonly netns: string;
  /** Its process 1, as seen from outside. */
  readonly init: ProcessRef;
  /** Waits for it outside; its end is the machine's end. */
  readonly keeper: ProcessRef;
}

/** Where a machine's disk is and what it is called. */
export interface MachineSpec {
  /** `node1`; also the name of its cgroup. */
  readonly name: string;
  readonly netns: string;
  /** Below each cgroup hierarchy, without the machine's name: `kivc/default`. */
  readonly cgroup: string;
  readonly directory: string;
}

const SCRIPT = join(import.meta.dirname, 'machine.sh');
const START_LIMIT_MS = 20_000;
const END_LIMIT_MS = 20_000;
const COMMAND_LIMIT_MS = 120_000;
const HIERARCHIES = '/sys/fs/cgroup';

/** Puts files on a machine's disk while it is off. */
export async function writeDisk(directory: string, files: readonly MachineFile[]): Promise<void> {
  for (const { path, content, mode = 0o600 } of files) {
    const file = join(directory, 'upper', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    await chmod(file, mode);
  }
}

/** A cpuset without processors takes no process: each level gets what the one above has. */
async function fillCpuset(folder: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readFileSync(join(folder, file), 'utf8').trim() === '') {
      await writeFile(join(folder, file), await readFile(join(dirname(folder), file), 'utf8'));
    }
  }
}

async function makeCgroup(controller: string, path: string): Promise<void> {
  let folder = join(HIERARCHIES, controller);
  for (const part of path.split('/')) {
    folder = join(folder, part);
    await mkdir(folder).catch(ignore('EEXIST'));
    if (controller === 'cpuset') await fillCpuset(folder);
  }
}

/** Another cluster that goes just now may remove the outermost, which is empty until the next one is in it. */
async function makeCgroups(path: string): Promise<void> {
  for (const controller of CONTROLLERS) {
    const isMade = () => makeCgroup(controller, path).then(() => true, ignore('ENOENT'));
    await waitFor(`the cgroup ${path} of ${controller}`, isMade, { limitMs: START_LIMIT_MS });
  }
}

function ignore(code: string): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (error.code !== code) throw error;
  };
}

/** Removes cgroups, innermost first. Those of a container that just ended take a moment. */
export async function removeCgroups(path: string): Promise<void> {
  const folders = CONTROLLERS.map((controller) => join(HIERARCHIES, controller, path)).filter((each) =>
    existsSync(each),
  );
  if (folders.length === 0) return;
  await waitFor(
    `the end of the cgroups ${path}`,
    async () => {
      // rmdir, not rm: the files in a cgroup are the kernel's.
      await execa(
        'find',
        [...folders.filter((each) => existsSync(each)), '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+'],
        {
          reject: false,
          stdio: 'ignore',
          timeout: END_LIMIT_MS,
        },
      );
      return !folders.some((each) => existsSync(each));
    },
    { limitMs: END_LIMIT_MS, everyMs: 50 },
  );
}

/** The only child of a process, when it has become the program that stays. */
function settledChild(parent: number): ProcessRef | undefined {
  const [child] = namedProcesses(childrenOf(parent).slice(0, 1));
  return child?.name === 'tini' ? processRef(child.pid) : undefined;
}

/**
 * Switches a machine on: its services start at once, its network has no cable yet.
 * @throws Error with the end of its log when it does not come up.
 */
export async function startMachine(spec: MachineSpec, parts: ClusterParts): Promise<RunningMachine> {
  const path = `${spec.cgroup}/${spec.name}`;
  await makeCgroups(path);
  await mkdir(spec.directory, { recursive: true });
  const logFile = join(spec.directory, 'machine.log');
  const command = ['start', path, CONTROLLERS.join(','), spec.directory, parts.lower, parts.kubernetes];
  const keeper = await startDetached(['sh', SCRIPT, ...command], logFile);
  const init = await waitFor(
    `${spec.name} to boot`,
    () => {
      if (!isAlive(keeper))
        throw new Error(`${spec.name} does not boot: ${readFileSync(logFile, 'utf8').slice(-1000)}`);
      return settledChild(keeper.pid);
    },
    { limitMs: START_LIMIT_MS, everyMs: 5 },
  );
  await ip(['netns', 'attach', spec.netns, String(init.pid)]);
  return { name: spec.name, netns: spec.netns, init, keeper };
}

/** Switches a machine off as a power cut does. Its disk stays. Does nothing when it is off. */
export async function killMachine(machine: RunningMachine, cgroup: string): Promise<void> {
  await killAll([machine.init, machine.keeper], END_LIMIT_MS);
  if (existsSync(netnsPath(machine.netns))) await ip(['netns', 'delete', machine.netns]);
  await removeCgroups(`${cgroup}/${machine.name}`);
}

/** The words that run a program on a machine, in all of its namespaces. */
export function onMachine(machine: RunningMachine, command: readonly string[]): [string, ...string[]] {
  return ['nsenter', '--target', String(machine.init.pid), '--all', '--', ...command];
}

/**
 * Runs a program on a machine and gives what it wrote to standard output.
 * @param options further ones of execa, such as an input
 * @throws Error with what it said when it fails.
 */
export async function runOn(
  machine: RunningMachine,
  command: readonly string[],
  options: Options = {},
): Promise<string> {
  const [program, ...args] = onMachine(machine, [
    'env',
    'PATH=/opt/kubernetes:/usr/sbin:/usr/bin:/sbin:/bin',
    ...command,
  ]);
  const result = await execa(program, args, { timeout: COMMAND_LIMIT_MS, ...options });
  return String(result.stdout ?? '');
}

/** Switches a service on; or says that it may not run again once it has ended, and goes on until then. */
export async function switchService(
  machine: RunningMachine,
  name: string,
  order: 'on' | 'until its end',
): Promise<void> {
  await runOn(machine, ['sv', order === 'on' ? 'up' : 'once', `/run/service/${name}`]);
}

/** Removes the folder that holds a cluster's cgroups, when its machines are gone. */
export async function removeEmptyCgroup(path: string): Promise<void> {
  for (const controller of CONTROLLERS) {
    await rmdir(join(HIERARCHIES, controller, path)).catch(() => undefined);
  }
}
