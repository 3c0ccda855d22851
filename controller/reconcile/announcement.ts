import { IP_FAMILIES, type IpFamily, ipFamilyOf } from '../../api/ip-family.ts';
import { compareText } from '../../common/compare-text.ts';
import { count, few } from '../text/sentences.ts';
import type { Claim } from './holders.ts';

/*
 * Whether routers hear of addresses that are on nodes' lo. Nodes report of which families they have a session with a router; a node that
 * reports none of that (an older sidecar, or an older definition) is taken for one that announces: nothing is known against it.
 */

/** What is said of it. */
export interface Announcement {
  readonly ok: boolean;
  readonly reason: string;
  readonly message: string;
}

interface Announcers {
  /** In canonical form. */
  readonly addresses: readonly string[];
  readonly nodes: readonly {
    readonly name: string;
    readonly status: { readonly bgpFamilies?: readonly IpFamily[] | undefined } | undefined;
  }[];
  /** By address in canonical form. */
  readonly holders: ReadonlyMap<string, readonly Pick<Claim, 'node'>[]>;
}

/** Every address is announced, but not by every node that has it. */
export const FEWER_ANNOUNCE = 'FewerNodesAnnounce';

const NOBODY: ReadonlySet<string> = new Set();

/** Which nodes have no session of a family; undefined: no node says anything of sessions. */
function mutesOf({ nodes }: Announcers): ReadonlyMap<IpFamily, ReadonlySet<string>> | undefined {
  const telling = nodes.flatMap(({ name, status }) =>
    status?.bgpFamilies === undefined ? [] : [{ name, families: status.bgpFamilies }],
  );
  if (telling.length === 0) return undefined;
  return new Map(
    IP_FAMILIES.map((family) => {
      const mute = telling.filter(({ families }) => !families.includes(family));
      return [family, new Set(mute.map(({ name }) => name))];
    }),
  );
}

/** Which nodes lack a session of which family, always in the same order: a sentence that changes is written. */
function silentOf(heard: readonly Heard[]): string[] {
  return IP_FAMILIES.flatMap((family) => {
    const nodes = new Set(heard.filter((each) => each.family === family).flatMap(({ mute }) => mute));
    return [...nodes].toSorted(compareText).map((node) => `${node} (${family})`);
  });
}

/** The same for people, and where to look. */
function lacking(silent: readonly string[]): string {
  const node = silent[0]?.split(' ')[0];
  return `without a session with a router: ${few(silent)}; bgp in /status of ${node} says why: look at that router, and at bgp.peers`;
}

/** An address, how many nodes have it, and which of them have no session to announce it over. */
interface Heard {
  readonly address: string;
  readonly family: IpFamily;
  readonly holders: number;
  readonly mute: readonly string[];
}

/**
 * Whether the addresses that nodes have on lo are announced; undefined where no node announces, or none has an address. Pure.
 */
export function announcementOf(announcers: Announcers): Announcement | undefined {
  const { addresses, holders } = announcers;
  const mutes = mutesOf(announcers);
  if (mutes === undefined) return undefined;
  const heard = addresses.flatMap((address): Heard[] => {
    const claims = holders.get(address) ?? [];
    if (claims.length === 0) return [];
    const family = ipFamilyOf(address);
    const mute = mutes.get(family) ?? NOBODY;
    // Thousands of addresses are on hundreds of nodes.
    const without = mute.size === 0 ? [] : claims.filter(({ node }) => mute.has(node)).map(({ node }) => node);
    return [{ address, family, holders: claims.length, mute: without }];
  });
  return heard.length === 0 ? undefined : verdictOf(heard);
}

function verdictOf(heard: readonly Heard[]): Announcement {
  const silent = silentOf(heard);
  const unheard = heard.filter(({ holders, mute }) => mute.length === holders).map(({ address }) => address);
  if (unheard.length > 0) {
    const of = `${unheard.length} of ${count(heard.length, 'address', 'addresses')}`;
    const message = `${of} announced by no node: ${few(unheard)}; ${lacking(silent)}`;
    return { ok: false, reason: 'NobodyAnnounces', message };
  }
  if (silent.length > 0) {
    const message = `fewer nodes announce the addresses than have them; ${lacking(silent)}`;
    return { ok: true, reason: FEWER_ANNOUNCE, message };
  }
  return { ok: true, reason: 'AllAnnounce', message: 'every node that has an address has a session with a router' };
}
