import type { ControlPlaneIngressSpec, IngressSource } from '../../api/control-plane-ingress.ts';
import { withoutPrefix } from '../../common/addresses.ts';

/** A node, as far as the ingress may be reached by its own address. */
export interface IngressNode {
  readonly name: string;
  /** Its addresses of type InternalIP. */
  readonly addresses: readonly string[];
}

/** By which address the ingress is to be reached. */
export interface WantedAddress {
  readonly source: IngressSource;
  /** As the spec has it, perhaps with a prefix. */
  readonly given: string;
  /** Without a prefix. */
  readonly ip: string;
}

/** Why it is not known. */
export interface Unknown {
  /** As MetalK8s calls what it cannot find of its bootstrap node. */
  readonly reason: 'NodeRetrievingError' | 'NodeIPRetrievingError';
  readonly message: string;
}

function ofNode(name: string, nodes: readonly IngressNode[]): WantedAddress | Unknown {
  const node = nodes.find((each) => each.name === name);
  if (node === undefined) {
    return { reason: 'NodeRetrievingError', message: `there is no node ${name}; correct spec.nodeName` };
  }
  const [ip] = node.addresses;
  return ip === undefined
    ? { reason: 'NodeIPRetrievingError', message: `node ${name} has no InternalIP; name another one in spec.nodeName` }
    : { source: 'Node', given: ip, ip };
}

/**
 * Finds the address that a spec asks for. Pure.
 * @param nodes those of the cluster
 */
export function wantedAddress(spec: ControlPlaneIngressSpec, nodes: readonly IngressNode[]): WantedAddress | Unknown {
  const { managedVirtualIP, externalIP, nodeName = '' } = spec;
  if (managedVirtualIP !== undefined) {
    const { address } = managedVirtualIP;
    return { source: 'ManagedVirtualIP', given: address, ip: withoutPrefix(address) };
  }
  if (externalIP !== undefined) return { source: 'ExternalIP', given: externalIP.address, ip: externalIP.address };
  return ofNode(nodeName, nodes);
}
