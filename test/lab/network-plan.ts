import { isIPv6 } from 'node:net';
import { checkNodeCount, macAddress } from '../support/place-names.ts';
import { netnsName } from './names.ts';
import { DEFAULT_NETWORK, NETWORKS, type NetworkName, type NetworkShape, type NicShape } from './networks.ts';

/** The node's last IPv4 byte, and the tail of its IPv6 address: node1 is .11. */
const FIRST_NODE = 10;
const MAX_NODES = 80;
/** Tail of the gateway's address, which is nobody's. */
const GATEWAY = 1;
/** Tail of the address that the lab gives the chart. */
const VIP = 100;

/** Where the API server stand-in listens. */
export const API_PORT = 6443;
/** An interface of a machine, and the cable from it to its switch. */
export interface NicPlan {
  /** `eth0`, `eth1`… */
  readonly name: string;
  readonly mac: string;
  /** The bridge in the switch's namespace that it is plugged into, and the name of the port. */
  readonly bridge: string;
  readonly port: string;
  /** With their prefixes, in the order in which they are given. */
  readonly addresses: readonly string[];
  /** An IPv6 address that may come beside them, as SLAAC and privacy extensions bring it; absent where there is no IPv6. */
  readonly second?: string;
  /** Next hops of the default routes by this interface. */
  readonly gateways: readonly string[];
}

/** A machine of the lab: a namespace, plugged into each switch. */
export interface HostPlan {
  /** `node1`, `client`… */
  readonly name: string;
  readonly netns: string;
  /** The one by which the cluster knows it. */
  readonly address: string;
  /** `eth0` first. */
  readonly nics: readonly [NicPlan, ...NicPlan[]];
  /** Bridges of container runtimes, with their addresses. */
  readonly bridges: NetworkShape['bridges'];
}

/** All machines of a lab and how they are connected. */
export interface NetworkPlan {
  readonly network: NetworkName;
  readonly switchNetns: string;
  /** The bridges in the switch's namespace, one for each interface of a machine. */
  readonly switches: readonly string[];
  readonly client: HostPlan;
  /** The client that forgets its neighbours before each attempt. */
  readonly newcomer: HostPlan;
  readonly api: HostPlan;
  readonly nodes: readonly HostPlan[];
}

function bareAddress(cidr: string): string {
  return cidr.slice(0, cidr.indexOf('/'));
}

function nic(shape: NicShape, index: number, machine: { name: string; number: number; isNode: boolean }): NicPlan {
  const { name, number, isNode } = machine;
  const subnets = isNode && shape.bare ? [] : shape.subnets;
  const ipv6 = subnets.find(({ prefix }) => prefix.includes(':'));
  return {
    name: `eth${index}`,
    mac: macAddress('02:1e:00:00', index, number),
    bridge: `switch${index}`,
    port: index === 0 ? name : `${name}-eth${index}`,
    addresses: subnets.map(({ prefix, length }) => `${prefix}${number}/${length}`),
    ...(ipv6 === undefined ? {} : { second: `${ipv6.prefix}5ec:${number}/${ipv6.length}` }),
    gateways: [],
  };
}

/** The next hops of the default routes: one of each family that the interface has. */
function gateways({ subnets }: NicShape): string[] {
  const firsts = [false, true].flatMap((v6) => subnets.find(({ prefix }) => prefix.includes(':') === v6) ?? []);
  return firsts.map(({ prefix }) => `${prefix}${GATEWAY}`);
}

function host(lab: string, shape: NetworkShape, name: string, number: number): HostPlan {
  const isNode = number > FIRST_NODE;
  const nics = shape.nics.map((each, index) => nic(each, index, { name, number, isNode }));
  const [first, ...others] = nics;
  const [address] = first?.addresses ?? [];
  const [firstShape] = shape.nics;
  if (first === undefined || firstShape === undefined || address === undefined) {
    throw new Error('a network has an interface with an address');
  }
  const way = shape.defaultRoute ? gateways(firstShape) : [];
  return {
    name,
    netns: netnsName(lab, name),
    address: bareAddress(address),
    nics: [{ ...first, gateways: way }, ...others],
    bridges: isNode ? shape.bridges : [],
  };
}

/**
 * The network of a lab. Pure.
 * @throws Error when the number of nodes is not 1 to 80.
 */
export function planNetwork(lab: string, nodes: number, network: NetworkName = DEFAULT_NETWORK): NetworkPlan {
  checkNodeCount(nodes, MAX_NODES);
  const shape: NetworkShape = NETWORKS[network];
  return {
    network,
    switchNetns: netnsName(lab, 'switch'),
    switches: shape.nics.map((_, index) => `switch${index}`),
    client: host(lab, shape, 'client', 2),
    newcomer: host(lab, shape, 'newcomer', 3),
    api: host(lab, shape, 'api', 5),
    nodes: Array.from({ length: nodes }, (_, index) => host(lab, shape, `node${index + 1}`, FIRST_NODE + index + 1)),
  };
}

/** Every machine of the plan. */
export function allHosts(plan: NetworkPlan): HostPlan[] {
  return [plan.client, plan.newcomer, plan.api, ...plan.nodes];
}

/** A machine's own addresses on its interfaces and bridges, those that may come too; without prefixes. Pure. */
export function ownAddresses({ nics, bridges }: HostPlan): string[] {
  return [
    ...nics.flatMap(({ addresses, second }) => (second === undefined ? addresses : [...addresses, second])),
    ...bridges.map(({ address }) => address),
  ].map(bareAddress);
}

/** A machine's addresses of one family on its first interface, without prefixes. Pure. */
export function addressesOf({ nics: [first] }: HostPlan, family: 4 | 6): string[] {
  return first.addresses.map(bareAddress).filter((address) => isIPv6(address) === (family === 6));
}

/** The address that the lab gives the chart when the user's values give none: in the last subnet that has one of its own. Pure. */
export function defaultVip(network: NetworkName): string {
  const { nics }: NetworkShape = NETWORKS[network];
  const [subnet] = nics.filter(({ bare }) => !bare).at(-1)?.subnets ?? [];
  return `${subnet?.prefix}${VIP}/${subnet?.length}`;
}
