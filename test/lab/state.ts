import { join } from 'node:path';
import type { Container } from '../support/container.ts';
import type { ActiveFault } from '../support/faults.ts';
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
export interface ActiveLabFault extends ActiveFault<FaultName> {
  /** The interface that was meant. */
  readonly nic: string;
}

/** Everything that one command of the lab must leave for the next. */
export interface LabState {
  readonly name: string;
  readonly nodeCount: number;
  readonly network: NetworkName;
  readonly helm: string;
  readonly imageRoot: string;
  readonly proxyRoot: string;
  readonly birdRoot: string | undefined;
  readonly values: ChartValues;
  readonly release: Release;
  readonly api: RunningApi;
  readonly nodes: readonly NodeState[];
  readonly faults: readonly ActiveLabFault[];
}

/** What is known of a lab. */
export function labState(lab: string): StateFile<LabState> {
  return new StateFile(join(labDirectory(lab), 'state.json'), 'lab');
}
