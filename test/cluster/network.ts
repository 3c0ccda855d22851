import { addressCommand, createSwitches, plugCommands, plugIn } from '../support/cables.ts';
import { HOST_SYSCTLS, INTERFACE, ip, ipBatch, listNetns, removeNetns, sysctl } from '../support/netns.ts';
import { type ClusterPlan, type HostPlan, type MachinePlan, ownsNetns } from './plan.ts';

const BRIDGE = 'switch0';
const UPLINK_PORT = 'uplink';

/** Puts a cable between a host's namespace and the switch, and gives the host its addresses. */
async function plug(plan: ClusterPlan, { name: port, netns, mac, ipv4, ipv6 }: HostPlan): Promise<void> {
  await plugIn(plan.switchNetns, [{ netns, name: INTERFACE, mac, bridge: BRIDGE, port }]);
  await ipBatch(
    [
      'link set lo up',
      `link set ${INTERFACE} up`,
      ...[`${ipv4}/${plan.prefixLength}`, `${ipv6}/64`].map((address) => addressCommand(address, INTERFACE)),
      // It leads to the remote client alone; but without a route for them, packets to Services never reach kube-proxy's rules.
      `route add default via ${plan.gateway}`,
    ],
    netns,
  );
}

/** Puts the remote client at the other end of the router, which the switch is besides. */
async function plugRemote({ switchNetns, remote, prefixLength }: ClusterPlan): Promise<void> {
  const { name, netns, mac, ipv4, gateway } = remote;
  await ipBatch([
    `link add name ${INTERFACE} address ${mac} netns ${netns} type veth peer name ${name} netns ${switchNetns}`,
  ]);
  await ipBatch([addressCommand(`${gateway}/${prefixLength}`, name), `link set ${name} up`], switchNetns);
  await ipBatch(
    [
      'link set lo up',
      `link set ${INTERFACE} up`,
      addressCommand(`${ipv4}/${prefixLength}`, INTERFACE),
      `route add default via ${gateway}`,
    ],
    netns,
  );
}

/** Makes the switch, the clients and the cable with which this machine reaches the API servers. @throws Error when something exists already. */
export async function createNetwork(plan: ClusterPlan): Promise<void> {
  const hosts = [plan.client, plan.newcomer];
  const gateway = `address add ${plan.gateway}/${plan.prefixLength} dev ${BRIDGE}`;
  await createSwitches(plan.switchNetns, [BRIDGE], [...hosts, plan.remote], [gateway]);
  await sysctl(plan.switchNetns, { 'net.ipv4.ip_forward': '1' });
  const { device, ipv4 } = plan.uplink;
  await ipBatch([
    `link add name ${device} type veth peer name ${UPLINK_PORT} netns ${plan.switchNetns}`,
    `address add ${ipv4}/${plan.prefixLength} dev ${device}`,
    `link set ${device} up`,
  ]);
  await ipBatch(plugCommands(UPLINK_PORT, BRIDGE), plan.switchNetns);
  await Promise.all([...hosts.map((host) => plug(plan, host)), plugRemote(plan)]);
}

/** Plugs a machine that has just been started into the switch. */
export async function plugMachine(plan: ClusterPlan, machine: MachinePlan): Promise<void> {
  await sysctl(machine.netns, { ...HOST_SYSCTLS, 'net.ipv4.ip_forward': '1' });
  await plug(plan, machine);
  const others = plan.nodes.filter((node) => node.name !== machine.name);
  await ipBatch(
    others.map((node) => `route add ${node.podCidr} via ${node.ipv4}`),
    machine.netns,
  );
}

/**
 * Pulls a host's cable, both ends of it. The kernel would do that with the host's namespace; but that one lives as long as any
 * process of this machine has it mounted, e.g. a container that was started meanwhile.
 */
export async function unplug(plan: ClusterPlan, host: Pick<HostPlan, 'name'>): Promise<void> {
  await ip(['link', 'delete', host.name], plan.switchNetns).catch(() => undefined); // it went with the namespace
}

/** Removes what is left of a cluster's network. */
export async function removeNetwork(plan: ClusterPlan): Promise<void> {
  await Promise.all([...plan.machines, plan.client, plan.newcomer, plan.remote].map((host) => unplug(plan, host)));
  await removeNetns(listNetns().filter((netns) => ownsNetns(plan.name, netns)));
  await ip(['link', 'delete', plan.uplink.device]).catch(() => undefined); // its other end went with the switch
}
