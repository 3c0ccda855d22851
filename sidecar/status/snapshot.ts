import type { CertificateVerdict } from '../certificates/certificate-verdict.ts';
import type { TripwireState } from '../checks/tripwire.ts';
import type { CheckName, CheckState, CheckTiming } from '../checks/types.ts';
import type { Settings } from '../config/settings.ts';
import type { ConnectionsView } from '../connections/view.ts';
import type { CordonState } from '../fitness/cordon.ts';
import type { Fitness } from '../fitness/fitness.ts';
import type { LoopbackView } from '../instances/loopback-set.ts';
import type { HolderState } from '../keepalived/holder.ts';
import type { BackendView } from '../proxy/balancer.ts';
import type { ProxyStatus } from '../runtime/proxy-exchange.ts';
import type { SupervisorStatus } from '../runtime/supervisor-status.ts';
import type { PlanView } from '../sources/plan/plan-state.ts';

/** Everything that the sidecar knows of itself at one moment. */
export interface SidecarSnapshot {
  readonly node: string;
  readonly version: string;
  /** Whether the node runs an instance of its own, besides those of pools: `holder` and `fitness` are about it. */
  readonly hasNodeInstance: boolean;
  readonly holder: HolderState;
  readonly fitness: Fitness | undefined;
  /** Of the node's first own instance, else the one that the settings have for it. */
  readonly virtualRouterId: number;
  readonly rank: number;
  /** Why the pod drains by itself; a cordon is not among them. */
  readonly drainReasons: readonly string[];
  readonly cordon: CordonState;
  readonly checks: Readonly<Partial<Record<CheckName, CheckSnapshot>>>;
  /** Ports that a connection is held to and that refuse it, each with the check that it belongs to. */
  readonly refusedPorts: readonly (TripwireState & { readonly check: CheckName })[];
  readonly settings: Settings;
  readonly config: {
    readonly version: string;
    readonly loadedAtMs: number;
    readonly rejected: { readonly errors: readonly string[]; readonly atMs: number } | null;
    /** Why the settings cannot be carried out on this node. */
    readonly problem: string | null;
  };
  readonly supervisor: SupervisorStatus | undefined;
  /** What is wrong with the sidecar itself, while it lasts. */
  readonly problems: readonly string[];
  /** Why what was decided does not reach keepalived; null when it does. */
  readonly trackProblem: string | null;
  /** Router ids of this node's instances that foreign routers use on the same network, too. */
  readonly foreignRouterIds: readonly number[];
  /** What the node is to do for pools, and what came of it. */
  readonly plan: PlanView & {
    /** The plan that keepalived runs; null for none. */
    readonly observed: string | null;
    /** What keeps the node from carrying it out. */
    readonly problems: readonly string[];
  };
  /** The addresses of the control plane, as this node sees them; null where there are none. */
  readonly controlPlane: ControlPlaneSnapshot | null;
  /** Clients whose connections are told to the other nodes; null where that is not wanted. */
  readonly connections: ConnectionsView | null;
  /** The node's proxy and its API servers; null where there is no proxy. */
  readonly proxy: ProxySnapshot | null;
  /** Sessions with routers; null where nothing is announced to any. */
  readonly bgp: BgpSnapshot | null;
  readonly pools: readonly PoolSnapshot[];
  /** The instances of pools; the node's own is what the rest of this is about. */
  readonly instances: readonly InstanceSnapshot[];
  /** What is to be on lo while the node is fit for it, and what is. */
  readonly loopback: readonly LoopbackView[];
}

/** What BIRD says of itself and of its sessions with routers. */
export interface BgpSnapshot {
  readonly answers: boolean;
  /** Why it does not answer, and what of its configuration is not in force, in sentences. */
  readonly problems: readonly string[];
  /** Also while BIRD does not answer: then nothing is known of each. */
  readonly sessions: readonly BgpSessionSnapshot[];
}

/** A session with a router. */
export interface BgpSessionSnapshot {
  /** The router's address. */
  readonly peer: string;
  /** BIRD's word, or `unknown`. */
  readonly state: string;
  /** Undefined: not known, or the router is on none of the node's networks. */
  readonly up: boolean | undefined;
  /** Since when it is up, or not, as this process saw it. */
  readonly sinceMs: number | undefined;
  /** How many addresses the router was told; undefined while there is no session. */
  readonly announced: number | undefined;
  /** Whether the router answers BFD; undefined: it is not asked by it, or nothing is known. */
  readonly bfd: boolean | undefined;
  /** Why it is not up; null when it is, and when nobody knows. */
  readonly reason: string | null;
}

/** A pool that the node takes part in. */
export interface PoolSnapshot {
  readonly name: string;
  /** `own`: it is not the node's service check. */
  readonly check: {
    readonly target: string | undefined;
    readonly state: CheckState | undefined;
    readonly own: boolean;
  };
  /** The check's verdict, watched ports included. */
  readonly healthy: boolean | undefined;
  /** Whether this node has a ready endpoint of the pool's Services; null where that does not count. */
  readonly localEndpoints: {
    readonly target: string | undefined;
    readonly state: CheckState | undefined;
    /** Undefined: not known yet. */
    readonly ready: boolean | undefined;
    /** Endpoints that a connection is held to: false, it broke and others are refused; undefined, none was made yet. Absent: none is held. */
    readonly held?: readonly { readonly name: string; readonly held: boolean | undefined }[] | undefined;
  } | null;
}

/** What is known of the addresses of the control plane. */
export interface ControlPlaneSnapshot {
  /** Each by itself; together they are the node's own state. */
  readonly instances: readonly RunningInstance[];
  /** What servers showed to who connects to them, of those that were seen. */
  readonly certificates: readonly CertificateVerdict[];
  readonly conditions: readonly Condition[];
}

/** Something that is so, is not so, or is not known, in the words of Kubernetes' conditions. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly message: string;
}

/** The proxy in front of the API servers. */
export interface ProxySnapshot {
  /** What its supervisor reported; undefined before its first report. */
  readonly status: ProxyStatus | undefined;
  /** Why HAProxy does not answer; null when it does. Then the backends are as they were last seen. */
  readonly problem: string | null;
  /** Whether the Kubernetes API tells which API servers there are; null where it is not asked. */
  readonly watch: { readonly problem: string | null } | null;
  readonly backends: readonly BackendSnapshot[];
}

/** An API server behind the proxy. */
export interface BackendSnapshot extends Omit<BackendView, 'doubt'> {
  /** Why it is in its state. */
  readonly why: string;
  /** What it says of itself; undefined while that is not known. */
  readonly ready: boolean | undefined;
  /** What its `/readyz` said last; null before the first answer. */
  readonly readiness: string | null;
}

/** A VRRP instance of the plan. */
export interface InstanceSnapshot extends RunningInstance {
  readonly pool: string;
}

/** A VRRP instance that this node runs. */
export interface RunningInstance {
  readonly name: string;
  readonly rank: number;
  readonly virtualRouterId: number;
  readonly holder: HolderState;
  readonly fitness: Fitness | undefined;
}

/** A check that is switched on. */
export interface CheckSnapshot {
  readonly target: string;
  readonly timing: CheckTiming;
  readonly state: CheckState;
  /** The check's verdict, watched ports included. */
  readonly healthy: boolean | undefined;
}
