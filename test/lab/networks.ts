import { knownName } from '../support/named.ts';
/* The networks that a lab can have, as data: subnets, interfaces, bridges. */

/** A subnet: the address of machine N is `prefix` and N. */
export interface SubnetShape {
  readonly prefix: string;
  readonly length: number;
}

/** One interface of every machine, on a switch of its own. */
export interface NicShape {
  readonly subnets: readonly SubnetShape[];
  /** Nodes have no address on it; the clients have. */
  readonly bare?: true;
}

/** A bridge that a container runtime made on each node, with a container on it. */
export interface BridgeShape {
  readonly name: string;
  /** With its prefix; the same on every node, as with every runtime's default. */
  readonly address: string;
}

/** What a network of machines looks like. */
export interface NetworkShape {
  /** For people, in one line. */
  readonly what: string;
  /** `eth0` first: that is the one with the nodes' addresses in the cluster and the way to the API server. */
  readonly nics: readonly NicShape[];
  /** Default routes by `eth0`, of every family that it has. The gateway is nobody: its packets are lost. */
  readonly defaultRoute: boolean;
  readonly bridges: readonly BridgeShape[];
}

const FIRST = { ipv4: { prefix: '172.30.0.', length: 24 }, ipv6: { prefix: 'fd00:172:30::', length: 64 } };
const SECOND = { ipv4: { prefix: '172.31.0.', length: 24 }, ipv6: { prefix: 'fd00:172:31::', length: 64 } };
const BOTH_FIRST = [FIRST.ipv4, FIRST.ipv6];
const BOTH_SECOND = [SECOND.ipv4, SECOND.ipv6];

/** Every network that a lab can have, by its name. */
export const NETWORKS = {
  flat: {
    what: 'one interface, one subnet, IPv4 and IPv6, no default route',
    nics: [{ subnets: BOTH_FIRST }],
    defaultRoute: false,
    bridges: [],
  },
  routed: {
    what: 'as flat, with default routes',
    nics: [{ subnets: BOTH_FIRST }],
    defaultRoute: true,
    bridges: [],
  },
  ipv6: {
    what: 'one interface, IPv6 only, default route',
    nics: [{ subnets: [FIRST.ipv6] }],
    defaultRoute: true,
    bridges: [],
  },
  twonics: {
    what: 'eth0 with the default routes, eth1 with a subnet of its own on a second switch',
    nics: [{ subnets: BOTH_FIRST }, { subnets: BOTH_SECOND }],
    defaultRoute: true,
    bridges: [],
  },
  twosubnets: {
    what: 'two subnets on one interface',
    nics: [{ subnets: [...BOTH_FIRST, ...BOTH_SECOND] }],
    defaultRoute: true,
    bridges: [],
  },
  overlap: {
    what: 'the subnet of eth1 (10.1.2.0/24) is part of that of eth0 (10.0.0.0/8)',
    nics: [
      {
        subnets: [
          { prefix: '10.9.0.', length: 8 },
          { prefix: 'fd10:9::', length: 32 },
        ],
      },
      {
        subnets: [
          { prefix: '10.1.2.', length: 24 },
          { prefix: 'fd10:9:1:2::', length: 64 },
        ],
      },
    ],
    defaultRoute: true,
    bridges: [],
  },
  bridges: {
    what: "a container runtime's docker0 (172.30.0.0/16) around the subnet of eth0, and cni0 (10.244.0.0/16)",
    nics: [{ subnets: BOTH_FIRST }],
    defaultRoute: true,
    bridges: [
      { name: 'docker0', address: '172.30.255.1/16' },
      { name: 'cni0', address: '10.244.0.1/16' },
    ],
  },
  bare: {
    what: 'eth0 with the default routes; the nodes have no address on eth1',
    nics: [{ subnets: BOTH_FIRST }, { subnets: BOTH_SECOND, bare: true }],
    defaultRoute: true,
    bridges: [],
  },
} as const satisfies Readonly<Record<string, NetworkShape>>;

export type NetworkName = keyof typeof NETWORKS;

/** The network that a lab has when none is named. */
export const DEFAULT_NETWORK: NetworkName = 'flat';

/** @throws Error that lists the networks when there is none of this name. */
export function checkNetworkName(name: string): NetworkName {
  return knownName('network', NETWORKS, name);
}
