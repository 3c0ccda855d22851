import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { Registry } from 'prom-client';
import { beforeAll, describe, expect, it } from 'vitest';
import { createMetrics as createControllerMetrics } from '../../controller/server/metrics.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { bgpMetrics } from '../../sidecar/server/bgp-metrics.ts';
import { controlPlaneMetrics } from '../../sidecar/server/control-plane-metrics.ts';
import { createMetrics } from '../../sidecar/server/metrics.ts';
import { poolMetrics } from '../../sidecar/server/pool-metrics.ts';
import {
  announcingSnapshot,
  everywhereSnapshot,
  pooledSnapshot,
  proxySnapshot,
} from '../../sidecar/testing/snapshot.ts';

const CHART = path.resolve(import.meta.dirname, '../../chart');
const COMMAND_LIMIT_MS = 60_000;
/** A cold machine builds promtool first. */
const SET_UP_LIMIT_MS = 30 * 60_000;

let promtool: string;

beforeAll(async () => {
  promtool = await ensureTool('promtool');
}, SET_UP_LIMIT_MS);

async function run(...parameters: string[]): Promise<string> {
  const result = await execa(promtool, parameters, { cwd: CHART, all: true, reject: false, timeout: COMMAND_LIMIT_MS });
  if (result.failed) throw new Error(result.all);
  return result.all;
}

describe('the alerts', () => {
  it('are rules that Prometheus takes', async () => {
    await expect(run('check', 'rules', '--lint-fatal', 'files/alerts.yaml')).resolves.toMatch(/SUCCESS/);
  });

  it('fire when they shall, and else do not', async () => {
    await expect(run('test', 'rules', 'tests/alerts.promtool.yaml')).resolves.toMatch(/SUCCESS/);
  });

  it('speak of metrics that the sidecar or the controller has', async () => {
    const registry = new Registry();
    const snapshot = () => {
      throw new Error('nothing is scraped here');
    };
    createControllerMetrics({ registry, snapshot });
    const ofNodes = await createMetrics().text({ snapshot: pooledSnapshot(), lagMillis: 0 });
    const ofSources = [
      ...poolMetrics(everywhereSnapshot()),
      ...controlPlaneMetrics(proxySnapshot()),
      ...bgpMetrics(announcingSnapshot()),
    ];
    const shown = [ofNodes, ...ofSources].join('').matchAll(/^# TYPE (\S+) /gm);
    const known = [...registry.getMetricsAsArray().map(({ name }) => name), ...[...shown].map(([, name]) => name)];
    const text = await readFile(path.join(CHART, 'files/alerts.yaml'), 'utf8');
    const used = [...new Set(text.match(/keepalived_vip_\w+/g))];
    expect(used.length).toBeGreaterThan(5);
    expect(used.filter((name) => !known.includes(name))).toEqual([]);
  });
});
