import { addressCommand, type Cable, createSwitches, plugIn } from '../support/cables.ts';
import { ipBatch } from '../support/netns.ts';
import { allHosts, type HostPlan, type NetworkPlan, type NicPlan } from './network-plan.ts';

/** Creates the namespaces, the switches and the cables. @throws Error when something of them exists already. */
export async function createTopology(plan: NetworkPlan): Promise<void> {
  const hosts = allHosts(plan);
  await createSwitches(plan.switchNetns, plan.switches, hosts);
  // Before the interfaces, so that they come first in the kernel's lists: whoever takes the first match shall be seen to be wrong.
  await Promise.all(hosts.map(makeBridges));
  await plugIn(plan.switchNetns, hosts.flatMap(cablesOf));
  await Promise.all(hosts.map((host) => ipBatch(['link set lo up', ...host.nics.flatMap(nicCommands)], host.netns)));
}

function cablesOf({ netns, nics }: HostPlan): Cable[] {
  return nics.map((nic) => ({ ...nic, netns }));
}

/** Orders for `ip` on a machine that give an interface its own addresses, and the routes that go by it. Pure. */
export function addressCommands({ name, addresses, gateways }: NicPlan): string[] {
  return [
    ...addresses.map((address) => addressCommand(address, name)),
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
  await plugIn(plan.switchNetns, [{ ...nic, netns: host.netns }]);
  await ipBatch(nicCommands(nic), host.netns);
}
