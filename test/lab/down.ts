import { readFile, rm, rmdir } from 'node:fs/promises';
import { execa } from 'execa';
import { processesOf } from '../support/container.ts';
import { listNetns, netnsPath, removeNetns } from '../support/netns.ts';
import { familyOf, isAlive, killAll, type ProcessRef, processRef, refsInNetns } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { LABS_DIRECTORY, labDirectory, ownsNetns } from './names.ts';
import { labState } from './state.ts';

const END_LIMIT_MS = 30_000;
/** Not worth an error. */
const REAP_LIMIT_MS = 3000;
const COMMAND_LIMIT_MS = 60_000;

/** The processes that the lab's state names, as far as they run, and their descendants. */
function recordedProcesses(lab: string): ProcessRef[] {
  if (!labState(lab).exists()) {
    return [];
  }
  const state = labState(lab).read();
  const containers = state.nodes.flatMap((node) => Object.values(node.containers)).flatMap(processesOf);
  const servers = state.nodes.flatMap((node) => [node.ingress, node.kubelet]);
  return [...containers, ...servers, state.api.process]
    .filter(isAlive)
    .flatMap((ref) => familyOf(ref.pid))
    .flatMap(({ pid }) => processRef(pid) ?? []);
}

/** Dead processes stay listed until their new parent, the machine's process 1, looks after them; some take their time. */
async function waitReaped(processes: readonly ProcessRef[]): Promise<void> {
  const isReaped = () => processes.every((ref) => processRef(ref.pid)?.startTicks !== ref.startTicks);
  await waitFor('process 1', isReaped, { limitMs: REAP_LIMIT_MS }).catch(() => undefined);
}

async function unmount(directory: string): Promise<void> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  if (mounts.split('\n').some((line) => line.split(' ')[1] === directory)) {
    // Lazily: a shell that someone left inside must not keep the rest.
    await execa('umount', ['--lazy', directory], { timeout: COMMAND_LIMIT_MS, detached: true });
  }
}

/**
 * Removes a lab: processes, namespaces, mounts and files. Works on what is really there, so also after a crash,
 * and does nothing when there is nothing.
 * @throws Error when something does not go away.
 */
export async function takeDown(lab: string): Promise<void> {
  const namespaces = listNetns().filter((netns) => ownsNetns(lab, netns));
  const processes = [...recordedProcesses(lab), ...refsInNetns(namespaces.map(netnsPath))];
  await killAll(processes, END_LIMIT_MS);
  await waitReaped(processes);
  await removeNetns(namespaces);
  const directory = labDirectory(lab);
  await unmount(directory);
  await rm(directory, { recursive: true, force: true });
  await rmdir(LABS_DIRECTORY).catch(() => undefined); // another lab is still there
}
