import { createServer, type RequestListener } from 'node:http';
import Router from 'router';
import request from 'supertest';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { answerTheRest } from '../../common/last-answers.ts';
import { type LoopbackServer, listen } from '../../common/testing/loopback.ts';
import { ODD_TARGETS, rawGet } from '../../common/testing/raw-request.ts';
import { healthySnapshot } from '../testing/snapshot.ts';
import { createApp } from './app.ts';
import { createMetrics } from './metrics.ts';
import { createMetricsApp } from './metrics-app.ts';

const snapshot = healthySnapshot;
const onError = vi.fn();
const apps: Readonly<Record<string, () => RequestListener>> = {
  sidecar: () => createApp({ snapshot, onError }),
  metrics: () => createMetricsApp({ metrics: createMetrics(), snapshot, collectLagMillis: () => 0, onError }),
};

let server: LoopbackServer | undefined;

afterEach(async () => {
  await server?.kill();
  server = undefined;
  onError.mockReset();
});

describe.each(Object.keys(apps))('the %s server', (name) => {
  it.each(ODD_TARGETS)('answers without a word of its code to GET %s', async (target) => {
    server = await listen(createServer(apps[name]?.()));
    const answer = await rawGet(server.port, target);
    expect(answer).toMatch(/^HTTP\/1\.1 [24]\d\d /);
    expect(answer).not.toMatch(/^ {4}at |node_modules|\.[jt]s\b|<pre>/m);
    expect(onError).not.toHaveBeenCalled();
  });
});

describe('a path', () => {
  it.each(['/track/%ff', '/track/%', '/track/%c3%28', 'http://['])(
    'that is no URL is refused with a sentence: %s',
    async (path) => {
      server = await listen(createServer(createApp({ snapshot })));
      const answer = await rawGet(server.port, path);
      expect(answer).toContain('HTTP/1.1 400 ');
      expect(answer).toContain('write %25 for a percent sign');
    },
  );

  it('at which nothing is, is told so', async () => {
    const { status, body } = await request(createApp({ snapshot })).get('/nothing');
    expect([status, body]).toEqual([404, { ok: false, reason: 'there is nothing at this path' }]);
  });

  it('whose route fails is answered by a sentence, and the error goes to who keeps the log', async () => {
    const broken = createApp({
      snapshot: () => {
        throw new Error('a secret');
      },
      onError,
    });
    const { status, text } = await request(broken).get('/pulse');
    expect([status, text]).toEqual([500, '{"ok":false,"reason":"an error of this program; its log has it"}']);
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ message: 'a secret' }));
  });

  it('whose answer breaks off in the middle ends with the connection', async () => {
    const routes = Router();
    routes.get('/', (_request, response) => {
      response.write('half');
      throw new Error('broken');
    });
    await expect(request(answerTheRest(routes, onError)).get('/')).rejects.toThrow(/aborted|hang up/);
    expect(onError).toHaveBeenCalledOnce();
  });
});
