import { existsSync, readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container } from '../support/container.ts';
import type { RunningApi } from './api.ts';
import type { ChartValues } from './chart.ts';
import type { Instant } from './clock.ts';
import type { FaultName } from './fault-names.ts';
import type { Release } from './manifests.ts';
import { labDirectory } from './names.ts';
import { isAlive, type ProcessRef, processRef } from './processes.ts';
import { waitFor } from './wait.ts';

/** What runs on a node. A process that a fault ended stays here until it is started again: ask isAlive. */
export interface NodeState {
  readonly name: string;
  readonly ingress: ProcessRef;
  readonly kubelet: ProcessRef;
  readonly containers: Readonly<Record<string, Container>>;
}

/** A fault that was injected and not healed yet. */
export interface ActiveFault {
  readonly name: FaultName;
  readonly node: string;
  readonly injectedAt: Instant;
}

/** Everything that one command of the lab must leave for the next. */
export interface LabState {
  readonly name: string;
  readonly nodeCount: number;
  readonly helm: string;
  readonly imageRoot: string;
  readonly values: ChartValues;
  readonly release: Release;
  readonly api: RunningApi;
  readonly nodes: readonly NodeState[];
  readonly faults: readonly ActiveFault[];
}

/** Two commands that change the lab at once take turns; a turn that takes longer is stuck. */
const LOCK_LIMIT_MS = 60_000;

function stateFile(lab: string): string {
  return join(labDirectory(lab), 'state.json');
}

/** Whether there is a lab of this name. */
export function labExists(lab: string): boolean {
  return existsSync(stateFile(lab));
}

/** The lab's state. @throws Error that names the command that makes one. */
export function readState(lab: string): LabState {
  if (!labExists(lab)) {
    throw new Error('there is no lab: start one with `up`');
  }
  return JSON.parse(readFileSync(stateFile(lab), 'utf8')) as LabState;
}

/** Replaces the lab's state in one step. */
export async function writeState(state: LabState): Promise<void> {
  const file = stateFile(state.name);
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, JSON.stringify(state, undefined, 2), { mode: 0o600 });
  await rename(temporary, file);
}

/** Reads the state, lets `change` work on the lab, and writes what it returns; other commands' changes wait meanwhile. */
export async function changeState(lab: string, change: (state: LabState) => Promise<LabState>): Promise<void> {
  const lock = join(labDirectory(lab), 'lock');
  readState(lab);
  await waitFor('another command of the lab', () => takeLock(lock), { limitMs: LOCK_LIMIT_MS, everyMs: 10 });
  try {
    await writeState(await change(readState(lab)));
  } finally {
    await rm(lock, { force: true });
  }
}

async function takeLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, JSON.stringify(processRef(process.pid)), { flag: 'wx' });
    return true;
  } catch {
    if (wasLeft(lock)) {
      await rm(lock, { force: true });
    }
    return false;
  }
}

/** Whether the lock is that of a process which ended without giving it back. */
function wasLeft(lock: string): boolean {
  try {
    return !isAlive(JSON.parse(readFileSync(lock, 'utf8')) as ProcessRef);
  } catch {
    return false; // just given back, or just being written
  }
}
