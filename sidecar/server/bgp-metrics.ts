import type { BgpSessionSnapshot, SidecarSnapshot } from '../status/snapshot.ts';
import { family, type Sample } from './family.ts';

/** The metrics of sessions with routers in Prometheus' text format, in parts; where nothing is announced there are none. */
export function* bgpMetrics({ bgp }: SidecarSnapshot): Generator<string> {
  if (bgp === null) return;
  yield family('keepalived_vip_bgp_up', 'Whether BIRD runs and answers.', [['', bgp.answers ? 1 : 0]]);
  if (!bgp.answers) return;
  const { sessions, problems } = bgp;
  yield family(
    'keepalived_vip_bgp_config_rejected',
    'Whether BIRD refused the newest configuration, or a password cannot be used.',
    [['', problems.length > 0 ? 1 : 0]],
  );
  const byPeer = (value: (session: BgpSessionSnapshot) => number | undefined) =>
    sessions.flatMap((session): Sample[] => {
      const sample = value(session);
      return sample === undefined ? [] : [[`peer="${session.peer}"`, sample]];
    });
  yield family('keepalived_vip_bgp_sessions', 'Routers that this node has a session with.', [
    ['', sessions.filter(({ up }) => up === true).length],
  ]);
  yield family(
    'keepalived_vip_bgp_session_up',
    'Whether the session with a router is up; routers on none of the node’s networks are left out.',
    byPeer(({ up }) => (up === undefined ? undefined : Number(up))),
  );
  yield family(
    'keepalived_vip_bgp_announced_addresses',
    'Addresses that a router was told, in a session that is up.',
    byPeer(({ up, announced }) => (up === true ? announced : undefined)),
  );
  yield family(
    'keepalived_vip_bgp_bfd_up',
    'Whether a router answers BFD; those that are not asked by it are left out.',
    byPeer(({ bfd }) => (bfd === undefined ? undefined : Number(bfd))),
  );
}
