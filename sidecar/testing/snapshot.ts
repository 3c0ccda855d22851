import { initialCheckState } from '../checks/thresholds.ts';
import type { SidecarSnapshot } from '../status/snapshot.ts';
import { planOf } from './plan.ts';
import { defaultSettings } from './settings.ts';

/** What a healthy holder knows of itself, for tests to change one thing of. */
export function healthySnapshot(): SidecarSnapshot {
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
    hasNodeInstance: true,
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
    virtualRouterId: settings.vrrp.virtualRouterId,
    rank: 0,
    drainReasons: [],
    cordon: { watched: true, synced: true, cordon: null, sinceMs: 1_700_000_000_000, problem: null },
    checks: { service: check, kubelet: check },
    refusedPorts: [],
    settings,
    problems: [],
    trackProblem: null,
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
      synced: false,
      plan: undefined,
      exists: false,
      fresh: false,
      problem: null,
      refused: null,
      observed: null,
      problems: [],
    },
    connections: null,
    controlPlane: null,
    proxy: null,
    bgp: null,
    pools: [],
    instances: [],
    loopback: [],
  };
}

/** The same of a node of the control plane, whose proxy has one API server that is down, and one of another certificate. */
export function proxySnapshot(): SidecarSnapshot {
  const snapshot = healthySnapshot();
  const { holder, fitness } = snapshot;
  const passed = 'Layer6 check passed';
  const sinceMs = 1_700_000_000_000;
  const answered = (status: number) => `GET https://192.0.2.3:6443/readyz answered ${status}`;
  const up = { state: 'up' as const, sinceMs, check: passed, why: passed, ready: true, readiness: answered(200) };
  const timeout = { check: 'Layer6 timeout', why: 'Layer6 timeout', ready: undefined, readiness: null };
  const unready = { ready: false, readiness: answered(500), why: answered(500) };
  const backends = [
    { ...up, address: '192.0.2.1', sessions: 7 },
    { ...up, ...timeout, address: 'fd00::2', state: 'down' as const, sessions: 0 },
    { ...up, ...unready, address: '192.0.2.3', state: 'draining' as const, sessions: 7 },
  ];
  const certificate = { has: ['192.0.2.100'], lacks: [], validFromMs: sinceMs, validToMs: 1_800_000_000_000 };
  const lacking = { ...certificate, has: [], lacks: ['192.0.2.100'] };
  const message = 'the certificate of [fd00::2]:6443 is not for 192.0.2.100';
  const running = { virtualRouterId: 51, rank: 0, holder, fitness };
  const backup = { ...holder.vrrp, state: 'BACKUP' as const, priority: 243 };
  return {
    ...snapshot,
    connections: {
      ...{ told: 1200, leftOut: 3, nodes: 2, problem: null },
      last: { sent: 12, refused: 1, atMs: 1_700_000_002_000 },
    },
    controlPlane: {
      instances: [
        { ...running, name: 'api_1' },
        { ...running, name: 'api_2', virtualRouterId: 52, holder: { ...holder, holder: false, vrrp: backup } },
      ],
      certificates: [
        { ...certificate, endpoint: '192.0.2.1:6443', address: '192.0.2.1' },
        { ...lacking, endpoint: '[fd00::2]:6443', address: 'fd00::2' },
      ],
      conditions: [{ type: 'CertificateLacksAddress', status: 'True', message }],
    },
    proxy: {
      status: {
        candidateSha256: 'cd',
        result: 'accepted',
        exitCode: 0,
        runningSha256: 'ab',
        acceptedTotal: 2,
        rejectedTotal: 0,
        messages: [],
        haproxyPid: 9,
        haproxyVersion: '3.0.11',
        workersTotal: 1,
        reloadFailure: '[ALERT] cannot bind socket (Address already in use) for [:::9345]',
      },
      problem: null,
      watch: { problem: null },
      backends,
    },
  };
}

/** The same, whose HAProxy was killed. */
export function silentProxySnapshot(): SidecarSnapshot {
  const { proxy, ...snapshot } = proxySnapshot();
  if (proxy?.status === undefined) throw new Error('it has both');
  const problem = "HAProxy's runtime API at /run/admin.sock: ECONNREFUSED";
  const status = { ...proxy.status, haproxyPid: undefined, runningSha256: '', reloadFailure: undefined };
  const watch = { problem: 'connect ECONNREFUSED 10.96.0.1:443' };
  return { ...snapshot, proxy: { ...proxy, status, problem, watch } };
}

