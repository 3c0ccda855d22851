import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, get as httpGet, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import request from 'supertest';
import { afterEach, describe, expect, it } from 'vitest';
import { listen } from '../../common/testing/loopback.ts';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { ODD_TARGETS, rawGet } from '../../common/testing/raw-request.ts';
import { healthySnapshot } from '../testing/snapshot.ts';
import { createApp } from './app.ts';
import { LiveStatus } from './live.ts';
import { createMetrics } from './metrics.ts';
import { type ControllerSnapshot, statusOf } from './status.ts';

const PAGE = readFileSync(new URL('./page.html', import.meta.url), 'utf8');
let server: Server | undefined;

function made(changes: Partial<ControllerSnapshot> = {}) {
  const time = new ManualTime();
  const registry = new Registry();
  let current = { ...healthySnapshot(), ...changes };
  const snapshot = () => current;
  const metrics = createMetrics({ registry, snapshot });
  const live = new LiveStatus({ timers: time, body: () => statusOf(snapshot()) });
  const change = (next: Partial<ControllerSnapshot>) => {
    current = { ...current, ...next };
    live.changed();
  };
  return { time, metrics, live, change, app: createApp({ snapshot, registry, live, page: PAGE }) };
}

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

describe('GET /healthz and /readyz', () => {
  it('is ready when everything is listed, leader or not', async () => {
    await request(made({ leading: false, leader: 'other' }).app)
      .get('/readyz')
      .expect(200, { ok: true, reasons: [] });
  });

  it('is healthy but not ready before, and says what is missing', async () => {
    const { app } = made({ informers: [{ name: 'nodes', synced: false, connected: false }] });
    await request(app).get('/healthz').expect(200);
    const { status, body } = await request(app).get('/readyz');
    expect([status, body.reasons]).toEqual([503, ['nodes are not listed yet']]);
  });

  it('stays ready when the API goes away', async () => {
    const { app } = made({ informers: [{ name: 'nodes', synced: true, connected: false }] });
    await request(app).get('/readyz').expect(200);
    expect((await request(app).get('/status')).body.disconnected).toEqual(['nodes']);
  });
});

describe('GET /status', () => {
  it('tells pools, addresses, nodes and moves', async () => {
    const { body } = await request(made().app).get('/status').expect(200);
    expect(body).toMatchObject({ leading: true, leader: 'controller-1', disconnected: [] });
    expect(body).toMatchObject(JSON.parse(JSON.stringify(healthySnapshot().view)));
  });
});

describe('GET /metrics', () => {
  it('counts and measures', async () => {
    const { app, metrics } = made();
    metrics.planned(0.02);
    metrics.wrote('node_plan', 'success');
    metrics.event('AddressesMoved', 'written');
    metrics.moved('web', 3);
    metrics.allocated(0.04);
    const { text } = await request(app).get('/metrics').expect(200);
    for (const line of [
      'keepalived_vip_controller_leader 1',
      'keepalived_vip_controller_plans_total 1',
      'keepalived_vip_controller_plan_duration_seconds_bucket{le="0.025"} 1',
      'keepalived_vip_controller_writes_total{kind="node_plan",outcome="success"} 1',
      'keepalived_vip_controller_events_total{reason="AddressesMoved",outcome="written"} 1',
      'keepalived_vip_controller_moves_total{pool="web"} 3',
      'keepalived_vip_controller_pools 1',
      'keepalived_vip_controller_pool_addresses{pool="web"} 2',
      'keepalived_vip_controller_pool_addresses_held{pool="web"} 1',
      'keepalived_vip_controller_service_addresses{pool="web",phase="allocated"} 2',
      'keepalived_vip_controller_service_addresses{pool="web",phase="retained"} 1',
      'keepalived_vip_controller_service_addresses{pool="web",phase="free"} 11',
      'keepalived_vip_controller_services_waiting{reason="PoolExhausted"} 1',
      'keepalived_vip_controller_service_allocation_duration_seconds_bucket{le="0.05"} 1',
      'keepalived_vip_controller_pool_eligible_nodes{pool="web"} 2',
      'keepalived_vip_controller_pool_condition{pool="web",condition="Ready"} 1',
      'keepalived_vip_controller_informer_connected{resource="nodes"} 1',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });
});

describe('GET /', () => {
  it('is one page that uses nothing from elsewhere, under a policy that allows just that', async () => {
    const { text, headers } = await request(made().app).get('/').expect(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toMatch(
      /default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-/,
    );
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(text).not.toMatch(/https?:|<link rel="stylesheet|<script src|style="/);
    expect([...text.matchAll(/<(script|style)>/g)]).toHaveLength(2);
  });

  it('names its tables and their columns for those who cannot see it', async () => {
    const { text } = await request(made().app).get('/');
    expect(text).toContain('<html lang="en">');
    expect([...text.matchAll(/aria-labelledby="(.*?)"/g)].every(([, id]) => text.includes(`id="${id}"`))).toBe(true);
    expect(text).not.toMatch(/<th>/);
  });
});

describe('GET /events', () => {
  async function listen(
    app: ReturnType<typeof made>['app'],
  ): Promise<{ response: IncomingMessage; text: () => string }> {
    server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const [response] = (await once(httpGet({ port, host: '127.0.0.1', path: '/events' }), 'response')) as [
      IncomingMessage,
    ];
    let text = '';
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    return { response, text: () => text };
  }

  it('sends the state at once and after each change, several changes together', async () => {
    const { app, change, time, live } = made();
    const { response, text } = await listen(app);
    expect(response.headers['content-type']).toMatch(/^text\/event-stream/);
    await expect.poll(() => text().match(/^data: /gm)?.length).toBe(1);
    change({ leading: false });
    change({ leader: 'other' });
    await time.advance(250);
    await expect.poll(() => text().match(/^data: /gm)?.length).toBe(2);
    const [, last = ''] = [...text().matchAll(/^data: (.*)$/gm)].map(([, data]) => data);
    expect(JSON.parse(last)).toMatchObject({ leading: false, leader: 'other' });
    live.changed();
    await time.advance(250);
    await time.advance(20_000);
    await expect.poll(() => text()).toContain(': still here');
    expect(text().match(/^data: /gm)).toHaveLength(2);
    live.stop();
    live.stop();
    expect(live.size).toBe(0);
  });

  it('forgets a page that was closed', async () => {
    const { app, live } = made();
    const { response } = await listen(app);
    expect(live.size).toBe(1);
    response.destroy();
    await expect.poll(() => live.size).toBe(0);
  });
});

describe('a request that is no valid URL', () => {
  it.each([...ODD_TARGETS, '/events/%ff'])('is answered without a word of the code: GET %s', async (target) => {
    const { port, kill } = await listen(createServer(made().app));
    const answer = await rawGet(port, target);
    await kill();
    expect(answer).toMatch(/^HTTP\/1\.1 [24]\d\d /);
    expect(answer).not.toMatch(/^ {4}at |node_modules|\.[jt]s\b|<pre>/m);
  });
});
