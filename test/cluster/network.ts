import {
  HOST_SYSCTLS,
  INTERFACE,
  ip,
  ipBatch,
  listNetns,
  removeNetns,
  SWITCH_SYSCTLS,
  sysctl,
} from '../support/netns.ts';
import { type ClusterPlan, type HostPlan, type MachinePlan, ownsNetns } from './plan.ts';

const BRIDGE = 'switch0';
const UPLINK_PORT = 'uplink';

/** Puts a cable between a host's namespace and the switch, and gives the host its addresses. */
async function plug(plan: ClusterPlan, host: HostPlan): Promise<void> {
  await ipBatch([
    `link add name ${INTERFACE} address ${host.mac} netns ${host.netns} type veth peer name ${host.name} netns ${plan.switchNetns}`,
  ]);
  await ipBatch([`link set ${host.name} master ${BRIDGE}`, `link set ${host.name} up`], plan.switchNetns);
  await ipBatch(
    [
      'link set lo up',
      `link set ${INTERFACE} up`,
      `address add ${host.ipv4}/${plan.prefixLength} broadcast + dev ${INTERFACE}`,
      `address add ${host.ipv6}/64 dev ${INTERFACE} nodad`,
      // It leads nowhere; but without a route for them, packets to Services never reach kube-proxy's rules.
      `route add default via ${plan.gateway}`,
    ],
    host.netns,
  );
}

/** Makes the switch, the clients and the cable with which this machine reaches the API servers. @throws Error when something exists already. */
export async function createNetwork(plan: ClusterPlan): Promise<void> {
  const hosts = [plan.client, plan.newcomer];
  await ipBatch([plan.switchNetns, ...hosts.map((host) => host.netns)].map((netns) => `netns add ${netns}`));
  await Promise.all([
    sysctl(plan.switchNetns, { ...SWITCH_SYSCTLS, 'net.ipv4.ip_forward': '1' }),
    ...hosts.map((host) => sysctl(host.netns, HOST_SYSCTLS)),
  ]);
  await ipBatch(
    [
      'link set lo up',
      `link add name ${BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `address add ${plan.gateway}/${plan.prefixLength} dev ${BRIDGE}`,
      `link set ${BRIDGE} up`,
    ],
    plan.switchNetns,
  );
  const { device, ipv4 } = plan.uplink;
  await ipBatch([
    `link add name ${device} type veth peer name ${UPLINK_PORT} netns ${plan.switchNetns}`,
    `address add ${ipv4}/${plan.prefixLength} dev ${device}`,
    `link set ${device} up`,
  ]);
  await ipBatch([`link set ${UPLINK_PORT} master ${BRIDGE}`, `link set ${UPLINK_PORT} up`], plan.switchNetns);
  await Promise.all(hosts.map((host) => plug(plan, host)));
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
export async function unplug(plan: ClusterPlan, host: HostPlan): Promise<void> {
  await ip(['link', 'delete', host.name], plan.switchNetns).catch(() => undefined); // it went with the namespace
}

/** Removes what is left of a cluster's network. */
export async function removeNetwork(plan: ClusterPlan): Promise<void> {
  await Promise.all([...plan.machines, plan.client, plan.newcomer].map((host) => unplug(plan, host)));
  await removeNetns(listNetns().filter((netns) => ownsNetns(plan.name, netns)));
  await ip(['link', 'delete', plan.uplink.device]).catch(() => undefined); // its other end went with the switch
}
