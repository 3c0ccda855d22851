import request from 'supertest';
import { describe, expect, it } from 'vitest';
import type { SidecarSnapshot } from '../status/snapshot.ts';
import {
  announcingSnapshot,
  blankSnapshot,
  everywhereSnapshot,
  healthySnapshot,
  pooledSnapshot,
  proxySnapshot,
  silentBirdSnapshot,
  silentProxySnapshot,
  troubledSnapshot,
  withoutEndpointSnapshot,
} from '../testing/snapshot.ts';
import { createApp } from './app.ts';
import { createMetrics } from './metrics.ts';
import { createMetricsApp } from './metrics-app.ts';

/* Fields, their order, names, help and labels are what users rely on: all of it, word for word, in golden/. */

const SNAPSHOTS: Readonly<Record<string, () => SidecarSnapshot>> = {
  healthy: healthySnapshot,
  pooled: pooledSnapshot,
  everywhere: everywhereSnapshot,
  troubled: troubledSnapshot,
  blank: blankSnapshot,
  proxy: proxySnapshot,
  'proxy-silent': silentProxySnapshot,
  'without-endpoint': withoutEndpointSnapshot,
  announcing: announcingSnapshot,
  'bird-silent': silentBirdSnapshot,
};
const PATHS = ['/track', '/track/service', '/track/kubelet', '/track/kubeApi', '/track/default-0', '/track/default-1'];
const VERDICTS = [...PATHS, '/track/none', '/pulse', '/healthz', '/readyz'];

describe.each(Object.keys(SNAPSHOTS))('a node that is %s', (name) => {
  const snapshot = () => (SNAPSHOTS[name] ?? healthySnapshot)();

  it('has this status', async () => {
    const { text } = await request(createApp({ snapshot })).get('/status').expect(200);
    const document: unknown = JSON.parse(text);
    expect(text).toBe(JSON.stringify(document));
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot(`golden/${name}.status`);
  });

  it('gives these answers', async () => {
    const app = createApp({ snapshot });
    const lines: string[] = [];
    for (const path of VERDICTS) {
      const { status, text } = await request(app).get(path);
      lines.push(`GET ${path} ${status} ${text}\n`);
    }
    await expect(lines.join('')).toMatchFileSnapshot(`golden/${name}.answers`);
  });

  it('has these metrics', async () => {
    const metrics = createMetrics();
    metrics.events.transition({ name: 'vip', shown: { as: 'node' } }, 'MASTER');
    metrics.events.transition({ name: 'default-0', shown: { as: 'pool' } }, 'MASTER');
    metrics.events.probed('service', 'success', 0.002);
    metrics.events.asked(12);
    metrics.events.reloaded();
    metrics.events.rejected();
    const app = createMetricsApp({ metrics, snapshot, collectLagMillis: () => 12 });
    // The second time: what the first one left must not be there twice.
    await request(app).get('/metrics').expect(200);
    const { text, headers } = await request(app).get('/metrics').expect(200);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    await expect(text).toMatchFileSnapshot(`golden/${name}.metrics`);
  });
});
