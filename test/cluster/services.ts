import { stringify } from 'yaml';
import { apiServerIdentity, kubeconfig, type Pki } from './pki.ts';
import {
  API_SERVER_PORT,
  CLUSTER_DOMAIN,
  type ClusterPlan,
  DNS_SERVICE_IP,
  type MachinePlan,
  POD_CIDR,
  SERVICE_CIDR,
} from './plan.ts';

/** A file to be put on a machine's disk before it boots. */
export interface MachineFile {
  /** Absolute, on the machine. */
  readonly path: string;
  readonly content: string;
  /** 0600 if not given: most of them hold keys. */
  readonly mode?: number;
}

/** The image whose container holds a pod's namespaces. */
export const SANDBOX_IMAGE = 'docker.io/keepalived-ingress-vip/test-ingress:1';

const KUBERNETES = '/etc/kubernetes';
const PKI = `${KUBERNETES}/pki`;
const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';
/** The folder from which a kubelet takes static pods. */
const STATIC_PODS = `${KUBERNETES}/manifests`;
/** What the kubelet finds out of the way: see registerWithTaints. */
const CONTROL_PLANE_TAINT = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };
const ETCD_PEER_PORT = 2380;

/** A program that runsv keeps running: /etc/machine/services/NAME/run. */
function service(name: string, command: readonly string[], before = ''): MachineFile {
  const words = command.map((word) => `'${word}'`).join(' \\\n  ');
  return {
    path: `/etc/machine/services/${name}/run`,
    content: `#!/bin/sh\nexec >>/var/log/${name}.log 2>&1 </dev/null\n${before}exec ${words}\n`,
    mode: 0o755,
  };
}

function flags(values: Readonly<Record<string, string | boolean>>): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}

function systemFiles(plan: ClusterPlan, machine: MachinePlan): MachineFile[] {
  const hosts = [machine, ...plan.machines].map((each) => `${each.ipv4} ${each.name}\n`).join('');
  return [
    { path: '/etc/hostname', content: `${machine.name}\n`, mode: 0o644 },
    { path: '/etc/hosts', content: `127.0.0.1 localhost\n::1 localhost\n${hosts}`, mode: 0o644 },
    // Nobody answers names here; the resolver of the machine that hosts the cluster is none of its business.
    { path: '/etc/resolv.conf', content: '', mode: 0o644 },
    { path: '/etc/machine-id', content: `${machine.mac.replaceAll(':', '').padStart(32, '0')}\n`, mode: 0o644 },
  ];
}

function pem(name: string, certificate: { readonly cert: string; readonly key: string }): MachineFile[] {
  return [
    { path: `${PKI}/${name}.crt`, content: certificate.cert },
    { path: `${PKI}/${name}.key`, content: certificate.key },
  ];
}

function etcd(plan: ClusterPlan, machine: MachinePlan): MachineFile {
  const peer = (each: MachinePlan) => `http://${each.ipv4}:${ETCD_PEER_PORT}`;
  return service('etcd', [
    'etcd',
    ...flags({
      name: machine.name,
      'data-dir': '/var/lib/etcd/data',
      // Nothing here outlives the machine that hosts it, and its disk is shared by all members.
      'unsafe-no-fsync': true,
      'listen-client-urls': 'http://127.0.0.1:2379',
      'advertise-client-urls': 'http://127.0.0.1:2379',
      'listen-peer-urls': peer(machine),
      'initial-advertise-peer-urls': peer(machine),
      'initial-cluster': plan.controlPlanes.map((each) => `${each.name}=${peer(each)}`).join(','),
      'log-level': 'warn',
    }),
  ]);
}

