/** Every fault, with what it does to its node. The order is that of the help text. */
export const CLUSTER_FAULTS = {
  'ingress-crash': 'SIGKILL to the ingress, master and worker; the kubelet starts it again',
  'kubelet-stop': 'SIGKILL to the kubelet, which stays away; pods go on',
  'apiserver-stop': 'SIGKILL to the API server, which stays away; of the control plane if the node has none',
  'apiserver-hang': 'SIGSTOP to the API server; of the control plane if the node has none',
  'link-cut': "the switch's end of the node's cable goes down: carrier lost",
  'switch-cut': "the switch's port of the node is disabled: frames lost, carrier stays",
  'node-crash': 'the node loses power and stays off',
  'node-reboot': 'the node loses power and boots again',
  'keepalived-kill': 'SIGKILL to keepalived, parent and child; the kubelet starts it again',
  'sidecar-kill': 'SIGKILL to the sidecar; the kubelet starts it again',
  'sidecar-hang': 'SIGSTOP to the sidecar',
  'node-freeze': 'everything on the node stands still; its kernel goes on, and so answers for its addresses',
  'controller-kill': 'SIGKILL to the controller of pools on the node; the kubelet starts it again',
  'controller-hang': 'SIGSTOP to the controller of pools on the node',
  'pod-delete': "the release's pod on the node is deleted",
  drain: 'kubectl drain, daemon sets left alone',
  cordon: 'kubectl cordon',
} as const;

export type ClusterFaultName = keyof typeof CLUSTER_FAULTS;
