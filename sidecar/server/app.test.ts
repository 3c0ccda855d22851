import request from 'supertest';
import { describe, expect, it, vi } from 'vitest';
import type { SidecarSnapshot } from '../status/snapshot.ts';
import { healthySnapshot, pooledSnapshot, troubledSnapshot } from '../testing/snapshot.ts';
import { createApp } from './app.ts';

function get(path: string, changes: Partial<SidecarSnapshot> = {}) {
  return request(createApp({ snapshot: () => ({ ...healthySnapshot(), ...changes }) })).get(path);
}

const sick = {
  band: 5 as const,
  failed: true,
  reason: 'service check failed',
  gate: 0 as const,
  offset: -120,
  priority: 124,
  bandSinceMs: 1,
  reviewAtMs: 2,
};
const service = healthySnapshot().checks.service;
const failedService = service === undefined ? {} : { service: { ...service, healthy: false } };

describe('GET /', () => {
  it('answers with the page, which may run its own script and ask its own server alone', async () => {
    const page = '<style>a{}</style><script>1</script>';
    const app = createApp({ page, snapshot: healthySnapshot });
    const { text, headers } = await request(app)
      .get('/')
      .expect(200)
      .expect('Content-Type', /^text\/html/);
    expect(text).toBe(page);
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'sha256-\S+'; style-src 'sha256-/,
    );
    expect(headers['content-security-policy']).toContain("connect-src 'self'");
  });

  it('answers 404 where there is none', async () => {
    await get('/').expect(404);
  });
});

describe('GET /track', () => {
  it('answers 200 on a node that can serve, with every check', async () => {
    const { status, body } = await get('/track');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ok: true,
      band: 0,
      checks: { service: { healthy: true }, kubelet: { healthy: true } },
    });
    expect(body.checks).not.toHaveProperty('kubeApi');
  });

  it('answers 200 while the node drains: it serves until another has taken over', async () => {
    await get('/track', { fitness: { ...sick, band: 3, failed: false, gate: 1 } }).expect(200);
  });

  it('answers 503 while it drains without a kubelet', async () => {
    await get('/track', { fitness: { ...sick, band: 3, gate: 1 } }).expect(503);
  });

  it('answers 503 and why when the service failed', async () => {
    const { status, body } = await get('/track', { fitness: sick });
    expect([status, body.reason]).toEqual([503, 'service check failed']);
  });

  it('answers 503 before anything is known', async () => {
    const { status, body } = await get('/track', { fitness: undefined });
    expect([status, body.reason]).toEqual([503, 'no check has reached a threshold yet']);
  });
});

describe('GET /track/<check>', () => {
  it('answers for one check', async () => {
    await get('/track/service').expect(200);
    const { status, body } = await get('/track/service', { checks: failedService });
    expect([status, body.healthy]).toEqual([503, false]);
  });

  it('names the port of the proxy that refuses connections, and lays it to no other check', async () => {
    const refusedPorts = [{ check: 'proxy' as const, port: 10272, connected: false, refused: true, sinceMs: 1 }];
    const checks = service === undefined ? {} : { ...failedService, proxy: { ...service, healthy: false } };
    const proxy = await get('/track/proxy', { checks, refusedPorts });
    expect(proxy.body.reason).toMatch(/^port 10272 refuses connections; /);
    const other = await get('/track/service', { checks, refusedPorts });
    expect(other.body.reason).not.toContain('10272');
  });

  it('names the traffic port that refuses connections', async () => {
    const refusedPorts = [{ check: 'service' as const, port: 443, connected: false, refused: true, sinceMs: 1 }];
    const { body } = await get('/track/service', { checks: failedService, refusedPorts });
    expect(body.reason).toMatch(/^port 443 refuses connections; GET http/);
  });

  it('answers 200 for a check that is switched off, and 404 for none', async () => {
    await get('/track/kubeApi').expect(200);
    await get('/track/ingress').expect(404);
  });
});