function apiServer(machine: MachinePlan, several: boolean): MachineFile {
  return service('kube-apiserver', [
    'kube-apiserver',
    ...flags({
      'etcd-servers': 'http://127.0.0.1:2379',
      'advertise-address': machine.ipv4,
      'secure-port': String(API_SERVER_PORT),
      'tls-cert-file': `${PKI}/${apiServerIdentity(machine)}.crt`,
      'tls-private-key-file': `${PKI}/${apiServerIdentity(machine)}.key`,
      'client-ca-file': `${PKI}/ca.crt`,
      'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
      'service-account-key-file': `${PKI}/sa.pub`,
      'service-account-signing-key-file': `${PKI}/sa.key`,
      'authorization-mode': 'Node,RBAC',
      'enable-admission-plugins': 'NodeRestriction',
      'allow-privileged': true,
      'service-cluster-ip-range': SERVICE_CIDR,
      'kubelet-client-certificate': `${PKI}/apiserver-kubelet.crt`,
      'kubelet-client-key': `${PKI}/apiserver-kubelet.key`,
      'kubelet-certificate-authority': `${PKI}/ca.crt`,
      'kubelet-preferred-address-types': 'InternalIP',
      // A control plane that is no node has no kube-proxy, but routes to the pods.
      'enable-aggregator-routing': true,
      'requestheader-client-ca-file': `${PKI}/ca.crt`,
      'requestheader-allowed-names': 'front-proxy-client',
      'requestheader-username-headers': 'X-Remote-User',
      'requestheader-group-headers': 'X-Remote-Group',
      'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
      'proxy-client-cert-file': `${PKI}/front-proxy.crt`,
      'proxy-client-key-file': `${PKI}/front-proxy.key`,
      // One that ends in order says so before, and ends its watches: clients have another one to go to. Without, they would keep it a minute.
      ...(several ? { 'shutdown-delay-duration': '5s', 'shutdown-watch-termination-grace-period': '5s' } : {}),
      profiling: false,
    }),
  ]);
}

function controllerManager(several: boolean): MachineFile {
  const config = `${KUBERNETES}/controller-manager.conf`;
  return service('kube-controller-manager', [
    'kube-controller-manager',
    ...flags({
      kubeconfig: config,
      'authentication-kubeconfig': config,
      'authorization-kubeconfig': config,
      'service-account-private-key-file': `${PKI}/sa.key`,
      'root-ca-file': `${PKI}/ca.crt`,
      'cluster-signing-cert-file': `${PKI}/ca.crt`,
      'cluster-signing-key-file': `${PKI}/ca.key`,
      'use-service-account-credentials': true,
      'leader-elect': several,
      'bind-address': '127.0.0.1',
      profiling: false,
    }),
  ]);
}

function scheduler(several: boolean): MachineFile {
  const config = `${KUBERNETES}/scheduler.conf`;
  return service('kube-scheduler', [
    'kube-scheduler',
    ...flags({
      kubeconfig: config,
      'authentication-kubeconfig': config,
      'authorization-kubeconfig': config,
      'leader-elect': several,
      'bind-address': '127.0.0.1',
      profiling: false,
    }),
  ]);
}

function controlPlaneFiles(plan: ClusterPlan, machine: MachinePlan, pki: Pki): MachineFile[] {
  const several = plan.controlPlanes.length > 1;
  return [
    ...pem('ca', pki.ca),
    { path: `${PKI}/sa.key`, content: pki.serviceAccount.key },
    { path: `${PKI}/sa.pub`, content: pki.serviceAccount.publicKey },
    ...[apiServerIdentity(machine), 'apiserver-kubelet', 'front-proxy'].flatMap((name) =>
      pem(name, pki.certificate(name)),
    ),
    ...['controller-manager', 'scheduler'].map((name) => ({
      path: `${KUBERNETES}/${name}.conf`,
      content: kubeconfig(pki, plan, name, machine),
    })),
    etcd(plan, machine),
    apiServer(machine, several),
    controllerManager(several),
    scheduler(several),
  ];
}

function cniConfig(podCidr: string): MachineFile {
  const bridge = {
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    ipMasq: false,
    hairpinMode: true,
    // In memory: a reboot frees the addresses.
    ipam: {
      type: 'host-local',
      dataDir: '/run/cni-ipam',
      ranges: [[{ subnet: podCidr }]],
      routes: [{ dst: '0.0.0.0/0' }],
    },
  };
  const plugins = [bridge, { type: 'portmap', capabilities: { portMappings: true } }];
  const content = JSON.stringify({ cniVersion: '0.4.0', name: 'pods', plugins }, undefined, 2);
  return { path: '/etc/cni/net.d/10-pods.conflist', content, mode: 0o644 };
}

