import type { ClientKind } from '../clients/prober.ts';
import {
  type HealedFaults,
  type HealOptions,
  healFaults,
  type InjectedFault,
  injectFault,
} from '../lab/fault-control.ts';
import type { FaultName } from '../lab/fault-names.ts';
import type { HostPlan, NetworkPlan } from '../lab/network-plan.ts';
import { nodeDirectory } from '../lab/node-directory.ts';
import { RUNTIME_VOLUME } from '../lab/runtime-files.ts';
import { type LabState, labState } from '../lab/state.ts';
import { addressesByNode } from '../lab/status.ts';
import { networkOf } from '../lab/targets.ts';
import { Environment } from './environment.ts';
import { isFit } from './fitness.ts';

/** The lab: a node is a network namespace, with the containers of the chart's pod in it. */
export class LabEnvironment extends Environment<FaultName, HostPlan> {
  /** The lab's state as its last command left it. */
  get state(): LabState {
    return labState(this.name).read();
  }

  get network(): NetworkPlan {
    return networkOf(this.state);
  }

  get hosts(): readonly HostPlan[] {
    return this.network.nodes;
  }

  /** The first virtual address. */
  get address(): string {
    return this.state.release.addresses[0] ?? '';
  }

  /** @param nic the interface that faults of the network are about, by default the first */
  inject(fault: FaultName, node?: string, nic?: string): Promise<InjectedFault> {
    return injectFault(this.name, fault, node, nic);
  }

  heal(which: HealOptions = {}): Promise<HealedFaults> {
    return healFaults(this.name, which);
  }

  held(): Promise<Readonly<Record<string, readonly string[]>>> {
    return addressesByNode(this.network);
  }

  override holders(address: string = this.address): Promise<string[]> {
    return super.holders(address);
  }

  /** Where something else runs instead of the product, every node is fit. */
  fitNodes(): string[] {
    const hasSidecar = this.state.release.containers.some(({ name }) => name === 'sidecar');
    return this.nodes.filter((node) => !hasSidecar || isFit(this.runtime(node)));
  }

  /** The runtime directory of a node's pod, as seen from this machine. */
  runtime(node: string): string {
    return nodeDirectory(this.name, node).volume(RUNTIME_VOLUME);
  }

  protected get sidecarUrl(): string {
    return this.state.release.sidecarUrl;
  }

  clientNetns(kind: ClientKind): string {
    const { client, newcomer } = this.network;
    return (kind === 'newcomer' ? newcomer : client).netns;
  }
}
