import { API_GROUP } from '../../api/group.ts';

/*
 * By which annotations a Service asks for addresses: our own, and those of other load balancers that mean the same.
 * MetalLB: https://metallb.io/usage/, kube-vip: https://kube-vip.io/docs/usage/kubernetes-services/,
 * Cilium: https://docs.cilium.io/en/stable/network/lb-ipam/, PureLB: https://purelb.gitlab.io/purelb/.
 */

/** Prefix of our own. */
const OWN = `${API_GROUP}/`;

/** By what a Service asks for one thing. */
export interface WishSources {
  readonly own: string;
  /** Of other load balancers, with the same meaning. */
  readonly aliases: readonly string[];
}

/** Addresses that it wants, separated by commas. */
export const ADDRESSES: WishSources = {
  own: `${OWN}addresses`,
  aliases: [
    'metallb.io/loadBalancerIPs',
    'metallb.universe.tf/loadBalancerIPs',
    'kube-vip.io/loadbalancerIPs',
    'lbipam.cilium.io/ips',
    'io.cilium/lb-ipam-ips',
    'purelb.io/addresses',
  ],
};

/** The pool that it wants addresses of. */
export const POOL: WishSources = {
  own: `${OWN}pool`,
  aliases: ['metallb.io/address-pool', 'metallb.universe.tf/address-pool', 'purelb.io/service-group'],
};

/** Cilium's name of a key for sharing. */
export const CILIUM_SHARING_KEY = 'lbipam.cilium.io/sharing-key';

/** A key: Services that have the same may have the same address. */
export const SHARE: WishSources = {
  own: `${OWN}share`,
  aliases: [
    'metallb.io/allow-shared-ip',
    'metallb.universe.tf/allow-shared-ip',
    'purelb.io/allow-shared-ip',
    CILIUM_SHARING_KEY,
  ],
};

/** Other namespaces that may share by Cilium's key; `*`: all. */
export const CILIUM_CROSS_NAMESPACE = 'lbipam.cilium.io/sharing-cross-namespace';

/** How many addresses of each family it wants. */
export const PER_FAMILY = `${OWN}addresses-per-family`;

/** How many seconds its addresses wait for it when it is gone, instead of what the pool says. */
export const RETAIN = `${OWN}retain`;

/** That nodes hold connections to its endpoints; `tcp`, or `tcp:` and a port of the pods. */
export const PROBE = `${OWN}probe`;

/** kube-vip's way to put an address on another interface, which is the pool's business here. */
export const KUBE_VIP_INTERFACE = 'kube-vip.io/serviceInterface';

const ALIASES: readonly string[] = [
  ...[ADDRESSES, POOL, SHARE].flatMap(({ aliases }) => aliases),
  CILIUM_CROSS_NAMESPACE,
  KUBE_VIP_INTERFACE,
];

/** Our own annotations of Services. */
export const OWN_ANNOTATIONS: readonly string[] = [ADDRESSES.own, POOL.own, SHARE.own, PER_FAMILY, RETAIN, PROBE];

/** Whether an annotation is of our own prefix: also one that nobody knows is kept, since it may be misspelt. Pure. */
export function isOwnAnnotation(name: string): boolean {
  return name.startsWith(OWN);
}

/** Leaves of a Service's annotations those that say which addresses it wants. Pure. */
export function wishAnnotations(annotations: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotations).filter(([name]) => isOwnAnnotation(name) || ALIASES.includes(name)),
  );
}

/** What a Service of ours has so that it does not go before its addresses are given up (Kubernetes' own name for it). */
export const SERVICE_FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';

/** What a pool has as long as there are claims of it: deleted, it stays until its Services are gone. */
export const CLAIMS_FINALIZER = `${OWN}service-addresses`;

/** The condition of a Service that says whether it has its addresses. */
export const ALLOCATED_CONDITION = `${OWN}Allocated`;

/** The condition of a Service that says whether one node has each of its addresses. */
export const HELD_CONDITION = `${OWN}Held`;

/** All conditions of ours that a Service has. */
export const OWN_CONDITIONS: readonly string[] = [ALLOCATED_CONDITION, HELD_CONDITION];
