import { Counter, Histogram, type Registry } from 'prom-client';
import type { Metrics } from '../status/metrics.ts';

/** Registers the metrics that count events. */
export function createEventMetrics(registry: Registry): Metrics {
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
  const asked = new Counter({
    name: 'keepalived_vip_reset_connections_total',
    help: 'Clients of the node that held an address before, whose connections were reset after this node took it over.',
    registers,
  });
  return {
    transition: ({ name, shown }, state) => {
      if (shown.as === 'node') transitions.inc({ state });
      else instanceTransitions.inc({ instance: name, state });
    },
    probed: (check, outcome, durationSeconds) => durations.observe({ check, outcome }, durationSeconds),
    asked: (clients) => asked.inc(clients),
    reloaded: () => reloads.inc(),
    rejected: () => rejections.inc(),
  };
}
