import { netnsName } from './names.ts';

const IPV4_PREFIX = '172.30.0';
const IPV6_PREFIX = 'fd00:172:30::';
/** The node's last IPv4 byte, and the tail of its IPv6 address: node1 is .11. */
const FIRST_NODE = 10;
const MAX_NODES = 80;

/** The address that the lab gives the chart when the user's values give none. */
export const DEFAULT_VIP = `${IPV4_PREFIX}.100/24`;
/** Where the API server stand-in listens. */
export const API_PORT = 6443;
/** The one interface that nodes and clients have. */
export const INTERFACE = 'eth0';

/** A machine of the lab: a namespace with one interface, plugged into the switch. */
export interface HostPlan {
  /** `node1`, `client`…; also the name of the switch's port. */
  readonly name: string;
  readonly netns: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly mac: string;
}

/** All machines of a lab and how they are connected. */
export interface NetworkPlan {
  readonly switchNetns: string;
  readonly client: HostPlan;
  /** The client that forgets its neighbours before each attempt. */
  readonly newcomer: HostPlan;
  readonly api: HostPlan;
  readonly nodes: readonly HostPlan[];
}

function host(lab: string, name: string, number: number): HostPlan {
  return {
    name,
    netns: netnsName(lab, name),
    ipv4: `${IPV4_PREFIX}.${number}`,
    ipv6: `${IPV6_PREFIX}${number}`,
    mac: `02:1e:00:00:00:${number.toString(16).padStart(2, '0')}`,
  };
}

/**
 * The network of a lab. Pure.
 * @throws Error when the number of nodes is not 1 to 80.
 */
export function planNetwork(lab: string, nodes: number): NetworkPlan {
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_NODES) {
    throw new Error(`${nodes} nodes are not possible: 1 to ${MAX_NODES}`);
  }
  return {
    switchNetns: netnsName(lab, 'switch'),
    client: host(lab, 'client', 2),
    newcomer: host(lab, 'newcomer', 3),
    api: host(lab, 'api', 5),
    nodes: Array.from({ length: nodes }, (_, index) => host(lab, `node${index + 1}`, FIRST_NODE + index + 1)),
  };
}

/** Every machine of the plan. */
export function allHosts(plan: NetworkPlan): HostPlan[] {
  return [plan.client, plan.newcomer, plan.api, ...plan.nodes];
}
