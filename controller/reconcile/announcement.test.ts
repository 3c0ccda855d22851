import { describe, expect, it } from 'vitest';
import type { IpFamily } from '../../api/ip-family.ts';
import { announcementOf } from './announcement.ts';

const ADDRESSES = ['203.0.113.10', '203.0.113.11', '2001:db8:1::10'];
const BOTH: readonly IpFamily[] = ['IPv4', 'IPv6'];

/** @param families by node, of which it has a session; undefined: it says nothing of sessions */
function announcement(
  families: Readonly<Record<string, readonly IpFamily[] | undefined>>,
  heldBy: readonly string[] = Object.keys(families),
) {
  const nodes = Object.entries(families).map(([name, bgpFamilies]) => ({ name, status: { bgpFamilies } }));
  const claims = heldBy.map((node) => ({ node }));
  return announcementOf({ addresses: ADDRESSES, nodes, holders: new Map(ADDRESSES.map((each) => [each, claims])) });
}

describe('what is said of addresses on lo that routers are to hear of', () => {
  it('is nothing where no node says anything of sessions, and while no node has an address', () => {
    expect(announcement({ a: undefined, b: undefined })).toBeUndefined();
    expect(announcement({ a: [] }, [])).toBeUndefined();
  });

  it('is that all is well when each node that has an address has a session of its family', () => {
    expect(announcement({ a: BOTH, b: BOTH, c: [] }, ['a', 'b'])).toMatchObject({ ok: true, reason: 'AllAnnounce' });
  });

  it('is that nobody announces an address when no node that has it has a session of its family, with nodes and fix', () => {
    expect(announcement({ a: ['IPv4'], b: ['IPv4'], c: BOTH }, ['b', 'a'])).toEqual({
      ok: false,
      reason: 'NobodyAnnounces',
      message:
        '1 of 3 addresses announced by no node: 2001:db8:1::10; without a session with a router: a (IPv6), b (IPv6); bgp in /status of a says why: look at that router, and at bgp.peers',
    });
  });

  it('is that fewer nodes announce than have an address, though all is served, with nodes and fix', () => {
    expect(announcement({ a: BOTH, b: [] })).toEqual({
      ok: true,
      reason: 'FewerNodesAnnounce',
      message:
        'fewer nodes announce the addresses than have them; without a session with a router: b (IPv4), b (IPv6); bgp in /status of b says why: look at that router, and at bgp.peers',
    });
  });

  it('is not that nobody announces while an older sidecar, which says nothing of sessions, has an address', () => {
    expect(announcement({ a: [], b: undefined })).toMatchObject({ ok: true, reason: 'FewerNodesAnnounce' });
  });
});