/** containerd for a machine, or for one that only unpacks images. */
export function containerdFiles(): MachineFile[] {
  const cri = '[plugins."io.containerd.grpc.v1.cri"';
  const content = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "${CONTAINERD_SOCKET}"
${cri}]
  sandbox_image = "${SANDBOX_IMAGE}"
  # Without CAP_SYS_RESOURCE nobody may lower its OOM score, and runc would fail.
  restrict_oom_score_adj = true
${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "/etc/cni/net.d"
${cri}.containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
`;
  return [
    { path: '/etc/containerd/config.toml', content, mode: 0o644 },
    service('containerd', ['containerd', '-c', '/etc/containerd/config.toml']),
  ];
}

function kubeletConfig(machine: MachinePlan): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${PKI}/ca.crt` },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: `${PKI}/kubelet.crt`,
    tlsPrivateKeyFile: `${PKI}/kubelet.key`,
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    makeIPTablesUtilChains: false,
    // Nobody answers there in a cluster without DNS; without one the kubelet complains of every pod.
    clusterDNS: [DNS_SERVICE_IP],
    clusterDomain: CLUSTER_DOMAIN,
    staticPodPath: STATIC_PODS,
    // So often volumes are brought up to date; the default is a minute, which tests of changed settings would only wait for.
    syncFrequency: '3s',
    resolvConf: '/etc/resolv.conf',
    // Images are loaded, not pulled: one that was collected would not come back.
    imageGCHighThresholdPercent: 100,
    evictionHard: {
      'memory.available': '50Mi',
      'nodefs.available': '0%',
      'nodefs.inodesFree': '0%',
      'imagefs.available': '0%',
    },
    ...(machine.controlPlane ? { registerWithTaints: [CONTROL_PLANE_TAINT] } : {}),
  };
}

const KUBE_PROXY_CONFIG = {
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  mode: 'nftables',
  clientConnection: { kubeconfig: `${KUBERNETES}/kube-proxy.conf` },
  clusterCIDR: POD_CIDR,
  conntrack: { maxPerCore: 0, min: 0 },
  oomScoreAdj: 0,
};

function nodeFiles(plan: ClusterPlan, machine: MachinePlan, podCidr: string, pki: Pki): MachineFile[] {
  return [
    { path: `${PKI}/ca.crt`, content: pki.ca.cert },
    ...pem('kubelet', pki.certificate(machine.name)),
    { path: `${KUBERNETES}/kubelet.conf`, content: kubeconfig(pki, plan, machine.name, machine) },
    { path: `${KUBERNETES}/kube-proxy.conf`, content: kubeconfig(pki, plan, 'kube-proxy', machine) },
    { path: `${KUBERNETES}/kubelet.yaml`, content: stringify(kubeletConfig(machine)) },
    {
      path: `${KUBERNETES}/kube-proxy.yaml`,
      content: stringify({ ...KUBE_PROXY_CONFIG, hostnameOverride: machine.name }),
    },
    cniConfig(podCidr),
    ...containerdFiles(),
    service(
      'kubelet',
      [
        'kubelet',
        ...flags({
          config: `${KUBERNETES}/kubelet.yaml`,
          kubeconfig: `${KUBERNETES}/kubelet.conf`,
          'hostname-override': machine.name,
          'node-ip': machine.ipv4,
        }),
      ],
      // Without a runtime it would end and be started again a second later.
      `mkdir -p ${STATIC_PODS}\ntries=0\nuntil [ -S ${CONTAINERD_SOCKET} ] || [ "$tries" -ge 300 ]; do tries=$((tries + 1)); sleep 0.1; done\n`,
    ),
    service('kube-proxy', ['kube-proxy', `--config=${KUBERNETES}/kube-proxy.yaml`]),
  ];
}

/** Everything that a machine's disk needs before its first boot, besides Debian. Pure. */
export function machineFiles(plan: ClusterPlan, machine: MachinePlan, pki: Pki): MachineFile[] {
  return [
    ...systemFiles(plan, machine),
    ...(machine.controlPlane ? controlPlaneFiles(plan, machine, pki) : []),
    ...(machine.podCidr === undefined ? [] : nodeFiles(plan, machine, machine.podCidr, pki)),
  ];
}
