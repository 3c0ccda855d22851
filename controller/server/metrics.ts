import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { EventOutcome } from '../events/recorder.ts';
import type { ControllerSnapshot } from './status.ts';

/** The controller's metrics; names and units as https://prometheus.io/docs/practices/naming/ has them. */
export interface Metrics {
  planned(durationSeconds: number): void;
  /** A Service got its addresses. */
  allocated(durationSeconds: number): void;
  wrote(stage: string, outcome: 'success' | 'error'): void;
  event(reason: string, outcome: EventOutcome): void;
  moved(pool: string, addresses: number): void;
  runFailed(): void;
  informerFailed(informer: string): void;
  leaseFailed(): void;
}

interface MetricsDependencies {
  readonly registry: Registry;
  readonly snapshot: () => ControllerSnapshot;
}

const PREFIX = 'keepalived_vip_controller';

function gauge(
  registry: Registry,
  name: string,
  help: string,
  labels: string[],
  collect: (metric: Gauge) => void,
): void {
  new Gauge({
    name: `${PREFIX}_${name}`,
    help,
    labelNames: labels,
    registers: [registry],
    collect() {
      this.reset();
      collect(this);
    },
  });
}

function stateGauges({ registry, snapshot }: MetricsDependencies): void {
  gauge(registry, 'leader', 'Whether this replica leads.', [], (metric) => metric.set(snapshot().leading ? 1 : 0));
  gauge(registry, 'informer_connected', 'Whether the API server tells of changes.', ['resource'], (metric) => {
    for (const { name, connected } of snapshot().informers) metric.set({ resource: name }, connected ? 1 : 0);
  });
  gauge(registry, 'pools', 'Pools that there are.', [], (metric) => metric.set(snapshot().view.pools.length));
  gauge(registry, 'build_info', 'Version of the controller; always 1.', ['version'], (metric) =>
    metric.set({ version: snapshot().version }, 1),
  );
}

function poolGauges({ registry, snapshot }: MetricsDependencies): void {
  const pools = () => snapshot().view.pools;
  gauge(registry, 'pool_addresses', 'Addresses that a pool wishes for.', ['pool'], (metric) => {
    for (const { name, addressCount } of pools()) metric.set({ pool: name }, addressCount);
  });
  gauge(registry, 'pool_addresses_held', 'Addresses of a pool that exactly one node holds.', ['pool'], (metric) => {
    for (const { name, heldCount } of pools()) metric.set({ pool: name }, heldCount);
  });
  gauge(registry, 'pool_eligible_nodes', 'Nodes that may hold the addresses of a pool.', ['pool'], (metric) => {
    for (const { name, eligibleNodes } of pools()) metric.set({ pool: name }, eligibleNodes);
  });
  gauge(registry, 'pool_condition', 'Conditions of a pool: 1 for True, 0 else.', ['pool', 'condition'], (metric) => {
    for (const { name, conditions } of pools()) {
      for (const { type, status } of conditions) metric.set({ pool: name, condition: type }, status === 'True' ? 1 : 0);
    }
  });
}

function serviceGauges({ registry, snapshot }: MetricsDependencies): void {
  const help = 'Addresses for Services: allocated, retained for one that went, or free.';
  gauge(registry, 'service_addresses', help, ['pool', 'phase'], (metric) => {
    for (const { name, services } of snapshot().view.pools) {
      for (const [phase, count] of Object.entries(services ?? {})) metric.set({ pool: name, phase }, count);
    }
  });
  gauge(registry, 'services_waiting', 'Services without all that they ask for.', ['reason'], (metric) => {
    for (const [reason, count] of Object.entries(snapshot().view.services.waiting)) metric.set({ reason }, count);
  });
}

/** Registers the controller's metrics; gauges are taken from the snapshot when scraped. */
export function createMetrics(dependencies: MetricsDependencies): Metrics {
  const registers = [dependencies.registry];
  stateGauges(dependencies);
  poolGauges(dependencies);
  serviceGauges(dependencies);
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name: `${PREFIX}_${name}`, help, labelNames, registers });
  const plans = counter('plans_total', 'Plans that were made.');
  const durations = new Histogram({
    name: `${PREFIX}_plan_duration_seconds`,
    help: 'How long making a plan took.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers,
  });
  const allocations = new Histogram({
    name: `${PREFIX}_service_allocation_duration_seconds`,
    help: 'How long a Service waited for its addresses, from the decision until its status had them.',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers,
  });
  const writes = counter('writes_total', 'Objects that were written, by kind and outcome.', ['kind', 'outcome']);
  const events = counter('events_total', 'Events, by reason and what became of them.', ['reason', 'outcome']);
  const moves = counter('moves_total', 'Addresses that went from one node to another.', ['pool']);
  const runs = counter('run_errors_total', 'Runs in which something could not be done.');
  const informers = counter('informer_errors_total', 'Lists and watches that failed.', ['resource']);
  const leases = counter('lease_errors_total', 'Failed requests about the lease.');
  return {
    planned: (durationSeconds) => {
      plans.inc();
      durations.observe(durationSeconds);
    },
    allocated: (durationSeconds) => allocations.observe(durationSeconds),
    wrote: (stage, outcome) => writes.inc({ kind: stage, outcome }),
    event: (reason, outcome) => events.inc({ reason, outcome }),
    moved: (pool, addresses) => moves.inc({ pool }, addresses),
    runFailed: () => runs.inc(),
    informerFailed: (resource) => informers.inc({ resource }),
    leaseFailed: () => leases.inc(),
  };
}
