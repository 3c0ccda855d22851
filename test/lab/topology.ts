import { HOST_SYSCTLS, ipBatch, SWITCH_SYSCTLS, sysctl } from '../support/netns.ts';
import { allHosts, type HostPlan, type NetworkPlan, type NicPlan } from './network-plan.ts';

/** Creates the namespaces, the switches and the cables. @throws Error when something of them exists already. */
export async function createTopology(plan: NetworkPlan): Promise<void> {
  const hosts = allHosts(plan);
  await ipBatch([plan.switchNetns, ...hosts.map((host) => host.netns)].map((netns) => `netns add ${netns}`));
  await Promise.all([
    sysctl(plan.switchNetns, SWITCH_SYSCTLS),
    ...hosts.map((host) => sysctl(host.netns, HOST_SYSCTLS)),
  ]);
  // Before the interfaces, so that they come first in the kernel's lists: whoever takes the first match shall be seen to be wrong.
  await Promise.all(hosts.map(makeBridges));
  await ipBatch(hosts.flatMap((host) => host.nics.map((nic) => cableCommand(plan, host, nic))));
  await ipBatch(
    [
      'link set lo up',
      // Spanning tree would block a port for seconds, snooping would drop VRRP's multicast until a membership report.
      ...plan.switches.flatMap((bridge) => [
        `link add name ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
        `link set ${bridge} up`,
      ]),
      ...hosts.flatMap(({ nics }) => nics.flatMap(plugCommands)),
    ],
    plan.switchNetns,
  );
  await Promise.all(hosts.map((host) => ipBatch(['link set lo up', ...host.nics.flatMap(nicCommands)], host.netns)));
}

function cableCommand(plan: NetworkPlan, host: HostPlan, { name, mac, port }: NicPlan): string {
  return `link add name ${name} address ${mac} netns ${host.netns} type veth peer name ${port} netns ${plan.switchNetns}`;
}

function plugCommands({ port, bridge }: NicPlan): string[] {
  return [`link set ${port} master ${bridge}`, `link set ${port} up`];
}

/** Orders for `ip` on a machine that give an interface its own addresses, and the routes that go by it. Pure. */
export function addressCommands({ name, addresses, gateways }: NicPlan): string[] {
  return [
    ...addresses.map((address) =>
      address.includes(':')
        ? `address replace ${address} dev ${name} nodad`
        : `address replace ${address} broadcast + dev ${name}`,
    ),
    ...gateways.map(
      (gateway) => `route replace ${gateway.includes(':') ? '::/0' : '0.0.0.0/0'} via ${gateway} dev ${name}`,
    ),
  ];
}

function nicCommands(nic: NicPlan): string[] {
  return [`link set ${nic.name} up`, ...addressCommands(nic)];
}

/** A bridge has a carrier only with something on it: a container's cable, whose other end is left on the node. */
async function makeBridges({ bridges, netns }: HostPlan): Promise<void> {
  if (bridges.length === 0) return;
  const commands = bridges.flatMap(({ name, address }, index) => [
    `link add name ${name} type bridge stp_state 0 forward_delay 0`,
    `link add name veth${index} type veth peer name pod${index}`,
    `link set veth${index} master ${name}`,
    ...[name, `veth${index}`, `pod${index}`].map((link) => `link set ${link} up`),
    `address add ${address} broadcast + dev ${name}`,
  ]);
  await ipBatch(commands, netns);
}

/** Plugs an interface that was removed in again, as it was. */
export async function replug(plan: NetworkPlan, host: HostPlan, nic: NicPlan): Promise<void> {
  await ipBatch([cableCommand(plan, host, nic)]);
  await ipBatch(plugCommands(nic), plan.switchNetns);
  await ipBatch(nicCommands(nic), host.netns);
}
