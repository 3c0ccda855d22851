import { initialCheckState } from '../checks/thresholds.ts';
import type { AgentSnapshot } from '../status/status.ts';
import { planOf } from './plan.ts';
import { defaultSettings } from './settings.ts';

/** What a healthy holder knows of itself, for tests to change one thing of. */
export function healthySnapshot(): AgentSnapshot {
  const settings = defaultSettings();
  const state = {
    ...initialCheckState(),
    healthy: true,
    sinceMs: 1_700_000_000_000,
    lastResult: {
      outcome: 'success' as const,
      reason: 'GET http://127.0.0.1:10254/healthz answered 200',
      durationSeconds: 0.002,
      atMs: 1_700_000_001_000,
    },
    consecutiveSuccesses: 7,
  };
  const check = { target: 'http://127.0.0.1:10254/healthz', timing: settings.checks.service, state, healthy: true };
  return {
    node: 'node1',
    version: '0.1.0',
    holder: {
      holder: true,
      sinceMs: 1_700_000_000_000,
      addresses: [
        {
          address: '192.0.2.100',
          prefixLength: 24,
          family: 4,
          interface: 'eth0',
          present: true,
          sinceMs: 1_700_000_000_000,
        },
      ],
      vrrp: { state: 'MASTER', priority: 253, sinceMs: 1_700_000_000_000 },
      disagreement: null,
    },
    fitness: {
      band: 0,
      reason: 'healthy',
      failed: false,
      gate: 1,
      offset: 9,
      priority: 253,
      bandSinceMs: 1,
      reviewAtMs: undefined,
    },
    rank: 0,
    drainReasons: [],
    cordon: { watched: true, heard: true, cordon: null, sinceMs: 1_700_000_000_000, problem: null },
    checks: { service: check, kubelet: check },
    refusedPorts: [],
    settings,
    problems: [],
    undelivered: null,
    config: { version: 'abcdef012345', loadedAtMs: 1_700_000_000_000, rejected: null, problem: null },
    supervisor: {
      candidateSha256: 'ab',
      result: 'accepted',
      exitCode: 0,
      runningSha256: 'ab',
      keepalivedPid: 42,
      keepalivedVersion: '2.3.3',
      acceptedTotal: 1,
      rejectedTotal: 0,
      messages: [],
      listed: [],
      instances: [],
    },
    foreignRouterIds: [],
    plan: {
      watched: false,
      heard: false,
      plan: undefined,
      exists: false,
      fresh: false,
      problem: null,
      refused: null,
      observed: null,
      problems: [],
    },
    pools: [],
    instances: [],
  };
}

/** The same with a pool of two instances, of which it holds one. */
export function pooledSnapshot(): AgentSnapshot {
  const snapshot = healthySnapshot();
  const plan = planOf('p2');
  const [address] = snapshot.holder.addresses;
  const instances = plan.instances.map(({ name, pool, rank, virtualRouterId, addresses }, slot) => ({
    name,
    pool,
    rank,
    virtualRouterId,
    holder: {
      ...snapshot.holder,
      holder: slot === 0,
      addresses: address === undefined ? [] : [{ ...address, address: addresses[0] ?? '', present: slot === 0 }],
      vrrp: { ...snapshot.holder.vrrp, state: slot === 0 ? ('MASTER' as const) : ('BACKUP' as const) },
    },
    fitness: snapshot.fitness,
  }));
  const service = snapshot.checks.service;
  return {
    ...snapshot,
    plan: { ...snapshot.plan, watched: true, heard: true, plan, exists: true, observed: 'p1', problems: ['a problem'] },
    pools: [{ name: 'default', check: { target: service?.target, state: service?.state, own: false }, healthy: true }],
    instances,
  };
}
