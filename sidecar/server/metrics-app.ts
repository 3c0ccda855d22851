import type { RequestListener } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import Router from 'router';
import { answerTheRest } from '../../common/last-answers.ts';
import type { SidecarSnapshot } from '../status/snapshot.ts';
import { bgpMetrics } from './bgp-metrics.ts';
import { connectionMetrics } from './connection-metrics.ts';
import { controlPlaneMetrics } from './control-plane-metrics.ts';
import type { ServedMetrics } from './metrics.ts';
import { poolMetrics } from './pool-metrics.ts';

interface MetricsAppDependencies {
  readonly metrics: ServedMetrics;
  /** What the sidecar knows at the moment it is called: once for each answer. */
  readonly snapshot: () => SidecarSnapshot;
  /** Longest standstill of the event loop, in milliseconds, since the last call. */
  readonly collectLagMillis: () => number;
  /** Hears of errors that are not the client's. */
  readonly onError?: (error: unknown) => void;
}

/** `GET /metrics` in Prometheus' text format. Never listens by itself. */
export function createMetricsApp({
  metrics,
  snapshot: takeSnapshot,
  collectLagMillis,
  onError,
}: MetricsAppDependencies): RequestListener {
  const routes = Router();
  let last: Promise<unknown> = Promise.resolve();
  routes.get('/metrics', async (_request, response) => {
    // One after the other, with a turn of the event loop between: what decides has its turn, however many ask for metrics.
    const turn = last.then(() => setImmediate());
    last = turn;
    await turn;
    if (response.destroyed) return;
    const snapshot = takeSnapshot();
    const text = await metrics.text({ snapshot, lagMillis: collectLagMillis() });
    response.setHeader('Content-Type', metrics.contentType);
    response.write(text);
    for (const part of textMetrics(snapshot)) if (part !== '') response.write(part);
    response.end();
  });
  return answerTheRest(routes, onError);
}

/** The metrics that are written as text. */
function* textMetrics(snapshot: SidecarSnapshot): Generator<string> {
  yield* connectionMetrics(snapshot);
  yield* controlPlaneMetrics(snapshot);
  yield* bgpMetrics(snapshot);
  yield* poolMetrics(snapshot);
}
