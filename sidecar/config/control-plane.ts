import * as z from 'zod';
import { peerProblem, virtualAddressProblem } from '../../api/addresses.ts';
import { routerId } from '../../api/instances.ts';
import { canonical } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import { interfaceChoice, port, seconds, textWithout, threshold } from './fields.ts';
import { type IpvsSettings, ipvsOf, ipvsSchema, virtualServerSchema } from './virtual-servers.ts';

/*
 * The section `controlPlaneLoadBalancing` of the settings file: k0s's keys with its defaults and refusals
 * (https://docs.k0sproject.io/stable/cplb/, spec.network.controlPlaneLoadBalancing), and beside its key `keepalived` what k0s has not.
 * A password is never in this file: `authPassFile` stands where k0s has `authPass`.
 */

/** k0s numbers instances without an id from here on. */
const FIRST_ROUTER_ID = 51;

function virtualIpProblem(text: string): string | undefined {
  const problem = virtualAddressProblem(text);
  if (problem !== undefined || text.includes('/')) return problem;
  return `${text} has no prefix; write it with that of its network, for example ${text}/${text.includes(':') ? 64 : 24}`;
}

/** A key of k0s for which there is another answer here; what is empty asks for nothing. */
function answeredOtherwise(message: string) {
  return z.literal('', { error: message }).optional();
}

const TEMPLATE =
  'is a Go template of k0s, and the configuration here is not made from one; remove it, and use the fields of vrrpInstances and the values below keepalived';

const peer = textWithout(peerProblem);

const vrrpInstanceSchema = z.strictObject({
  virtualIPs: z
    .array(textWithout(virtualIpProblem))
    .min(1, { error: 'has no address; give at least one, for example 192.168.11.3/24' }),
  /** By name or MAC address. Empty: the one whose subnet has the address, else that of the default route. */
  interface: interfaceChoice.default(''),
  virtualRouterID: routerId.optional(),
  /** Absent: that of the node's VRRP. */
  advertIntervalSeconds: z.int().min(1).max(255).optional(),
  authPass: answeredOtherwise(
    'is a password, and this file is no place for one; put it into a file, and give that as authPassFile',
  ),
  /** File with the password of VRRP version 2; empty: none. */
  authPassFile: z.string().default(''),
  unicastPeers: z.array(peer).default([]),
  unicastSourceIP: z.union([z.literal(''), peer]).default(''),
  /** Of RFC 6724. Checked only: a virtual IPv6 address is put on as deprecated, and so is no source of the node's connections. */
  addressLabel: z.int().min(1).max(4_294_967_294).default(10_000),
});

const keepalivedSchema = z.strictObject({
  vrrpInstances: z.array(vrrpInstanceSchema).max(255).default([]),
  virtualServers: z.array(virtualServerSchema).default([]),
  userSpaceProxyBindPort: port.default(6444),
  disableLoadBalancer: z.boolean().default(false),
  configTemplateVRRP: answeredOtherwise(TEMPLATE),
  configTemplateVS: answeredOtherwise(TEMPLATE),
});

const backendsSchema = z.strictObject({
  /** `EndpointSlices`: the API servers that Kubernetes knows, and those of the list. `List`: those of the list alone. */
  source: z.enum(['EndpointSlices', 'List']).default('EndpointSlices'),
  /** Known also before the API answers. */
  addresses: z.array(peer).default([]),
  port: port.default(6443),
});

const extraPortSchema = z.strictObject({
  port,
  /** Absent: the same. */
  targetPort: port.optional(),
  check: z.enum(['tcp', 'kubernetes']).default('tcp'),
  bindPort: port.optional(),
});

const healthSchema = z.strictObject({
  intervalSeconds: seconds(0.05, 60).default(0.2),
  fastIntervalSeconds: seconds(0.01, 60).default(0.05),
  timeoutSeconds: seconds(0.05, 60).default(0.2),
  failureThreshold: threshold.default(2),
  successThreshold: threshold.default(3),
  slowStartSeconds: seconds(0, 3600).default(30),
  notReadyShutdownAfterSeconds: seconds(0, 3600).default(10),
});

const rebalanceSchema = z.strictObject({
  enabled: z.boolean().default(true),
  maxPerSecond: seconds(1, 10_000).default(100),
  tolerance: z.number().min(0.01).max(1).default(0.1),
});

/** Schema of the section; strict, with k0s's defaults and our own. */
export const controlPlaneSchema = z.strictObject({
  enabled: z.boolean().default(false),
  type: z
    .literal('Keepalived', { error: 'is no type of load balancer; the only one is Keepalived' })
    .default('Keepalived'),
  keepalived: keepalivedSchema.prefault({}),
  ipvs: ipvsSchema.prefault({}),
  backends: backendsSchema.prefault({}),
  extraPorts: z.array(extraPortSchema).max(32).default([]),
  /** Loopback port on which the proxy says whether it has a backend. */
  healthPort: port.default(10_272),
  health: healthSchema.prefault({}),
  rebalance: rebalanceSchema.prefault({}),
});

/** The section as it is read, defaults filled in. */
export type ControlPlaneSection = z.infer<typeof controlPlaneSchema>;

/** A VRRP instance with addresses of the control plane. */
export interface ControlPlaneInstance {
  /** `api_1`, `api_2` … in the order of the settings; no pool's instance has such a name. */
  readonly name: string;
  /** With prefixes. */
  readonly addresses: readonly string[];
  /** By name or MAC address; empty: found by subnet, else by the default route. */
  readonly interface: string;
  readonly virtualRouterId: number;
  readonly advertIntervalSeconds: number;
  readonly version: 2 | 3;
  /** File with the password of VRRP version 2; empty: none. */
  readonly authPasswordFile: string;
  /** Addresses of the nodes without `unicastSource`; empty: multicast. */
  readonly unicastPeers: readonly string[];
  /** The address of the node that the settings were written for; null: multicast. */
  readonly unicastSource: string | null;
}

