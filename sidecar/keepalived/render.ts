import { multicastAddress } from '../../api/instances.ts';
import { type Family, familyOf } from '../../common/addresses.ts';
import type { VirtualAddress, VrrpInstance } from '../desired/vrrp-instance.ts';
import { BASE_PRIORITY } from '../fitness/priority.ts';

/** What a configuration needs besides its instances. */
export interface RenderOptions {
  /** Name by which keepalived calls the node in its log. */
  readonly node: string;
  readonly runtimeDirectory: string;
  /** URL that the supervisor polls; it answers 200 when the sidecar lives and its decisions are in the track files. */
  readonly pulseUrl: string;
  readonly debug: boolean;
}

/** How gratuitous ARP and unsolicited neighbour advertisements are sent after a move. */
interface Announcements {
  readonly repeats: number;
  readonly intervalSeconds: number;
}

/** What a node loses while its sidecar is silent: more than all that its health can cost, but not the right to serve last. */
const SILENCE_WEIGHT = -240;

/** Of the one sidecar, so for all instances; called after the one that there always was, so that an upgrade changes nothing. */
const PULSE_TRACK = 'vip_pulse';
const PULSE_FILE = 'vip.pulse';

/**
 * Seconds that one pass over all addresses of a family may take. An address waits for its announcement as long as those before it take, and
 * this wait is an outage: a drain moves several addresses to one node within a millisecond.
 */
const PASS_SECONDS = 0.02;

/** So many addresses and no more are announced five times. */
const FEW_ADDRESSES = 10;
/** So many and no more are announced twice, all others once. */
const MANY_ADDRESSES = 100;

/**
 * How a family's addresses are announced: ARP for IPv4, neighbour advertisements for IPv6.
 *
 * keepalived keeps any two announcements of a family on an interface `intervalSeconds` apart, and goes round all that are to be announced
 * before it begins to repeat: what makes one address sure delays the others. A few addresses are announced five times: when two backups take
 * over together, the loser's last announcement may come after the winner's first. Many get fewer repeats.
 *
 * @param addressCount how many addresses of the family the node may come to hold
 */
export function announcementsFor(addressCount: number): Announcements {
  const intervalSeconds = Math.max(0.0001, PASS_SECONDS / Math.max(1, addressCount));
  const repeats = addressCount <= FEW_ADDRESSES ? 5 : addressCount <= MANY_ADDRESSES ? 2 : 1;
  return { repeats, intervalSeconds: Math.floor(intervalSeconds * 10_000) / 10_000 };
}

function block(head: string, lines: readonly string[]): string[] {
  return [`${head} {`, ...lines.map((line) => `    ${line}`), '}'];
}

function addressLine({ address, prefixLength, interface: device, family }: VirtualAddress): string {
  // Without it the kernel prefers the virtual address as source for the node's own connections (RFC 6724 section 5, rules 3 and 8), and they
  // break when it moves. Answers to clients leave by the address that was asked, deprecated or not.
  return `${address}/${prefixLength} dev ${device}${family === 6 ? ' preferred_lft 0' : ''}`;
}

/**
 * One address stays in the advertisement for life; all others are "excluded", which only means left out of the packet. Nodes that
 * disagree on the number of advertised addresses, as they do while a change travels, ignored each other up to keepalived 2.3.2.
 */
function split({ addresses, unicast }: VrrpInstance): { advertised: VirtualAddress[]; excluded: VirtualAddress[] } {
  const preferred = unicast === undefined ? 4 : familyOf(unicast.sourceAddress);
  const fitting = addresses.find(({ family }) => family === preferred);
  // By unicast the peers say in which family VRRP is spoken, and an advertisement has addresses of that family only.
  const anchor = fitting ?? (unicast === undefined ? addresses[0] : undefined);
  return {
    advertised: anchor === undefined ? [] : [anchor],
    excluded: addresses.filter((address) => address !== anchor),
  };
}

function countOf(instances: readonly VrrpInstance[], family: VirtualAddress['family']): number {
  return instances.flatMap(({ addresses }) => addresses).filter((each) => each.family === family).length;
}

function globalLines(instances: readonly VrrpInstance[], options: RenderOptions): string[] {
  const arp = announcementsFor(countOf(instances, 4));
  const neighbourDiscovery = announcementsFor(countOf(instances, 6));
  const repeats = Math.min(arp.repeats, neighbourDiscovery.repeats);
  return [
    `router_id ${options.node}`,
    `vrrp_version ${instances[0]?.version ?? 3}`,
    `vrrp_notify_fifo ${options.runtimeDirectory}/notify.fifo`,
    `vrrp_garp_master_repeat ${repeats}`,
    'vrrp_garp_master_delay 1',
    'vrrp_garp_master_refresh 10',
    `vrrp_garp_lower_prio_repeat ${repeats}`,
    `vrrp_garp_interval ${arp.intervalSeconds}`,
    `vrrp_gna_interval ${neighbourDiscovery.intervalSeconds}`,
    // Without it a healed network cut leaves clients with the node that stepped back: the other never learns that there were two.
    'vrrp_higher_prio_send_advert true',
    'vrrp_rt_priority 50',
    'vrrp_rlimit_rttime 1000000',
    // No script runs; without a user keepalived looks for one of its own and complains at each reload.
    'script_user root',
    ...(instances.some(({ unicast }) => unicast !== undefined) ? ['vrrp_check_unicast_src'] : []),
  ];
}

