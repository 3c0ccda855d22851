import { type AddressBits, bitsOf, type Family, HOST_PREFIX_LENGTH, subnetOf } from '../../common/addresses.ts';
import type { NetworkInterface, NetworkView } from './network.ts';

/** An address of the node's own with its subnet. */
interface OwnAddress {
  readonly interface: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly family: Family;
  readonly contains: (address: AddressBits) => boolean;
}

/**
 * Where every node has the addresses of all Services (kube-proxy by IPVS, and kube-router), or those of virtual servers
 * (images/keepalived/lib/real-server.sh). They are no node's own.
 */
const SERVICES_INTERFACE = /^(kube-ipvs\d*|kube-dummy-if|dummyvip0)$/;

/** Addresses that are the node's own, not virtual ones that were put on it. */
function ownAddresses({ name, addresses }: NetworkInterface, virtual: ReadonlySet<string>): OwnAddress[] {
  if (SERVICES_INTERFACE.test(name)) return [];
  return addresses
    .filter(({ address }) => !virtual.has(address))
    .map(({ address, prefixLength, family }) => {
      const contains = subnetOf(address, prefixLength);
      return { interface: name, address, prefixLength, family, contains };
    });
}

/** A host's prefix makes no subnet. */
function isSubnet({ prefixLength, family }: OwnAddress): boolean {
  return prefixLength < HOST_PREFIX_LENGTH[family];
}

function isLinkLocal({ address, family }: OwnAddress): boolean {
  return family === 6 && /^fe[89ab]/.test(address);
}

/**
 * Interfaces that container runtimes and network plugins make, by the names that they give them. Their subnets are the pods', however
 * large: an address of the nodes' network that happens to be in one is not theirs.
 */
const CONTAINER_INTERFACE =
  /^(docker\d*|docker_gwbridge|br-[0-9a-f]{12}|podman\d*|cni[-\d].*|cni-podman\d+|nerdctl\d*|lxcbr\d*|lxdbr\d*|lxc.*|virbr\d+|veth.*|cali.*|tunl\d+|vxlan[.-].*|flannel[.-].*|cilium_.*|weave.*|kube-bridge|kube-ipvs\d*|nodelocaldns|antrea-gw\d+|ovn-.*|ovs-system|genev_sys_\d+|dummyvip\d+|lo)$/;

/**
 * The node's own subnets, by which virtual addresses find their interfaces and prefixes. Made once for all addresses: the addresses
 * that the node holds are sorted out here, of which there can be hundreds.
 */
export class NodeSubnets {
  readonly network: NetworkView;
  readonly #own: readonly OwnAddress[];
  readonly #ownAddresses: ReadonlyMap<string, string>;
  readonly #byName: ReadonlyMap<string, NetworkInterface>;

  /**
   * @param network the node's network
   * @param virtual addresses, in canonical form, that are on the node because this release put them there: nobody's own
   */
  constructor(network: NetworkView, virtual: ReadonlySet<string>) {
    this.network = network;
    this.#own = network.interfaces.flatMap((candidate) => ownAddresses(candidate, virtual));
    this.#ownAddresses = new Map(this.#own.map(({ address, interface: on }) => [address, on]));
    this.#byName = new Map(network.interfaces.map((one) => [one.name, one]));
  }

  /** Text that changes when anything changes that an instance could be resolved by. */
  get key(): string {
    const { interfaces, defaultInterface } = this.network;
    const own = this.#own.map(({ interface: on, address, prefixLength }) => [on, address, prefixLength]);
    const state = interfaces.map(({ name, mac, enslaved, ipv6Disabled, carrier }) => {
      return [name, mac, enslaved, ipv6Disabled, carrier];
    });
    return JSON.stringify([state, own, defaultInterface]);
  }

  /** An interface by its name. */
  interface(name: string): NetworkInterface | undefined {
    return this.#byName.get(name);
  }

  /** The interface that has an address of the node's own. */
  ownerOf(address: string): string | undefined {
    return this.#ownAddresses.get(address);
  }

  /** The node's own addresses with their prefixes, without those that mean nothing to other nodes. */
  get ownAddresses(): string[] {
    return this.#own
      .filter((own) => own.interface !== 'lo' && !isLinkLocal(own))
      .map(({ address, prefixLength }) => `${address}/${prefixLength}`)
      .toSorted();
  }

  /** Whether an interface has an address of the node's own from which VRRP can be spoken (RFC 9568 section 5.1.1.1: IPv6 by link-local). */
  canSpeak(name: string, family: Family): boolean {
    return this.#own.some((own) => own.interface === name && own.family === family);
  }

  /** The smallest of the node's subnets that contains an address, on one interface or on any that may be found so. */
  containing(address: string, on?: string): { interface: string; prefixLength: number } | undefined {
    const bits = bitsOf(address);
    const found = this.#own.filter(
      (own) =>
        isSubnet(own) &&
        (on === undefined ? this.#mayBeFound(own.interface) : own.interface === on) &&
        own.contains(bits),
    );
    return found.reduce<OwnAddress | undefined>((best, own) => (this.#isBetter(own, best) ? own : best), undefined);
  }

  #mayBeFound(name: string): boolean {
    return !CONTAINER_INTERFACE.test(name) || this.#hasDefaultRoute(name, 4) || this.#hasDefaultRoute(name, 6);
  }

  #hasDefaultRoute(name: string, family: Family): boolean {
    return this.network.defaultInterface[family] === name;
  }

  /** The longest prefix; of two alike the interface that the default route leaves by. */
  #isBetter(own: OwnAddress, than: OwnAddress | undefined): boolean {
    if (than === undefined || own.prefixLength !== than.prefixLength) {
      return than === undefined || own.prefixLength > than.prefixLength;
    }
    return this.#hasDefaultRoute(own.interface, own.family) && !this.#hasDefaultRoute(than.interface, own.family);
  }
}