/** How it is found out that a backend can serve: TLS and `/readyz` of a Kubernetes API server, or that it takes connections. */
export type BackendCheck = 'kubernetes' | 'tcp';

/** A port of the virtual addresses. */
export interface ProxyPort {
  /** Where clients connect to. */
  readonly port: number;
  /** Where backends listen. */
  readonly targetPort: number;
  readonly check: BackendCheck;
  /** Where the proxy listens, on every address of the node. */
  readonly bindPort: number;
}

/** What is asked of the proxy in front of the API servers. Durations in seconds. */
export interface ProxySettings {
  /** That of the first port. */
  readonly bindPort: number;
  /** On loopback. */
  readonly healthPort: number;
  /** The API server's first. */
  readonly ports: readonly [ProxyPort, ...ProxyPort[]];
  /** The virtual addresses in canonical form, without prefixes. */
  readonly addresses: readonly string[];
  /** `addresses` in canonical form; they are known also before the API answers. */
  readonly backends: {
    readonly source: 'EndpointSlices' | 'List';
    readonly addresses: readonly string[];
    readonly port: number;
  };
  readonly health: Readonly<ControlPlaneSection['health']>;
  readonly rebalance: Readonly<ControlPlaneSection['rebalance']>;
  /** What IPVS balances in the proxy's place; null: nothing. */
  readonly ipvs: IpvsSettings | null;
}

/** What the settings ask for the control plane. */
export interface ControlPlane {
  readonly instances: readonly ControlPlaneInstance[];
  /** Null: addresses alone, without a load balancer. */
  readonly proxy: ProxySettings | null;
}

/** What instances of the control plane take from the node's VRRP. */
export interface VrrpDefaults {
  readonly version: 2 | 3;
  readonly advertIntervalSeconds: number;
}

/** The router id of an instance: its own, else k0s's number for its place, which may be beyond the last that there is. Pure. */
export function routerIdOf(
  { virtualRouterID }: { readonly virtualRouterID?: number | undefined },
  index: number,
): number {
  return virtualRouterID ?? FIRST_ROUTER_ID + index;
}

/** The ports that the proxy serves, the API server's first. Pure. */
export function proxyPorts({
  keepalived: { userSpaceProxyBindPort },
  backends,
  extraPorts,
}: ControlPlaneSection): [ProxyPort, ...ProxyPort[]] {
  const api: ProxyPort = {
    port: backends.port,
    targetPort: backends.port,
    check: 'kubernetes',
    bindPort: userSpaceProxyBindPort,
  };
  const extra = extraPorts.map(({ port: from, targetPort = from, check, bindPort }, index): ProxyPort => {
    return { port: from, targetPort, check, bindPort: bindPort ?? userSpaceProxyBindPort + 1 + index };
  });
  return [api, ...extra];
}

function proxyOf(section: ControlPlaneSection): ProxySettings | null {
  const { keepalived, backends, healthPort, health, rebalance } = section;
  if (keepalived.disableLoadBalancer) return null;
  const ports = proxyPorts(section);
  const addresses = keepalived.vrrpInstances.flatMap(({ virtualIPs }) => virtualIPs.map(canonical));
  return {
    bindPort: ports[0].bindPort,
    healthPort,
    ports,
    addresses,
    backends: { ...backends, addresses: backends.addresses.map(canonical) },
    health,
    rebalance,
    ipvs: ipvsOf(section, routerIdOf(keepalived.vrrpInstances[0] ?? {}, 0)),
  };
}

/**
 * What a section that was found right asks for. Pure.
 * @returns null where it is absent or switched off
 */
export function controlPlaneOf(section: ControlPlaneSection | undefined, vrrp: VrrpDefaults): ControlPlane | null {
  if (section === undefined || !section.enabled) return null;
  const instances = section.keepalived.vrrpInstances.map((instance, index): ControlPlaneInstance => {
    return {
      name: `api_${index + 1}`,
      addresses: instance.virtualIPs,
      interface: instance.interface,
      virtualRouterId: routerIdOf(instance, index),
      advertIntervalSeconds: instance.advertIntervalSeconds ?? vrrp.advertIntervalSeconds,
      version: vrrp.version,
      authPasswordFile: vrrp.version === 2 ? instance.authPassFile : '',
      unicastPeers: instance.unicastPeers.map(canonical),
      unicastSource: instance.unicastSourceIP === '' ? null : canonical(instance.unicastSourceIP),
    };
  });
  return { instances, proxy: proxyOf(section) };
}

/**
 * The nodes of the control plane by their addresses, where the settings list them: as API servers, or else as unicast peers. Whoever makes the
 * list puts the node first that he likes best. Empty where fewer than two are listed. Pure.
 */
export function listedNodes(section: ControlPlaneSection | undefined): readonly string[] {
  if (section === undefined || !section.enabled) return [];
  const { backends, keepalived } = section;
  const [first] = keepalived.vrrpInstances;
  // Source and peers are one node's view: only in order of address they are the same for all.
  const speakers = [first?.unicastSourceIP ?? '', ...(first?.unicastPeers ?? [])].filter((address) => address !== '');
  const listed =
    backends.addresses.length > 1 ? backends.addresses.map(canonical) : speakers.map(canonical).toSorted(compareText);
  return listed.length > 1 ? listed : [];
}
