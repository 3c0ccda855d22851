import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { CHECK_NAMES, type CheckName } from '../checks/types.ts';
import type { VrrpState } from '../keepalived/notify.ts';
import { type AgentSnapshot, hasSettingsInstance } from '../status/snapshot.ts';

/** The agent's metrics; names and units as https://prometheus.io/docs/practices/naming/ has them. */
export interface Metrics {
  /** Counts a change of an instance's VRRP state; its pool is null for the instance of the settings. */
  transition(instance: { readonly name: string; readonly pool: string | null }, state: VrrpState): void;
  /** Takes the duration of a probe. */
  probed(check: CheckName, outcome: string, durationSeconds: number): void;
  /** Counts settings that were taken at run time. */
  reloaded(): void;
  /** Counts settings that were refused at run time. */
  rejected(): void;
}

interface MetricsDependencies {
  readonly registry: Registry;
  readonly snapshot: () => AgentSnapshot;
  /** Longest standstill of the event loop, in milliseconds, since the last call. */
  readonly takeLagMillis: () => number;
}

function gauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  collect: (gauge: Gauge) => void,
): void {
  new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      // Without labels a reset means 0, which would be an answer; what is not known is left out.
      if (labelNames.length === 0) this.remove();
      collect(this);
    },
  });
}

function stateGauges({ registry, snapshot }: MetricsDependencies): void {
  gauge(
    registry,
    'keepalived_vip_holder',
    'Whether this node has the virtual address on its interface.',
    ['address'],
    (metric) => {
      for (const { address, present } of snapshot().holder.addresses) metric.set({ address }, present ? 1 : 0);
    },
  );
  gauge(
    registry,
    'keepalived_vip_vrrp_state',
    'State that keepalived last notified; 1 for the present one.',
    ['state'],
    (metric) => {
      if (hasSettingsInstance(snapshot())) metric.set({ state: snapshot().holder.vrrp.state }, 1);
    },
  );
  gauge(
    registry,
    'keepalived_vip_holder_disagreement',
    'Whether the VRRP state and the addresses on the interface contradict each other.',
    [],
    (metric) => {
      if (hasSettingsInstance(snapshot())) metric.set(snapshot().holder.disagreement === null ? 0 : 1);
    },
  );
  gauge(
    registry,
    'keepalived_vip_fitness_band',
    'How fit the node is: 0 healthy, 1 no Kubernetes API, 2 draining, 3 kubelet failed, 4 service failed.',
    [],
    (metric) => {
      const { fitness } = snapshot();
      if (fitness !== undefined) metric.set(fitness.band);
    },
  );
  gauge(registry, 'keepalived_vip_priority', 'VRRP priority that the node asks for.', [], (metric) => {
    const { fitness } = snapshot();
    if (fitness !== undefined) metric.set(fitness.priority);
  });
}

function cordonGauges({ registry, snapshot }: MetricsDependencies): void {
  gauge(
    registry,
    'keepalived_vip_cordoned',
    'Whether the node was cordoned when the Kubernetes API last told.',
    [],
    (metric) => {
      const { cordon } = snapshot().cordon;
      if (cordon !== undefined) metric.set(cordon === null ? 0 : 1);
    },
  );
  gauge(
    registry,
    'keepalived_vip_cordon_watch_up',
    'Whether the Kubernetes API tells the sidecar of cordons.',
    [],
    (metric) => {
      const { watched, heard } = snapshot().cordon;
      if (watched) metric.set(heard ? 1 : 0);
    },
  );
}

function eachCheck(
  snapshot: AgentSnapshot,
  visit: (name: CheckName, check: NonNullable<AgentSnapshot['checks'][CheckName]>) => void,
) {
  for (const name of CHECK_NAMES) {
    const check = snapshot.checks[name];
    if (check !== undefined) visit(name, check);
  }
}

function checkGauges({ registry, snapshot }: MetricsDependencies): void {
  gauge(
    registry,
    'keepalived_vip_probe_success',
    'Whether the last probe of the check succeeded.',
    ['check'],
    (metric) =>
      eachCheck(snapshot(), (name, { state }) =>
        metric.set({ check: name }, state.lastResult?.outcome === 'success' ? 1 : 0),
      ),
  );
  gauge(
    registry,
    'keepalived_vip_check_healthy',
    'Whether the check counts as healthy, by its thresholds.',
    ['check'],
    (metric) => eachCheck(snapshot(), (name, { healthy }) => metric.set({ check: name }, healthy === true ? 1 : 0)),
  );
  gauge(
    registry,
    'keepalived_vip_probe_consecutive_failures',
    'Failed probes of the check since its last success.',
    ['check'],
    (metric) => eachCheck(snapshot(), (name, { state }) => metric.set({ check: name }, state.consecutiveFailures)),
  );
}

