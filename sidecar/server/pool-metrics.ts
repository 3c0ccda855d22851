import { gauge, type MetricsDependencies } from './gauge.ts';
import type { InstanceSnapshot } from './status.ts';

/* Metrics of pools: a series for each address, a few for each instance. */

function instanceGauge(
  { registry, snapshot }: MetricsDependencies,
  name: string,
  help: string,
  value: (instance: InstanceSnapshot) => number | undefined,
): void {
  gauge(registry, name, help, ['instance', 'pool'], (metric) => {
    for (const instance of snapshot().instances) {
      const known = value(instance);
      if (known !== undefined) metric.set({ instance: instance.name, pool: instance.pool }, known);
    }
  });
}

function instanceGauges(dependencies: MetricsDependencies): void {
  instanceGauge(
    dependencies,
    'keepalived_vip_instance_band',
    'How fit the node is for an instance of a pool: 0 healthy, 1 no Kubernetes API, 2 draining, 3 kubelet failed, 4 service failed.',
    ({ fitness }) => fitness?.band,
  );
  instanceGauge(
    dependencies,
    'keepalived_vip_instance_priority',
    'VRRP priority that the node asks for in an instance of a pool.',
    ({ fitness }) => fitness?.priority,
  );
  instanceGauge(
    dependencies,
    'keepalived_vip_instance_master',
    'Whether keepalived last notified that the node is the master of an instance of a pool.',
    ({ holder }) => (holder.vrrp.state === 'UNKNOWN' ? undefined : holder.vrrp.state === 'MASTER' ? 1 : 0),
  );
  instanceGauge(
    dependencies,
    'keepalived_vip_instance_disagreement',
    'Whether the VRRP state of an instance and the addresses on the interface contradict each other.',
    ({ holder }) => (holder.disagreement === null ? 0 : 1),
  );
}

function addressGauge({ registry, snapshot }: MetricsDependencies): void {
  gauge(
    registry,
    'keepalived_vip_address_held',
    'Whether this node has the address of a pool on its interface.',
    ['pool', 'address'],
    (metric) => {
      for (const { pool, holder } of snapshot().instances) {
        for (const { address, present } of holder.addresses) metric.set({ pool, address }, present ? 1 : 0);
      }
    },
  );
}

function planGauges({ registry, snapshot }: MetricsDependencies): void {
  gauge(
    registry,
    'keepalived_vip_plan_watch_up',
    'Whether the Kubernetes API tells the sidecar what the node is to do for pools.',
    [],
    (metric) => {
      const { watched, heard } = snapshot().plan;
      if (watched) metric.set(heard ? 1 : 0);
    },
  );
  gauge(
    registry,
    'keepalived_vip_plan_problems',
    'Number of things that keep the node from carrying out its plan.',
    [],
    (metric) => {
      const { watched, problems } = snapshot().plan;
      if (watched) metric.set(problems.length);
    },
  );
  gauge(
    registry,
    'keepalived_vip_pool_check_healthy',
    'Whether the health check of a pool counts as healthy, by its thresholds.',
    ['pool'],
    (metric) => {
      for (const { name, healthy } of snapshot().pools) metric.set({ pool: name }, healthy === true ? 1 : 0);
    },
  );
}

/** Registers the metrics of pools; without pools they have no series. */
export function poolGauges(dependencies: MetricsDependencies): void {
  instanceGauges(dependencies);
  addressGauge(dependencies);
  planGauges(dependencies);
}
