import { readFileSync } from 'node:fs';
import { namedProcesses } from '../support/processes.ts';

function cgroupOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}

/**
 * Processes of a program in a pod, as the machine that hosts the cluster sees them.
 * @param uid of the pod, by which its control group is called
 */
export function podProcesses(uid: string, program: string): number[] {
  const all = namedProcesses().filter(({ name }) => name === program);
  return all.map(({ pid }) => pid).filter((pid) => cgroupOf(pid).replaceAll('_', '-').includes(uid));
}
