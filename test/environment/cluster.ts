import type { ClientKind } from '../clients/prober.ts';
import { healFaults, type InjectedClusterFault, injectFault } from '../cluster/fault-control.ts';
import type { ClusterFaultName } from '../cluster/fault-names.ts';
import { type ClusterPlan, type MachinePlan, planCluster } from '../cluster/plan.ts';
import { type ClusterState, clusterKubectl, clusterState } from '../cluster/state.ts';
import { addressesByNode, pidsOf } from '../cluster/status.ts';
import type { FaultFilter } from '../support/faults.ts';
import type { Kubectl } from '../support/kubectl.ts';
import { isAlive } from '../support/processes.ts';
import { RUNTIME_DIRECTORY } from '../support/runtime-directory.ts';
import { Environment } from './environment.ts';
import { isFit } from './fitness.ts';

/** The project's own Kubernetes: a node is a machine with a kubelet, and the release's pod on it. */
export class ClusterEnvironment extends Environment<ClusterFaultName, MachinePlan> {
  /** The cluster's state as its last command left it. */
  get state(): ClusterState {
    return clusterState(this.name).read();
  }

  get plan(): ClusterPlan {
    return planCluster(this.state.shape);
  }

  get hosts(): readonly MachinePlan[] {
    return this.plan.nodes;
  }

  get kubectl(): Kubectl {
    return clusterKubectl(this.state);
  }

  inject(fault: ClusterFaultName, node?: string): Promise<InjectedClusterFault> {
    return injectFault(this.name, fault, node);
  }

  heal(which: FaultFilter<ClusterFaultName> = {}): Promise<unknown> {
    return healFaults(this.name, which);
  }

  held(): Promise<Readonly<Record<string, readonly string[]>>> {
    return addressesByNode(this.state);
  }

  /** Those that are switched on and fit by the track files of keepalived's container, whose volume is mounted nowhere else. */
  fitNodes(): string[] {
    const on = new Set(this.state.machines.filter(({ init }) => isAlive(init)).map(({ name }) => name));
    const fit = this.hosts.filter((host) => {
      const pid = on.has(host.name) ? pidsOf(host, 'keepalived')[0] : undefined;
      return pid !== undefined && isFit(`/proc/${pid}/root${RUNTIME_DIRECTORY}`);
    });
    return fit.map(({ name }) => name);
  }

  protected get sidecarUrl(): string {
    return 'http://127.0.0.1:10270';
  }

  clientNetns(kind: ClientKind): string {
    const { client, newcomer } = this.plan;
    return (kind === 'newcomer' ? newcomer : client).netns;
  }
}
