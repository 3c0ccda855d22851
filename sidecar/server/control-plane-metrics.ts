import type { BackendSnapshot, ControlPlaneSnapshot, ProxySnapshot, SidecarSnapshot } from '../status/snapshot.ts';
import { family, type Sample } from './family.ts';

/** The metrics of the control plane in Prometheus' text format, in parts; without its addresses there are none. */
export function* controlPlaneMetrics({ controlPlane, proxy }: SidecarSnapshot): Generator<string> {
  if (controlPlane !== null) yield* addressMetrics(controlPlane);
  if (proxy !== null) yield* proxyMetrics(proxy);
}

function* addressMetrics({ instances, certificates }: ControlPlaneSnapshot): Generator<string> {
  yield family(
    'keepalived_vip_control_plane_instance_master',
    'Whether keepalived last notified that the node is the master of an instance of the control plane.',
    instances.flatMap(({ name, holder: { vrrp } }): Sample[] => {
      return vrrp.state === 'UNKNOWN' ? [] : [[`instance="${name}"`, vrrp.state === 'MASTER' ? 1 : 0]];
    }),
  );
  yield family(
    'keepalived_vip_certificate_lacks_address',
    'Whether the certificate that a server shows is not for a virtual address of it.',
    certificates.flatMap(({ endpoint, has, lacks }) => {
      const sample = (address: string, value: number): Sample => [`server="${endpoint}",address="${address}"`, value];
      return [...has.map((address) => sample(address, 0)), ...lacks.map((address) => sample(address, 1))];
    }),
  );
  yield family(
    'keepalived_vip_certificate_end_timestamp_seconds',
    'When the certificate that a server shows ends, in seconds since 1970.',
    certificates.map(({ endpoint, validToMs }): Sample => [`server="${endpoint}"`, validToMs / 1000]),
  );
}

function* proxyMetrics({ status, problem, watch, backends }: ProxySnapshot): Generator<string> {
  const runs = status?.haproxyPid !== undefined && problem === null;
  yield family('keepalived_vip_proxy_up', 'Whether HAProxy runs and answers.', [['', runs ? 1 : 0]]);
  const refused = status?.result === 'rejected' || status?.reloadFailure !== undefined;
  yield family(
    'keepalived_vip_proxy_config_rejected',
    'Whether HAProxy refused the newest configuration, or could not be reloaded with it.',
    [['', refused ? 1 : 0]],
  );
  yield family(
    'keepalived_vip_proxy_watch_up',
    'Whether the Kubernetes API tells the sidecar which API servers there are.',
    watch === null ? [] : [['', watch.problem === null ? 1 : 0]],
  );
  // What was seen before HAProxy fell silent is no answer.
  if (problem === null) yield* backendMetrics(backends);
}

function* backendMetrics(backends: readonly BackendSnapshot[]): Generator<string> {
  const each = (value: (backend: BackendSnapshot) => number) =>
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
