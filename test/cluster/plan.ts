import { checkNodeCount, DEFAULT_PLACE, macAddress, placeNames } from '../support/place-names.ts';

/** Clusters that can be up at the same time: each has a subnet of its own, of which the third byte is this number. */
export const SUBNETS = 100;

const MAX_NODES = 20;
const FIRST_NODE = 10;
/** Services' virtual addresses; only the cluster's own machines know them. */
export const SERVICE_CIDR = '10.96.0.0/16';
/** Pods' addresses of all nodes. */
export const POD_CIDR = '10.244.0.0/16';
/** First address of SERVICE_CIDR: the Service `kubernetes`. */
export const API_SERVICE_IP = '10.96.0.1';
export const API_SERVER_PORT = 6443;
/** Where pods ask for names, whether or not somebody answers there. */
export const DNS_SERVICE_IP = '10.96.0.10';
export const CLUSTER_DOMAIN = 'cluster.local';

/** A machine in a network namespace, with one interface on the switch. */
export interface HostPlan {
  readonly name: string;
  readonly netns: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly mac: string;
}

/** A client in a network of its own, with the switch as its router. */
export interface RemotePlan {
  readonly name: string;
  readonly netns: string;
  readonly ipv4: string;
  /** The router's address there. */
  readonly gateway: string;
  readonly mac: string;
}

/** A machine of the cluster: namespaces and cgroups of its own, one interface on the switch. */
export interface MachinePlan extends HostPlan {
  /** Runs etcd, API server, controller manager and scheduler. */
  readonly controlPlane: boolean;
  /** Runs containerd, kubelet and kube-proxy: is a node of the cluster. */
  readonly node: boolean;
  /** Addresses of its pods; undefined where there is no kubelet. */
  readonly podCidr?: string;
}

/** All machines of a cluster and how they are connected. */
export interface ClusterPlan {
  readonly name: string;
  readonly switchNetns: string;
  /** The bridge's own address: every machine's default gateway, which leads to the remote client alone. */
  readonly gateway: string;
  /** The interface with which the machine that hosts the cluster reaches the API servers. */
  readonly uplink: { readonly device: string; readonly ipv4: string };
  readonly client: HostPlan;
  /** The client that forgets its neighbours before each attempt. */
  readonly newcomer: HostPlan;
  /** The client that shares no subnet with the nodes, nor a /16. */
  readonly remote: RemotePlan;
  readonly machines: readonly MachinePlan[];
  /** The machines that are nodes of the cluster. */
  readonly nodes: readonly MachinePlan[];
  readonly controlPlanes: readonly MachinePlan[];
  /** An address for the API servers together: their certificates are valid for it. */
  readonly apiVip: string;
  /** The address that examples and tests use for the ingress. */
  readonly ingressVip: string;
  readonly prefixLength: number;
}

/** What a cluster is made of. */
export interface ClusterShape {
  readonly name: string;
  readonly nodes: number;
  /** 1: a machine of its own that is no node. More: that many of the nodes, each with an API server and an etcd member. */
  readonly controlPlanes: number;
  /** 0 to SUBNETS - 1. */
  readonly subnet: number;
}

export const {
  check: checkClusterName,
  netns: netnsName,
  owns: ownsNetns,
} = placeNames('cluster', 'kivc', ['switch', 'client', 'newcomer', 'remote', 'cp']);

function checkShape({ nodes, controlPlanes }: ClusterShape): void {
  checkNodeCount(nodes, MAX_NODES);
  if (![1, 3, 5].includes(controlPlanes)) {
    throw new Error(`${controlPlanes} control planes are not possible: 1, 3 or 5, for etcd needs a majority`);
  }
  if (controlPlanes > 1 && controlPlanes > nodes) {
    throw new Error(`${controlPlanes} control planes need as many nodes, not ${nodes}`);
  }
}

/**
 * The machines and the network of a cluster. Pure.
 * @throws Error when the shape is not possible.
 */
export function planCluster(shape: ClusterShape): ClusterPlan {
  checkShape(shape);
  const { name, subnet } = shape;
  const host = (role: string, number: number): HostPlan => ({
    name: role,
    netns: netnsName(name, role),
    ipv4: `10.77.${subnet}.${number}`,
    ipv6: `fd00:77:${subnet + 1}::${number}`,
    mac: macAddress('02:1f:00:00', subnet, number),
  });
  const nodes = Array.from({ length: shape.nodes }, (_, index): MachinePlan => {
    const number = index + 1;
    return {
      ...host(`node${number}`, FIRST_NODE + number),
      controlPlane: shape.controlPlanes > 1 && number <= shape.controlPlanes,
      node: true,
      podCidr: `10.244.${number}.0/24`,
    };
  });
  const own: MachinePlan[] = shape.controlPlanes === 1 ? [{ ...host('cp', 2), controlPlane: true, node: false }] : [];
  const machines = [...own, ...nodes];
  return {
    name,
    switchNetns: netnsName(name, 'switch'),
    gateway: `10.77.${subnet}.254`,
    uplink: { device: name === DEFAULT_PLACE ? 'kivc' : `kivc-${name}`, ipv4: `10.77.${subnet}.1` },
    client: host('client', 3),
    newcomer: host('newcomer', 4),
    remote: {
      name: 'remote',
      netns: netnsName(name, 'remote'),
      ipv4: `10.78.${subnet}.2`,
      gateway: `10.78.${subnet}.1`,
      mac: macAddress('02:1f:00:01', subnet, 2),
    },
    machines,
    nodes,
    controlPlanes: machines.filter((machine) => machine.controlPlane),
    apiVip: `10.77.${subnet}.99`,
    ingressVip: `10.77.${subnet}.100`,
    prefixLength: 24,
  };
}

/** URL of the API server that a machine talks to: its own where it has one, else the first. Pure. */
export function apiServerFor(plan: ClusterPlan, machine?: MachinePlan): string {
  const server = machine?.controlPlane ? machine : plan.controlPlanes[0];
  return `https://${server?.ipv4}:${API_SERVER_PORT}`;
}