describe('GET /pulse', () => {
  it('answers 503 until a decision was made: what the track files say is a predecessor’s', async () => {
    const { status, body } = await get('/pulse', { fitness: undefined });
    expect([status, body.reason]).toEqual([503, 'no check has reached a threshold yet']);
  });

  it('answers 200 from then on, also on a sick node', async () => {
    await get('/pulse').expect(200);
    await get('/pulse', { fitness: sick }).expect(200);
  });

  it('answers 503 while decisions do not reach keepalived, as does /readyz', async () => {
    const undelivered = 'what was decided does not reach the track files: ENOSPC';
    const { status, body } = await get('/pulse', { trackProblem: undelivered });
    expect([status, body.reason]).toEqual([503, undelivered]);
    expect((await get('/readyz', { trackProblem: undelivered })).body.reasons).toEqual([undelivered]);
    expect((await get('/status', { problems: [undelivered] })).body.problems).toEqual([undelivered]);
  });
});

describe('GET /healthz and /readyz', () => {
  it('is healthy as soon as it answers', async () => {
    await get('/healthz', { fitness: undefined }).expect(200);
  });

  it('is ready when settings, checks and keepalived are', async () => {
    await get('/readyz').expect(200, { ok: true, reasons: [] });
  });

  it('says everything that is missing', async () => {
    const config = { ...healthySnapshot().config, problem: 'no such interface' };
    const { status, body } = await get('/readyz', { fitness: undefined, supervisor: undefined, config });
    expect(status).toBe(503);
    expect(body.reasons).toEqual([
      'no such interface',
      'no check has reached a threshold yet',
      'keepalived does not run yet',
    ]);
  });
});

describe('GET /status', () => {
  it('tells holder, VRRP state, checks with their thresholds, fitness, config and keepalived', async () => {
    const { body } = await get('/status').expect(200);
    expect(body).toMatchObject({
      node: 'node1',
      holder: true,
      holderSince: '2023-11-14T22:13:20.000Z',
      addresses: [{ address: '192.0.2.100/24', interface: 'eth0', present: true }],
      vrrp: { state: 'MASTER', priority: 253, virtualRouterId: 10 },
      disagreement: null,
      fitness: { band: 0, gate: 1, offset: 9, priority: 253, rank: 0, draining: false },
      config: { version: 'abcdef012345', rejected: null, problem: null },
      keepalived: { running: true, pid: 42, version: '2.3.3', lastCandidate: { result: 'accepted', exitCode: 0 } },
    });
    expect(body.checks.service).toMatchObject({
      enabled: true,
      healthy: true,
      lastResult: { ok: true, durationSeconds: 0.002 },
      intervalSeconds: 2,
      failureThreshold: 2,
    });
    expect(body.checks.kubeApi).toEqual({ enabled: false });
  });

  it('tells whether the node is cordoned, and whether that is heard', async () => {
    const since = { sinceMs: 1_700_000_000_000 };
    const problem = 'the API server answered 403: the service account may not watch nodes';
    const known = { watched: true, synced: true, cordon: 'cordoned', problem: null, ...since };
    const { body } = await get('/status', { cordon: known });
    expect(body.cordon).toEqual({
      watched: true,
      cordoned: true,
      reason: 'cordoned',
      since: '2023-11-14T22:13:20.000Z',
      heard: true,
      problem: null,
    });
    expect(body.fitness).toMatchObject({ draining: true, drainReasons: ['cordoned'] });
    const unknown = { watched: true, synced: false, cordon: undefined, sinceMs: undefined, problem };
    const { body: deaf } = await get('/status', { cordon: unknown });
    expect(deaf.cordon).toEqual({ watched: true, cordoned: null, reason: null, since: null, heard: false, problem });
    const off = { watched: false, synced: false, cordon: undefined, sinceMs: undefined, problem: null };
    expect((await get('/status', { cordon: off })).body.cordon).toEqual({ watched: false });
  });

  it('shows refused settings and a refused configuration with their reasons', async () => {
    const { config, supervisor } = healthySnapshot();
    const { body } = await get('/status', {
      config: { ...config, rejected: { errors: ['vrrp.version: is missing'], atMs: 0 } },
      ...(supervisor === undefined
        ? {}
        : { supervisor: { ...supervisor, result: 'rejected', exitCode: 4, messages: ['bad line 3'] } }),
    });
    expect(body.config.rejected.errors).toEqual(['vrrp.version: is missing']);
    expect(body.keepalived).toMatchObject({
      running: true,
      lastCandidate: { result: 'rejected', exitCode: 4, messages: ['bad line 3'] },
    });
  });
});