/** The same with a pool of two instances, of which it holds one. */
export function pooledSnapshot(): SidecarSnapshot {
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
    plan: {
      ...snapshot.plan,
      watched: true,
      synced: true,
      plan,
      exists: true,
      observed: 'p1',
      problems: ['a problem'],
    },
    pools: [
      {
        name: 'default',
        check: { target: service?.target, state: service?.state, own: false },
        healthy: true,
        localEndpoints: null,
      },
    ],
    instances,
  };
}

/** The same, where the pool counts on endpoints of the node's own and the node has none. */
export function withoutEndpointSnapshot(): SidecarSnapshot {
  const snapshot = pooledSnapshot();
  const { service } = snapshot.checks;
  if (service === undefined || snapshot.fitness === undefined) throw new Error('it has both');
  const target = 'http://192.0.2.1:30123/healthz';
  const outcome = 'failure' as const;
  const lastResult = { outcome, reason: `GET ${target} answered 503`, durationSeconds: 0.001, atMs: 1_700_000_004_000 };
  const state = { ...service.state, healthy: false, lastResult, consecutiveFailures: 20, consecutiveSuccesses: 0 };
  const fitness = {
    ...snapshot.fitness,
    ...{ band: 3 as const, reason: 'no ready endpoint of the Service on this node', offset: -171, priority: 73 },
  };
  return {
    ...snapshot,
    pools: snapshot.pools.map((pool) => ({ ...pool, localEndpoints: { target, state, ready: false } })),
    instances: snapshot.instances.map((instance) => ({ ...instance, fitness })),
  };
}

/** A node on which everything is wrong that can be said of one, in pools and beside them. */
export function troubledSnapshot(): SidecarSnapshot {
  const snapshot = pooledSnapshot();
  const { service } = snapshot.checks;
  const { fitness, supervisor } = snapshot;
  if (service === undefined || fitness === undefined || supervisor === undefined) throw new Error('it has all of them');
  const sick = {
    ...fitness,
    band: 5 as const,
    reason: 'service check failed',
    failed: true,
    gate: 0 as const,
    offset: -200,
  };
  const lastResult = {
    outcome: 'refused' as const,
    reason: 'connect ECONNREFUSED 127.0.0.1:10254',
    durationSeconds: 0.0004,
    atMs: 1_700_000_002_000,
  };
  const failed = { ...service.state, healthy: false, lastResult, consecutiveFailures: 3, consecutiveSuccesses: 0 };
  const unasked = { ...initialCheckState() };
  const [first, second] = snapshot.instances;
  if (first === undefined || second === undefined) throw new Error('it has two instances');
  const sinceMs = 1_700_000_003_000;
  const ipv6 = {
    address: '2001:db8::100',
    prefixLength: 64,
    family: 6 as const,
    interface: 'bond0.12',
    present: false,
    sinceMs,
  };
  return {
    ...snapshot,
    holder: {
      ...snapshot.holder,
      addresses: [...snapshot.holder.addresses, ipv6],
      disagreement: 'MASTER, but 2001:db8::100 is not on bond0.12',
    },
    fitness: { ...sick, priority: 44 },
    rank: 2,
    drainReasons: ['requested', 'SIGTERM'],
    cordon: { watched: true, synced: false, cordon: 'cordoned', sinceMs, problem: 'connect ECONNREFUSED' },
    checks: {
      service: { ...service, state: failed, healthy: false },
      kubelet: { ...service, target: 'http://127.0.0.1:10248/healthz', state: unasked, healthy: undefined },
      kubeApi: { ...service, target: 'https://10.96.0.1:443/readyz', healthy: false },
    },
    refusedPorts: [{ check: 'service', port: 443, connected: false, refused: true, sinceMs }],
    problems: ['plan.json is damaged: it is not whole', 'what was decided does not reach the track files: ENOSPC'],
    trackProblem: 'what was decided does not reach the track files: ENOSPC',
    config: {
      ...snapshot.config,
      rejected: { errors: ['vrrp.version: is missing', 'vrrp.interface: is not there'], atMs: sinceMs },
      problem: 'no interface has an address of 192.0.2.0/24',
    },
    supervisor: {
      ...supervisor,
      candidateSha256: 'cd',
      result: 'rejected',
      exitCode: 4,
      keepalivedPid: undefined,
      acceptedTotal: 7,
      rejectedTotal: 2,
      messages: ['(Line 3) a = b', '"quoted" \\ back'],
    },
    foreignRouterIds: [10, 21],
    plan: {
      ...snapshot.plan,
      synced: false,
      problem: 'connect ECONNREFUSED',
      refused: 'it names eth9',
      problems: ['a', 'b'],
    },
    pools: [
      {
        name: 'default',
        check: { target: undefined, state: undefined, own: false },
        healthy: undefined,
        localEndpoints: null,
      },
      {
        name: 'web',
        check: { target: 'http://127.0.0.1:80/', state: failed, own: true },
        healthy: false,
        localEndpoints: null,
      },
    ],
    instances: [
      {
        ...first,
        holder: { ...first.holder, disagreement: 'BACKUP, but it is here' },
        fitness: { ...sick, priority: 44 },
      },
      {
        ...second,
        holder: { ...second.holder, vrrp: { state: 'UNKNOWN', priority: undefined, sinceMs } },
        fitness: undefined,
      },
    ],
  };
}

