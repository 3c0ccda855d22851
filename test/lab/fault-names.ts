/** Every fault, with what it does to its node. The order is that of the help text. */
export const FAULTS = {
  'ingress-crash': 'SIGKILL to the ingress, master and worker',
  'ingress-hang': 'SIGSTOP to the ingress',
  'ingress-unhealthy': "the ingress's health endpoint answers 503",
  'kubelet-down': 'SIGKILL to the kubelet',
  'api-unreachable': 'packets between the node and the API server are lost',
  'link-down': "the switch's end of the node's cable goes down: carrier lost",
  'switch-cut': "the switch's port of the node is disabled: frames lost, carrier stays",
  'address-lost': "the node's own addresses on the interface are removed, and the routes by it",
  'second-address': 'a second IPv6 address comes to the interface, as SLAAC and privacy extensions bring it',
  'vip-by-hand': 'somebody adds the virtual address to the interface by hand',
  'ipv6-off': 'IPv6 is switched off on the node',
  'nic-gone': 'the interface is removed from the node',
  'keepalived-term': 'SIGTERM to the keepalived container',
  'keepalived-kill': 'SIGKILL to keepalived, parent and child',
  'sidecar-kill': 'SIGKILL to the sidecar container',
  'sidecar-hang': 'SIGSTOP to the sidecar',
  'node-freeze': 'SIGSTOP to everything on the node',
  'bad-config': 'an invalid candidate configuration is offered to keepalived',
  drain: "the keepalived container's preStop hook runs",
  cordon: 'the Kubernetes API tells that the node is cordoned',
} as const;

export type FaultName = keyof typeof FAULTS;
