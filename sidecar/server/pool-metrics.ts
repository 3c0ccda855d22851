import { BAND_LEGEND } from '../../api/bands.ts';
import type { InstanceSnapshot, SidecarSnapshot } from '../status/snapshot.ts';
import { family, type Sample } from './family.ts';

/*
 * Metrics of pools: a series for each address, a few for each instance. There can be thousands, which the client library keeps and copies
 * at each scrape; so they are written as text, bit by bit (https://prometheus.io/docs/instrumenting/exposition_formats/).
 */

function byInstance(
  instances: readonly InstanceSnapshot[],
  value: (instance: InstanceSnapshot) => number | undefined,
): Sample[] {
  return instances.flatMap((instance): Sample[] => {
    const known = value(instance);
    return known === undefined ? [] : [[`instance="${instance.name}",pool="${instance.pool}"`, known]];
  });
}

function masterOf({ holder: { vrrp } }: InstanceSnapshot): number | undefined {
  if (vrrp.state === 'UNKNOWN') return undefined;
  return vrrp.state === 'MASTER' ? 1 : 0;
}

function* instanceFamilies(instances: readonly InstanceSnapshot[]): Generator<string> {
  yield family(
    'keepalived_vip_instance_band',
    `How fit the node is for an instance of a pool: ${BAND_LEGEND}.`,
    byInstance(instances, ({ fitness }) => fitness?.band),
  );
  yield family(
    'keepalived_vip_instance_priority',
    'VRRP priority that the node asks for in an instance of a pool.',
    byInstance(instances, ({ fitness }) => fitness?.priority),
  );
  yield family(
    'keepalived_vip_instance_master',
    'Whether keepalived last notified that the node is the master of an instance of a pool.',
    byInstance(instances, masterOf),
  );
  yield family(
    'keepalived_vip_instance_disagreement',
    'Whether the VRRP state of an instance and the addresses on the interface contradict each other.',
    byInstance(instances, ({ holder }) => (holder.disagreement === null ? 0 : 1)),
  );
}

function* addressLines(instances: readonly InstanceSnapshot[]): Generator<string> {
  const name = 'keepalived_vip_address_held';
  if (instances.every(({ holder }) => holder.addresses.length === 0)) return;
  yield `# HELP ${name} Whether this node has the address of a pool on its interface.\n# TYPE ${name} gauge\n`;
  for (const { pool, holder } of instances) {
    yield holder.addresses
      .map(({ address, present }) => `${name}{pool="${pool}",address="${address}"} ${present ? 1 : 0}\n`)
      .join('');
  }
}

/** By names of their own: that several nodes have one of these addresses is as it should be. */
function* loopbackFamilies(loopback: SidecarSnapshot['loopback']): Generator<string> {
  if (loopback.length === 0) return;
  yield family(
    'keepalived_vip_loopback_serving',
    'Whether the node is fit, and elected where that is asked for, to have addresses on lo that several nodes have, by the pool and by the set of them.',
    loopback.flatMap(({ name, pool, serves }): Sample[] =>
      serves === undefined ? [] : [[`pool="${pool}",set="${name}"`, serves ? 1 : 0]],
    ),
  );
  const held = 'keepalived_vip_loopback_held';
  yield `# HELP ${held} Whether this node has the address on lo, which several nodes have.\n# TYPE ${held} gauge\n`;
  for (const { name, pool, addresses } of loopback) {
    yield addresses
      .map(({ address, present }) => `${held}{pool="${pool}",set="${name}",address="${address}"} ${present ? 1 : 0}\n`)
      .join('');
  }
}

/** The metrics of pools in Prometheus' text format, in parts; without pools there are none. */
export function* poolMetrics({ plan, pools, instances, loopback }: SidecarSnapshot): Generator<string> {
  if (!plan.watched) return;
  yield family(
    'keepalived_vip_plan_watch_up',
    'Whether the Kubernetes API tells the sidecar what the node is to do for pools.',
    [['', plan.synced ? 1 : 0]],
  );
  yield family('keepalived_vip_plan_problems', 'Number of things that keep the node from carrying out its plan.', [
    ['', plan.problems.length],
  ]);
  yield family(
    'keepalived_vip_pool_check_healthy',
    'Whether the health check of a pool counts as healthy, by its thresholds.',
    pools.map(({ name, healthy }): Sample => [`pool="${name}"`, healthy === true ? 1 : 0]),
  );
  yield family(
    'keepalived_vip_pool_local_endpoint',
    "Whether this node has a ready endpoint of a pool's Services with externalTrafficPolicy Local, by kube-proxy's word.",
    pools.flatMap(({ name, localEndpoints }): Sample[] =>
      localEndpoints === null ? [] : [[`pool="${name}"`, localEndpoints.ready === true ? 1 : 0]],
    ),
  );
  yield* instanceFamilies(instances);
  yield* addressLines(instances);
  yield* loopbackFamilies(loopback);
}