function agentGauges({ registry, snapshot, takeLagMillis }: MetricsDependencies): void {
  gauge(
    registry,
    'keepalived_vip_config_rejected',
    'Whether the newest settings or configuration were refused.',
    [],
    (metric) => {
      const { config, supervisor } = snapshot();
      metric.set(config.rejected !== null || config.problem !== null || supervisor?.result === 'rejected' ? 1 : 0);
    },
  );
  gauge(registry, 'keepalived_vip_keepalived_up', 'Whether keepalived runs.', [], (metric) =>
    metric.set(snapshot().supervisor?.keepalivedPid === undefined ? 0 : 1),
  );
  gauge(
    registry,
    'keepalived_vip_foreign_router_heard',
    'Whether a router that is none of this release is heard to use a router id of it; ids without one are left out.',
    ['virtual_router_id'],
    (metric) => {
      for (const id of snapshot().foreignRouterIds) metric.set({ virtual_router_id: String(id) }, 1);
    },
  );
  gauge(
    registry,
    'keepalived_vip_event_loop_lag_seconds',
    'Longest standstill of the sidecar’s event loop since the last scrape.',
    [],
    (metric) => metric.set(takeLagMillis() / 1000),
  );
  gauge(
    registry,
    'keepalived_vip_build_info',
    'Version of the sidecar and of keepalived; always 1.',
    ['version', 'keepalived'],
    (metric) => {
      const { version, supervisor } = snapshot();
      metric.set({ version, keepalived: supervisor?.keepalivedVersion ?? '' }, 1);
    },
  );
}

/** keepalived's own verdicts are counted by the supervisor; its counters are passed on, so they survive a restart of the sidecar. */
function supervisorCounters({ registry, snapshot }: MetricsDependencies): void {
  new Counter({
    name: 'keepalived_vip_keepalived_configs_total',
    help: 'Configurations that keepalived’s own test judged, by result.',
    labelNames: ['result'],
    registers: [registry],
    collect() {
      this.reset();
      const { supervisor } = snapshot();
      this.inc({ result: 'accepted' }, supervisor?.acceptedTotal ?? 0);
      this.inc({ result: 'rejected' }, supervisor?.rejectedTotal ?? 0);
    },
  });
}

/** Registers the agent's metrics; values are taken from the snapshot when scraped. */
export function createMetrics(dependencies: MetricsDependencies): Metrics {
  const { registry } = dependencies;
  stateGauges(dependencies);
  cordonGauges(dependencies);
  checkGauges(dependencies);
  agentGauges(dependencies);
  supervisorCounters(dependencies);
  const registers = [registry];
  const transitions = new Counter({
    name: 'keepalived_vip_transitions_total',
    help: 'Changes of the VRRP state, by the state that was entered.',
    labelNames: ['state'],
    registers,
  });
  const durations = new Histogram({
    name: 'keepalived_vip_probe_duration_seconds',
    help: 'How long probes took.',
    labelNames: ['check', 'outcome'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const reloads = new Counter({
    name: 'keepalived_vip_config_reloads_total',
    help: 'Settings that were taken at run time.',
    registers,
  });
  const rejections = new Counter({
    name: 'keepalived_vip_config_rejections_total',
    help: 'Settings that were refused at run time.',
    registers,
  });
  const instanceTransitions = new Counter({
    name: 'keepalived_vip_instance_transitions_total',
    help: 'Changes of the VRRP state of an instance of a pool, by the state that was entered.',
    labelNames: ['instance', 'state'],
    registers,
  });
  return {
    transition: ({ name, pool }, state) => {
      if (pool === null) transitions.inc({ state });
      else instanceTransitions.inc({ instance: name, state });
    },
    probed: (check, outcome, durationSeconds) => durations.observe({ check, outcome }, durationSeconds),
    reloaded: () => reloads.inc(),
    rejected: () => rejections.inc(),
  };
}
