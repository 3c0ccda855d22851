import { Counter, Gauge, type Registry } from 'prom-client';
import { BAND_LEGEND } from '../../api/bands.ts';
import { CHECK_NAMES, type CheckName } from '../checks/types.ts';
import type { CheckSnapshot, SidecarSnapshot } from '../status/snapshot.ts';

/** What one answer to `GET /metrics` is made of. */
export interface Scrape {
  readonly snapshot: SidecarSnapshot;
  /** Longest standstill of the event loop since the last scrape, in milliseconds. */
  readonly lagMillis: number;
}

type Metric = Gauge | Counter;

/** A metric whose series are made anew for each scrape. */
interface Family<Kind extends Metric> {
  readonly name: string;
  readonly help: string;
  /** Absent: one series without labels. */
  readonly labelNames?: readonly string[];
  /** Sets the series that there are; what is not known is left out. */
  readonly fill: (metric: Kind, scrape: Scrape) => void;
}

const STATE: readonly Family<Gauge>[] = [
  {
    name: 'keepalived_vip_holder',
    help: 'Whether this node has the virtual address on its interface.',
    labelNames: ['address'],
    fill: (metric, { snapshot: { holder } }) => {
      for (const { address, present } of holder.addresses) metric.set({ address }, present ? 1 : 0);
    },
  },
  {
    name: 'keepalived_vip_vrrp_state',
    help: 'State that keepalived last notified; 1 for the present one.',
    labelNames: ['state'],
    fill: (metric, { snapshot }) => {
      if (snapshot.hasNodeInstance) metric.set({ state: snapshot.holder.vrrp.state }, 1);
    },
  },
  {
    name: 'keepalived_vip_holder_disagreement',
    help: 'Whether the VRRP state and the addresses on the interface contradict each other.',
    fill: (metric, { snapshot }) => {
      if (snapshot.hasNodeInstance) metric.set(snapshot.holder.disagreement === null ? 0 : 1);
    },
  },
  {
    name: 'keepalived_vip_fitness_band',
    help: `How fit the node is: ${BAND_LEGEND}.`,
    fill: (metric, { snapshot: { fitness } }) => {
      if (fitness !== undefined) metric.set(fitness.band);
    },
  },
  {
    name: 'keepalived_vip_priority',
    help: 'VRRP priority that the node asks for.',
    fill: (metric, { snapshot: { fitness } }) => {
      if (fitness !== undefined) metric.set(fitness.priority);
    },
  },
];

const CORDON: readonly Family<Gauge>[] = [
  {
    name: 'keepalived_vip_cordoned',
    help: 'Whether the node was cordoned when the Kubernetes API last told.',
    fill: (metric, { snapshot }) => {
      const { cordon } = snapshot.cordon;
      if (cordon !== undefined) metric.set(cordon === null ? 0 : 1);
    },
  },
  {
    name: 'keepalived_vip_cordon_watch_up',
    help: 'Whether the Kubernetes API tells the sidecar of cordons.',
    fill: (metric, { snapshot }) => {
      const { watched, synced } = snapshot.cordon;
      if (watched) metric.set(synced ? 1 : 0);
    },
  },
];

function eachCheck({ snapshot }: Scrape, visit: (name: CheckName, check: CheckSnapshot) => void): void {
  for (const name of CHECK_NAMES) {
    const check = snapshot.checks[name];
    if (check !== undefined) visit(name, check);
  }
}

const CHECKS: readonly Family<Gauge>[] = [
  {
    name: 'keepalived_vip_probe_success',
    help: 'Whether the last probe of the check succeeded.',
    labelNames: ['check'],
    fill: (metric, scrape) =>
      eachCheck(scrape, (name, { state }) =>
        metric.set({ check: name }, state.lastResult?.outcome === 'success' ? 1 : 0),
      ),
  },
  {
    name: 'keepalived_vip_check_healthy',
    help: 'Whether the check counts as healthy, by its thresholds.',
    labelNames: ['check'],
    fill: (metric, scrape) =>
      eachCheck(scrape, (name, { healthy }) => metric.set({ check: name }, healthy === true ? 1 : 0)),
  },
  {
    name: 'keepalived_vip_probe_consecutive_failures',
    help: 'Failed probes of the check since its last success.',
    labelNames: ['check'],
    fill: (metric, scrape) =>
      eachCheck(scrape, (name, { state }) => metric.set({ check: name }, state.consecutiveFailures)),
  },
];

const PROGRAMS: readonly Family<Gauge>[] = [
  {
    name: 'keepalived_vip_config_rejected',
    help: 'Whether the newest settings or configuration were refused.',
    fill: (metric, { snapshot: { config, supervisor } }) => {
      const rejected = config.rejected !== null || config.problem !== null || supervisor?.result === 'rejected';
      metric.set(rejected ? 1 : 0);
    },
  },
  {
    name: 'keepalived_vip_keepalived_up',
    help: 'Whether keepalived runs.',
    fill: (metric, { snapshot }) => metric.set(snapshot.supervisor?.keepalivedPid === undefined ? 0 : 1),
  },
  {
    name: 'keepalived_vip_foreign_router_heard',
    help: 'Whether a router that is none of this release is heard to use a router id of it; ids without one are left out.',
    labelNames: ['virtual_router_id'],
    fill: (metric, { snapshot }) => {
      for (const id of snapshot.foreignRouterIds) metric.set({ virtual_router_id: String(id) }, 1);
    },
  },
  {
    name: 'keepalived_vip_event_loop_lag_seconds',
    help: 'Longest standstill of the sidecar’s event loop since the last scrape.',
    fill: (metric, { lagMillis }) => metric.set(lagMillis / 1000),
  },
  {
    name: 'keepalived_vip_build_info',
    help: 'Version of the sidecar and of keepalived; always 1.',
    labelNames: ['version', 'keepalived'],
    fill: (metric, { snapshot: { version, supervisor } }) =>
      metric.set({ version, keepalived: supervisor?.keepalivedVersion ?? '' }, 1),
  },
];

/** keepalived's own verdicts are counted by the supervisor; its counters are passed on, so they survive a restart of the sidecar. */
const JUDGED: Family<Counter> = {
  name: 'keepalived_vip_keepalived_configs_total',
  help: 'Configurations that keepalived’s own test judged, by result.',
  labelNames: ['result'],
  fill: (metric, { snapshot: { supervisor } }) => {
    metric.inc({ result: 'accepted' }, supervisor?.acceptedTotal ?? 0);
    metric.inc({ result: 'rejected' }, supervisor?.rejectedTotal ?? 0);
  },
};

function familyOf<Kind extends Metric>(
  metric: Kind,
  { labelNames = [], fill }: Family<Kind>,
): (scrape: Scrape) => void {
  return (scrape) => {
    metric.reset();
    // Without labels a reset means 0, which would be an answer.
    if (labelNames.length === 0) metric.remove();
    fill(metric, scrape);
  };
}

/**
 * Registers the metrics of a snapshot.
 * @returns makes them those of a scrape
 */
export function createSnapshotMetrics(registry: Registry): (scrape: Scrape) => void {
  const registers = [registry];
  const families = [
    ...[...STATE, ...CORDON, ...CHECKS, ...PROGRAMS].map((family) => {
      const { name, help, labelNames = [] } = family;
      return familyOf(new Gauge({ name, help, labelNames: [...labelNames], registers }), family);
    }),
    familyOf(new Counter({ name: JUDGED.name, help: JUDGED.help, labelNames: ['result'], registers }), JUDGED),
  ];
  return (scrape) => {
    for (const show of families) show(scrape);
  };
}