function unicastLines({ unicast }: VrrpInstance): string[] {
  if (unicast === undefined) return [];
  // RFC 9568 section 5.1.1.3: what was routed has a TTL below 255 and cannot be a neighbour's.
  return [
    `unicast_src_ip ${unicast.sourceAddress}`,
    // The default is 255 for IPv4 but the system's 64 for IPv6.
    'unicast_ttl 255',
    ...block(
      'unicast_peer',
      unicast.peers.map((peer) => `${peer} min_ttl 255`),
    ),
  ];
}

/** See {@link VrrpInstance.objects}; keepalived stays master whatever it tracks, so it tracks nothing. */
function objectionLines(instance: VrrpInstance): string[] {
  return [
    'state MASTER',
    `interface ${instance.interface}`,
    `virtual_router_id ${instance.virtualRouterId}`,
    'priority 255',
    `advert_int ${instance.advertIntervalSeconds}`,
    ...familyLines(instance),
    ...groupLines(instance),
    ...unicastLines(instance),
    ...authenticationLines(instance),
    'no_virtual_ipaddress',
  ];
}

/** Of an instance by multicast: the family of the address that it advertises. */
function spokenFamily(instance: VrrpInstance): Family {
  const [advertised] = split(instance).advertised;
  return instance.spare ?? instance.objects ?? advertised?.family ?? 4;
}

/** keepalived takes the family from the first line that has one, and refuses a group of the other. */
function groupLines(instance: VrrpInstance): string[] {
  const { multicastGroup } = instance;
  return multicastGroup === undefined
    ? []
    : [`mcast_dst_ip ${multicastAddress(multicastGroup, spokenFamily(instance))}`];
}

/** By an instance's addresses keepalived sees in which family it speaks; where there are none it takes IPv4. */
function familyLines({ spare, objects }: VrrpInstance): string[] {
  return (spare ?? objects) === 6 ? ['native_ipv6'] : [];
}

function authenticationLines({ authPassword }: VrrpInstance): string[] {
  return authPassword === undefined ? [] : block('authentication', ['auth_type PASS', `auth_pass "${authPassword}"`]);
}

function instanceLines(instance: VrrpInstance, options: RenderOptions): string[] {
  const { advertised, excluded } = split(instance);
  return [
    'state BACKUP',
    `interface ${instance.interface}`,
    `virtual_router_id ${instance.virtualRouterId}`,
    `priority ${BASE_PRIORITY}`,
    `advert_int ${instance.advertIntervalSeconds}`,
    ...(options.debug ? ['debug 4'] : []),
    ...familyLines(instance),
    ...groupLines(instance),
    ...unicastLines(instance),
    ...authenticationLines(instance),
    ...block('track_file', [`${instance.name}_gate`, `${instance.name}_offset`, PULSE_TRACK]),
    ...(advertised.length === 0 ? ['no_virtual_ipaddress'] : block('virtual_ipaddress', advertised.map(addressLine))),
    ...(excluded.length === 0 ? [] : block('virtual_ipaddress_excluded', excluded.map(addressLine))),
  ];
}

function trackFileLines({ name }: VrrpInstance, directory: string): string[] {
  return [
    ...block(`track_file ${name}_gate`, [`file ${directory}/${name}.gate`, 'weight 0 reverse']),
    ...block(`track_file ${name}_offset`, [`file ${directory}/${name}.offset`, 'weight 1']),
  ];
}

function pulseLines(directory: string): string[] {
  return block(`track_file ${PULSE_TRACK}`, [`file ${directory}/${PULSE_FILE}`, 'weight 1']);
}

function instancesLines(instances: readonly VrrpInstance[], options: RenderOptions): string[] {
  // Without anything of VRRP to do, keepalived ends its process for it, and the supervisor waits for that in vain.
  if (instances.length === 0) return block('static_ipaddress', []);
  const directory = `${options.runtimeDirectory}/track`;
  const serving = instances.filter(({ objects }) => objects === undefined);
  const linesOf = (instance: VrrpInstance) =>
    instance.objects === undefined ? instanceLines(instance, options) : objectionLines(instance);
  return [
    ...serving.flatMap((instance) => trackFileLines(instance, directory)),
    ...(serving.length === 0 ? [] : pulseLines(directory)),
    ...instances.flatMap((instance) => block(`vrrp_instance ${instance.name}`, linesOf(instance))),
  ];
}

/**
 * Renders keepalived's configuration. Pure; the same input gives the same text.
 * @param instances in the order in which they shall appear; may be empty: keepalived then runs and does nothing
 * @returns the text, with comments for the supervisor: `#! address <interface> <address>/<prefix> <instance>` for each virtual address, and
 *   `#! pulse <track file> <weight> <url>`: what to poll, and what to write while it does not answer 200
 */
export function renderConfig(instances: readonly VrrpInstance[], options: RenderOptions): string {
  const lines = [
    `#! pulse ${PULSE_FILE} ${SILENCE_WEIGHT} ${options.pulseUrl}`,
    ...instances.flatMap(({ name, addresses }) =>
      addresses.map(
        ({ interface: device, address, prefixLength }) => `#! address ${device} ${address}/${prefixLength} ${name}`,
      ),
    ),
    ...block('global_defs', globalLines(instances, options)),
    ...instancesLines(instances, options),
  ];
  return `${lines.join('\n')}\n`;
}