describe('an answer', () => {
  it.each([
    ['/track', 1],
    ['/track/service', 1],
    ['/track/default-1', 1],
    ['/track/none', 1],
    ['/pulse', 1],
    ['/readyz', 1],
    ['/status', 1],
    ['/healthz', 0],
    ['/none', 0],
  ])('to GET %s is made of one snapshot, or of none', async (path, count) => {
    const snapshot = vi.fn(troubledSnapshot);
    await request(createApp({ snapshot })).get(path);
    expect(snapshot).toHaveBeenCalledTimes(count);
  });
});

describe('a node in pools', () => {
  const pooled = pooledSnapshot();

  it('shows what it is to do, what it does, and each instance beside that of the settings', async () => {
    const { body } = await get('/status', pooled).expect(200);
    expect(body.addresses).toEqual([{ address: '192.0.2.100/24', interface: 'eth0', present: true }]);
    expect(body.pools).toMatchObject({
      enabled: true,
      heard: true,
      plan: 'p2',
      observedPlan: 'p1',
      refused: null,
      problems: ['a problem'],
      pools: [{ name: 'default', healthy: true, check: { own: false, target: 'http://127.0.0.1:10254/healthz' } }],
    });
    expect(body.instances).toMatchObject([
      {
        name: 'default-0',
        pool: 'default',
        rank: 0,
        holder: true,
        addresses: [{ address: '192.0.2.101/24', present: true }],
        vrrp: { state: 'MASTER', virtualRouterId: 20 },
        fitness: { band: 0, gate: 1 },
      },
      { name: 'default-1', rank: 1, holder: false, vrrp: { state: 'BACKUP' } },
    ]);
  });

  it('says that there are none where the settings have none', async () => {
    const { body } = await get('/status').expect(200);
    expect(body).toMatchObject({ pools: { enabled: false }, instances: [] });
  });

  it('answers for one instance', async () => {
    await get('/track/default-0', pooled).expect(200);
    const instances = pooled.instances.map((instance) => ({ ...instance, fitness: sick }));
    const { status, body } = await get('/track/default-1', { ...pooled, instances });
    expect([status, body]).toEqual([
      503,
      { ok: false, instance: 'default-1', pool: 'default', band: 5, reason: 'service check failed' },
    ]);
    await get('/track/default-2', pooled).expect(404);
  });

  it('has a pulse when the instance of the settings is decided, or without one as soon as any other is', async () => {
    const undecided = pooled.instances.map((instance) => ({ ...instance, fitness: undefined }));
    await get('/pulse', { ...pooled, instances: undecided }).expect(200);
    const hasNodeInstance = false;
    const bare = { hasNodeInstance, fitness: undefined };
    await get('/pulse', { ...pooled, ...bare }).expect(200);
    await get('/pulse', { ...pooled, ...bare, instances: undecided }).expect(503);
    const oneDecided = pooled.instances.map((instance, slot) =>
      slot === 0 ? { ...instance, fitness: undefined } : instance,
    );
    await get('/pulse', { ...pooled, ...bare, instances: oneDecided }).expect(200);
    await get('/readyz', { ...pooled, ...bare, instances: [] }).expect(200);
  });
});
