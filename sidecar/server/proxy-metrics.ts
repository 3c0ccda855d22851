import type { SidecarSnapshot } from '../status/snapshot.ts';
import { family, type Sample } from './family.ts';

/** The metrics of the proxy in Prometheus' text format, in parts; without a proxy there are none. */
export function* proxyMetrics({ proxy }: SidecarSnapshot): Generator<string> {
  if (proxy === null) return;
  const { backends } = proxy;
  const each = (value: (backend: (typeof backends)[number]) => number) =>
    backends.map((backend): Sample => [`backend="${backend.address}"`, value(backend)]);
  yield family(
    'keepalived_vip_proxy_backend_up',
    'Whether an API server passes the check of this node.',
    each(({ state }) => (state === 'down' ? 0 : 1)),
  );
  yield family(
    'keepalived_vip_proxy_backend_accepting',
    'Whether an API server is given new connections by this node.',
    each(({ state }) => (state === 'up' ? 1 : 0)),
  );
  yield family(
    'keepalived_vip_proxy_backend_sessions',
    'Connections of clients that an API server has through this node.',
    each(({ sessions }) => sessions),
  );
}
