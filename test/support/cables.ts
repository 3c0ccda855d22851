import { HOST_SYSCTLS, ipBatch, type NamedNetns, SWITCH_SYSCTLS, sysctl } from './netns.ts';

/* Machines in network namespaces, and the switches that they are plugged into. */

/** A cable from an interface of a machine to a port of a switch. */
export interface Cable {
  /** The machine's namespace, and its interface there. */
  readonly netns: string;
  readonly name: string;
  readonly mac: string;
  /** The bridge in the switches' namespace, and the name of its port. */
  readonly bridge: string;
  readonly port: string;
}

/**
 * Makes the namespaces of machines, and one with switches.
 * @param bridges names of the switches
 * @param orders further ones for `ip` there
 * @throws Error when something of them exists already
 */
export async function createSwitches(
  netns: string,
  bridges: readonly string[],
  hosts: readonly NamedNetns[],
  orders: readonly string[] = [],
): Promise<void> {
  await ipBatch([netns, ...hosts.map((host) => host.netns)].map((name) => `netns add ${name}`));
  await Promise.all([sysctl(netns, SWITCH_SYSCTLS), ...hosts.map((host) => sysctl(host.netns, HOST_SYSCTLS))]);
  // Spanning tree would block a port for seconds, snooping would drop VRRP's multicast until a membership report.
  const make = bridges.flatMap((bridge) => [
    `link add name ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set ${bridge} up`,
  ]);
  await ipBatch(['link set lo up', ...make, ...orders], netns);
}

/** Plugs cables in; the machines' ends are down and have no address yet. */
export async function plugIn(switchNetns: string, cables: readonly Cable[]): Promise<void> {
  await ipBatch(
    cables.map(({ name, mac, netns, port }) => {
      return `link add name ${name} address ${mac} netns ${netns} type veth peer name ${port} netns ${switchNetns}`;
    }),
  );
  await ipBatch(
    cables.flatMap(({ port, bridge }) => plugCommands(port, bridge)),
    switchNetns,
  );
}

/** Orders for `ip` that make the end of a cable a port of a switch. Pure. */
export function plugCommands(port: string, bridge: string): string[] {
  return [`link set ${port} master ${bridge}`, `link set ${port} up`];
}

/** An order for `ip` on a machine that gives an interface an address (with its prefix length). Pure. */
export function addressCommand(address: string, name: string): string {
  return address.includes(':')
    ? `address replace ${address} dev ${name} nodad`
    : `address replace ${address} broadcast + dev ${name}`;
}
