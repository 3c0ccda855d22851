import { join } from 'node:path';
import type { Instant } from '../support/clock.ts';
import type { Container } from '../support/container.ts';
import type { ProcessRef } from '../support/processes.ts';
import { StateFile } from '../support/state-file.ts';
import type { RunningApi } from './api.ts';
import type { ChartValues } from './chart.ts';
import type { FaultName } from './fault-names.ts';
import type { Release } from './manifests.ts';
import { labDirectory } from './names.ts';
import type { NetworkName } from './networks.ts';

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
  /** The interface that was meant. */
  readonly nic: string;
  readonly injectedAt: Instant;
}

/** Everything that one command of the lab must leave for the next. */
export interface LabState {
  readonly name: string;
  readonly nodeCount: number;
  readonly network: NetworkName;
  readonly helm: string;
  readonly imageRoot: string;
  readonly values: ChartValues;
  readonly release: Release;
  readonly api: RunningApi;
  readonly nodes: readonly NodeState[];
  readonly faults: readonly ActiveFault[];
}

function stateFile(lab: string): StateFile<LabState> {
  return new StateFile(join(labDirectory(lab), 'state.json'), 'lab');
}

/** Whether there is a lab of this name. */
export function labExists(lab: string): boolean {
  return stateFile(lab).exists();
}

/** The lab's state. @throws Error that names the command that makes one. */
export function readState(lab: string): LabState {
  return stateFile(lab).read();
}

/** Replaces the lab's state in one step. */
export async function writeState(state: LabState): Promise<void> {
  await stateFile(state.name).write(state);
}

/** Reads the state, lets `change` work on the lab, and writes what it returns; other commands' changes wait meanwhile. */
export async function changeState(lab: string, change: (state: LabState) => Promise<LabState>): Promise<void> {
  await stateFile(lab).change(change);
}