/** A node with addresses on lo, of which it serves some. */
export function everywhereSnapshot(): SidecarSnapshot {
  const snapshot = pooledSnapshot();
  const sinceMs = 1_700_000_000_000;
  const { fitness } = healthySnapshot();
  const on = { prefixLength: 32, family: 4 as const, interface: 'lo', sinceMs };
  return {
    ...snapshot,
    loopback: [
      {
        ...{ name: 'web', pool: 'web', fitness, serves: true },
        addresses: [{ ...on, address: '203.0.113.5', present: true }],
      },
      {
        ...{ name: 'svc-0123456789', pool: 'web', fitness: undefined, serves: undefined },
        addresses: [{ ...on, address: '203.0.113.6', present: false }],
      },
    ],
  };
}

/** A node that announces to one router, has lost another, and is on no network of a third. */
export function announcingSnapshot(): SidecarSnapshot {
  const session = { sinceMs: 1_700_000_000_000, announced: undefined, bfd: undefined, reason: null };
  return {
    ...everywhereSnapshot(),
    bgp: {
      answers: true,
      problems: ['no session with to_192_0_2_253: its password cannot be used: it is empty'],
      sessions: [
        { ...session, peer: '192.0.2.251', state: 'Established', up: true, announced: 2, bfd: true },
        { ...session, peer: 'fd00::252', state: 'Active', up: false, bfd: false, reason: 'Socket: Connection refused' },
        {
          ...session,
          ...{ peer: '198.51.100.1', state: 'Idle', up: undefined },
          reason: 'the router is on none of this node’s networks',
        },
      ],
    },
  };
}

/** The same whose BIRD does not answer. */
export function silentBirdSnapshot(): SidecarSnapshot {
  const unknown = {
    ...{ state: 'unknown', up: undefined, sinceMs: undefined },
    ...{ announced: undefined, bfd: undefined, reason: null },
  };
  return {
    ...everywhereSnapshot(),
    bgp: {
      answers: false,
      problems: ['BIRD does not answer; its log says why (container bgp)'],
      sessions: [{ ...unknown, peer: '192.0.2.251' }],
    },
  };
}

/** A node that was just started, without an instance of its own. */
export function blankSnapshot(): SidecarSnapshot {
  const snapshot = healthySnapshot();
  return {
    ...snapshot,
    holder: {
      holder: false,
      sinceMs: 1_700_000_000_000,
      addresses: [],
      vrrp: { state: 'UNKNOWN', priority: undefined, sinceMs: 1_700_000_000_000 },
      disagreement: null,
    },
    fitness: undefined,
    cordon: { watched: false, synced: false, cordon: undefined, sinceMs: undefined, problem: null },
    checks: {},
    hasNodeInstance: false,
    settings: { ...snapshot.settings, vrrp: { ...snapshot.settings.vrrp, addresses: [] } },
    supervisor: undefined,
    plan: { ...snapshot.plan, watched: true },
  };
}
