import { NETWORKS, type NetworkName, type NetworkShape, type SubnetShape } from '../../lab/networks.ts';

/* Every way of finding interface and source, over every network of the lab, as a table. What cannot exist is left out by a rule. */

const FINDS = ['subnet', 'name', 'mac'] as const;
const FAMILIES = ['ipv4', 'ipv6', 'both'] as const;
/** `same`: the nodes' addresses in the virtual address's own subnet; `other`: those in another one, or on another interface. */
const PEERS = ['multicast', 'same', 'other'] as const;

type Find = (typeof FINDS)[number];
type Families = (typeof FAMILIES)[number];
type Peers = (typeof PEERS)[number];
type Origin = 'settings' | 'pool';

/** Where the virtual address lives: an interface, and a subnet of each family. */
export interface Place {
  readonly label: string;
  readonly nic: string;
  readonly ipv4?: SubnetShape;
  readonly ipv6?: SubnetShape;
  /** The nodes have addresses in it. */
  readonly own: boolean;
}

/** One way of asking for a virtual address, on one network, and what must come of it. */
export interface Case {
  readonly id: string;
  readonly network: NetworkName;
  readonly origin: Origin;
  readonly find: Find;
  readonly peers: Peers;
  readonly families: Families;
  readonly place: Place;
  /** Where the nodes' addresses among the peers are; undefined for multicast. */
  readonly peerPlace: Place | undefined;
  /** The one interface that the address may ever be on. */
  readonly addressNic: string;
  readonly vrrpNic: string;
  /** False: nothing can speak VRRP there, so nobody holds it and every node says why. */
  readonly held: boolean;
  /** IP version that VRRP is spoken in. */
  readonly speaks: 'ipv4' | 'ipv6';
}

function places(network: NetworkName): Place[] {
  const { nics, bridges }: NetworkShape = NETWORKS[network];
  const own = nics.flatMap(({ subnets, bare }, index) => {
    const ofFamily = (v6: boolean) => subnets.filter(({ prefix }) => prefix.includes(':') === v6);
    const [v4, v6] = [ofFamily(false), ofFamily(true)];
    return Array.from({ length: Math.max(v4.length, v6.length) }, (_, number): Place => {
      const [ipv4, ipv6] = [v4[number], v6[number]];
      const label = `eth${index}${number === 0 ? '' : `.${number + 1}`}`;
      const ofPlace = { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
      return { label, nic: `eth${index}`, own: bare !== true, ...ofPlace };
    });
  });
  // An address that only a container runtime's bridge has a subnet for.
  const foreign = bridges
    .filter(({ address }) => !address.startsWith('172.30.'))
    .map(({ name, address }): Place => {
      const [prefix, length] = address.split('/');
      const ipv4 = { prefix: `${prefix?.replace(/\d+$/, '')}`, length: Number(length) };
      return { label: name, nic: 'eth0', own: false, ipv4 };
    });
  return [...own, ...foreign];
}

const FIRST = 'eth0';

function has(place: Place, families: Families): boolean {
  const [v4, v6] = [place.ipv4 !== undefined, place.ipv6 !== undefined];
  return families === 'both' ? v4 && v6 : families === 'ipv4' ? v4 : v6;
}

/** The place whose nodes' addresses are the peers; null when there is none such. */
function peerPlaceOf(origin: Origin, peers: Peers, place: Place, all: readonly Place[]): Place | undefined | null {
  if (peers === 'multicast') return undefined;
  // The controller gives the nodes' InternalIPs, which are on the first interface.
  const candidates = origin === 'pool' ? all.slice(0, 1) : all.filter(({ own }) => own);
  return candidates.find((each) => (each === place) === (peers === 'same')) ?? null;
}

function speaksOf(origin: Origin, families: Families, peerPlace: Place | undefined): 'ipv4' | 'ipv6' {
  if (peerPlace === undefined) return families === 'ipv6' ? 'ipv6' : 'ipv4';
  const onlyIpv6 = peerPlace.ipv4 === undefined;
  // An InternalIP is IPv4 where the node has one.
  return onlyIpv6 || (origin === 'settings' && families === 'ipv6' && peerPlace.ipv6 !== undefined) ? 'ipv6' : 'ipv4';
}

/** Without an address of its own an interface is found by name or MAC address only; by subnet it is the default route's. */
function addressNicOf(find: Find, place: Place): string {
  return find === 'subnet' && !place.own ? FIRST : place.nic;
}

function caseOf(network: NetworkName, all: readonly Place[], parts: Omit<Parts, 'network'>): Case[] {
  const { origin, find, peers, families, place } = parts;
  const peerPlace = peerPlaceOf(origin, peers, place, all);
  if (peerPlace === null || !has(place, families)) return [];
  const speaks = speaksOf(origin, families, peerPlace);
  const addressNic = addressNicOf(find, place);
  const vrrpNic = peerPlace?.nic ?? addressNic;
  // IPv6 has its link-local address everywhere (RFC 9568 section 5.2.3), IPv4 needs one that somebody gave.
  const held = speaks === 'ipv6' || all.some(({ nic, own }) => nic === vrrpNic && own);
  const id = [network, origin, place.label, find, peers, families].join(' ');
  return [{ ...parts, id, network, peerPlace, addressNic, vrrpNic, held, speaks }];
}

type Parts = Pick<Case, 'network' | 'origin' | 'find' | 'peers' | 'families' | 'place'>;

/**
 * What the settings must show beyond the pools, which run all at the same time: lists of peers. Multicast is the same way for both, so
 * it is shown once for each place with all families that there are.
 */
function isShownByPools({ origin, peers, families, place }: Omit<Parts, 'network'>): boolean {
  if (origin === 'pool' || peers !== 'multicast') return false;
  return families !== (has(place, 'both') ? 'both' : has(place, 'ipv4') ? 'ipv4' : 'ipv6');
}

/** All cases of a network. Pure. */
export function casesOf(network: NetworkName): Case[] {
  const all = places(network);
  const parts = (['pool', 'settings'] as const).flatMap((origin) =>
    all.flatMap((place) =>
      PEERS.flatMap((peers) =>
        FINDS.flatMap((find) => FAMILIES.map((families) => ({ origin, place, peers, find, families }))),
      ),
    ),
  );
  return parts.filter((each) => !isShownByPools(each)).flatMap((each) => caseOf(network, all, each));
}
