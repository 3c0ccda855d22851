import { execa } from 'execa';
import request from 'supertest';
import { describe, expect, it, vi } from 'vitest';
import { ensureTool } from '../../scripts/tools.ts';
import type { SidecarSnapshot } from '../status/snapshot.ts';
import { healthySnapshot, pooledSnapshot, troubledSnapshot } from '../testing/snapshot.ts';
import { createMetrics } from './metrics.ts';
import { createMetricsApp } from './metrics-app.ts';

async function scrape(changes: Partial<SidecarSnapshot> = {}): Promise<string> {
  const snapshot = () => ({ ...healthySnapshot(), ...changes });
  const metrics = createMetrics();
  metrics.events.transition({ name: 'vip', shown: { as: 'node' } }, 'MASTER');
  metrics.events.transition({ name: 'default-0', shown: { as: 'pool' } }, 'MASTER');
  metrics.events.probed('service', 'success', 0.002);
  metrics.events.reloaded();
  metrics.events.rejected();
  const app = createMetricsApp({ metrics, snapshot, collectLagMillis: () => 12 });
  const { text, headers } = await request(app).get('/metrics').expect(200);
  expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  return text;
}

describe('GET /metrics', () => {
  it('passes promtool check metrics', { timeout: 900_000 }, async () => {
    const { stdout, stderr, exitCode } = await execa(await ensureTool('promtool'), ['check', 'metrics'], {
      input: await scrape(pooledSnapshot()),
      reject: false,
      timeout: 30_000,
    });
    expect({ output: stdout + stderr, exitCode }).toEqual({ output: '', exitCode: 0 });
  });

  it.each([
    'keepalived_vip_holder{address="192.0.2.100"} 1',
    'keepalived_vip_vrrp_state{state="MASTER"} 1',
    'keepalived_vip_holder_disagreement 0',
    'keepalived_vip_transitions_total{state="MASTER"} 1',
    'keepalived_vip_probe_success{check="service"} 1',
    'keepalived_vip_check_healthy{check="kubelet"} 1',
    'keepalived_vip_probe_consecutive_failures{check="service"} 0',
    'keepalived_vip_probe_duration_seconds_bucket{le="0.0025",check="service",outcome="success"} 1',
    'keepalived_vip_fitness_band 0',
    'keepalived_vip_priority 253',
    'keepalived_vip_cordoned 0',
    'keepalived_vip_cordon_watch_up 1',
    'keepalived_vip_config_reloads_total 1',
    'keepalived_vip_config_rejections_total 1',
    'keepalived_vip_config_rejected 0',
    'keepalived_vip_keepalived_configs_total{result="accepted"} 1',
    'keepalived_vip_keepalived_up 1',
    'keepalived_vip_event_loop_lag_seconds 0.012',
    'keepalived_vip_build_info{version="0.1.0",keepalived="2.3.3"} 1',
  ])('has %s', async (line) => {
    expect((await scrape()).split('\n')).toContain(line);
  });

  it.each([
    'keepalived_vip_holder{address="192.0.2.100"} 1',
    'keepalived_vip_address_held{pool="default",address="192.0.2.101"} 1',
    'keepalived_vip_address_held{pool="default",address="192.0.2.102"} 0',
    'keepalived_vip_instance_band{instance="default-0",pool="default"} 0',
    'keepalived_vip_instance_priority{instance="default-1",pool="default"} 253',
    'keepalived_vip_instance_master{instance="default-0",pool="default"} 1',
    'keepalived_vip_instance_master{instance="default-1",pool="default"} 0',
    'keepalived_vip_instance_disagreement{instance="default-0",pool="default"} 0',
    'keepalived_vip_instance_transitions_total{instance="default-0",state="MASTER"} 1',
    'keepalived_vip_pool_check_healthy{pool="default"} 1',
    'keepalived_vip_plan_watch_up 1',
    'keepalived_vip_plan_problems 1',
  ])('has %s of a node in pools', async (line) => {
    expect((await scrape(pooledSnapshot())).split('\n')).toContain(line);
  });

  it('has the router ids that foreign routers use, and no series where there are none', async () => {
    expect(await scrape({ ...healthySnapshot(), foreignRouterIds: [10, 21] })).toMatch(
      /^keepalived_vip_foreign_router_heard\{virtual_router_id="10"\} 1\nkeepalived_vip_foreign_router_heard\{virtual_router_id="21"\} 1$/m,
    );
    expect(await scrape()).not.toMatch(/^keepalived_vip_foreign_router_heard/m);
  });

  it('has no series of pools where there are none', async () => {
    expect(await scrape()).not.toMatch(/^keepalived_vip_(address_held|instance_band|pool|plan)/m);
  });

  it('has no series of the settings’ instance where there is none', async () => {
    const pooled = pooledSnapshot();
    const hasNodeInstance = false;
    const holder = { ...pooled.holder, addresses: [] };
    const text = await scrape({ ...pooled, hasNodeInstance, holder, fitness: undefined });
    expect(text).not.toMatch(/^keepalived_vip_(holder|vrrp_state|holder_disagreement|fitness_band|priority)\b/m);
  });

  it('says nothing of a check that is switched off, and nothing of a band that is not known', async () => {
    const text = await scrape({ fitness: undefined });
    expect(text).not.toContain('check="kubeApi"');
    expect(text).not.toMatch(/^keepalived_vip_fitness_band /m);
  });

  it('shows a cordon that was told before the API fell silent', async () => {
    const text = await scrape({
      cordon: { watched: true, synced: false, cordon: 'cordoned', sinceMs: 1, problem: 'connect ECONNREFUSED' },
    });
    expect(text).toContain('keepalived_vip_cordoned 1\n');
    expect(text).toContain('keepalived_vip_cordon_watch_up 0\n');
  });

  it('says nothing of cordons where they are not watched', async () => {
    const text = await scrape({
      cordon: { watched: false, synced: false, cordon: undefined, sinceMs: undefined, problem: null },
    });
    expect(text).not.toMatch(/^keepalived_vip_cordon/m);
  });

  it('is made of one snapshot and one measure of the event loop for each scrape, however many series there are', async () => {
    const snapshot = vi.fn(troubledSnapshot);
    const collectLagMillis = vi.fn(() => 12);
    const app = createMetricsApp({ metrics: createMetrics(), snapshot, collectLagMillis });
    for (const scrapes of [1, 2]) {
      await request(app).get('/metrics').expect(200);
      expect([snapshot, collectLagMillis].map((taken) => taken.mock.calls.length)).toEqual([scrapes, scrapes]);
    }
  });

  it('has the series of its own scrape, and none that an earlier one left', async () => {
    const snapshot = vi
      .fn(healthySnapshot)
      .mockImplementationOnce(pooledSnapshot)
      .mockImplementationOnce(troubledSnapshot);
    const app = createMetricsApp({ metrics: createMetrics(), snapshot, collectLagMillis: () => 12 });
    const scrapes = [];
    for (let times = 0; times < 3; times += 1) scrapes.push((await request(app).get('/metrics')).text);
    const fresh = createMetricsApp({ metrics: createMetrics(), snapshot: healthySnapshot, collectLagMillis: () => 12 });
    expect(scrapes[2]).toBe((await request(fresh).get('/metrics')).text);
    expect(scrapes[1]).toContain('keepalived_vip_foreign_router_heard{virtual_router_id="21"} 1');
  });

  it('shows that a configuration was refused', async () => {
    const { supervisor } = healthySnapshot();
    if (supervisor === undefined) throw new Error('the healthy snapshot has a supervisor');
    const text = await scrape({ supervisor: { ...supervisor, result: 'rejected', rejectedTotal: 3 } });
    expect(text).toContain('keepalived_vip_config_rejected 1');
    expect(text).toContain('keepalived_vip_keepalived_configs_total{result="rejected"} 3');
  });
});
