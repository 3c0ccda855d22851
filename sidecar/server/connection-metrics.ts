import type { SidecarSnapshot } from '../status/snapshot.ts';
import { family } from './family.ts';

/** The metrics of connections that nodes tell each other of, in Prometheus' text format, in parts; where it is not wanted there are none. */
export function* connectionMetrics({ connections }: SidecarSnapshot): Generator<string> {
  if (connections === null) return;
  const { told, leftOut, nodes } = connections;
  yield family(
    'keepalived_vip_connections_told',
    'Clients of the addresses that this node holds, of which the other nodes are told.',
    [['', told]],
  );
  yield family(
    'keepalived_vip_connections_left_out',
    'Those beyond the limit: nobody will tell them that their connection is gone when this node is.',
    [['', leftOut]],
  );
  yield family('keepalived_vip_connections_nodes', 'Sidecars of other nodes whose lists of clients are known.', [
    ['', nodes],
  ]);
}
