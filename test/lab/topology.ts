import { ip, ipBatch, listNetns, sysctl } from './netns.ts';
import { allHosts, type HostPlan, INTERFACE, type NetworkPlan } from './network-plan.ts';

const BRIDGE = 'switch0';

/** No waiting for duplicate address detection, no router advertisements: addresses are usable at once and stay as given. */
export const HOST_SYSCTLS = {
  'net.ipv6.conf.all.disable_ipv6': '0',
  'net.ipv6.conf.default.disable_ipv6': '0',
  'net.ipv6.conf.default.accept_dad': '0',
  'net.ipv6.conf.all.accept_dad': '0',
  'net.ipv6.conf.default.accept_ra': '0',
  // A client that opens 200 connections a second needs the ports.
  'net.ipv4.ip_local_port_range': '10000 65000',
};

/** A plain switch: filters of the machine that hosts the lab have no say in it. */
export const SWITCH_SYSCTLS = {
  'net.bridge.bridge-nf-call-iptables': '0',
  'net.bridge.bridge-nf-call-ip6tables': '0',
  'net.bridge.bridge-nf-call-arptables': '0',
  'net.ipv6.conf.all.disable_ipv6': '1',
  'net.ipv6.conf.default.disable_ipv6': '1',
};

/** Creates the namespaces, the switch and the cables. @throws Error when something of them exists already. */
export async function createTopology(plan: NetworkPlan): Promise<void> {
  const hosts = allHosts(plan);
  await ipBatch([plan.switchNetns, ...hosts.map((host) => host.netns)].map((netns) => `netns add ${netns}`));
  await Promise.all([
    sysctl(plan.switchNetns, SWITCH_SYSCTLS),
    ...hosts.map((host) => sysctl(host.netns, HOST_SYSCTLS)),
  ]);
  await ipBatch(
    hosts.map(
      (host) =>
        `link add name ${INTERFACE} address ${host.mac} netns ${host.netns} type veth peer name ${host.name} netns ${plan.switchNetns}`,
    ),
  );
  await ipBatch(
    [
      'link set lo up',
      // Spanning tree would block a port for seconds, snooping would drop VRRP's multicast until a membership report.
      `link add name ${BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set ${BRIDGE} up`,
      ...hosts.flatMap((host) => [`link set ${host.name} master ${BRIDGE}`, `link set ${host.name} up`]),
    ],
    plan.switchNetns,
  );
  await Promise.all(hosts.map(bringUp));
}

async function bringUp(host: HostPlan): Promise<void> {
  await ipBatch(
    [
      'link set lo up',
      `link set ${INTERFACE} up`,
      `address add ${host.ipv4}/24 broadcast + dev ${INTERFACE}`,
      `address add ${host.ipv6}/64 dev ${INTERFACE} nodad`,
    ],
    host.netns,
  );
}

/** Removes those of the namespaces that exist, and with them what is inside. */
export async function removeNetns(names: readonly string[]): Promise<void> {
  const existing = new Set(listNetns());
  for (const name of names.filter((each) => existing.has(each))) {
    await ip(['netns', 'delete', name]);
  }
}
