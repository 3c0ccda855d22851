import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeCertificate, type ServerCertificate } from '../../test/support/certificates.ts';
import {
  type Asked,
  eventLine,
  openWatch,
  QUICK_LIMITS,
  sendList,
  serveListAndWatch,
} from '../testing/list-and-watch.ts';
import { planOf } from '../testing/plan.ts';
import { watchPlan } from './plan-watch.ts';
import { statusSender } from './status-writer.ts';

const LIMIT = { timeout: 10_000, interval: 5 };
const PATH = '/apis/keepalived-ingress-vip.io/v1alpha1/nodeplans';
const directory = mkdtempSync(join(tmpdir(), 'plan-watch-'));
const tokenFile = join(directory, 'token');

let certificate: ServerCertificate;
let server: Awaited<ReturnType<typeof serveListAndWatch>>;
let watch: ReturnType<typeof watchPlan> | undefined;
let lists: Asked[];
let watches: Asked[];
let onList: (response: ServerResponse) => void;
let onWatch: (response: ServerResponse) => void;
const onPlan = vi.fn();
const onProblem = vi.fn();

function plan(id: string, version: number) {
  return { metadata: { name: 'node1', uid: 'uid-1', resourceVersion: String(version) }, spec: planOf(id) };
}

beforeAll(async () => {
  certificate = await makeCertificate(directory, ['127.0.0.1']);
  writeFileSync(tokenFile, 'secret-token\n');
});

afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(async () => {
  lists = [];
  watches = [];
  onPlan.mockReset();
  onProblem.mockReset();
  onList = sendList(10, plan('p1', 7));
  onWatch = openWatch;
  server = await serveListAndWatch(certificate, {
    list: (asked) => {
      lists.push(asked);
      onList(asked.response);
    },
    watch: (asked) => {
      watches.push(asked);
      onWatch(asked.response);
    },
  });
});

afterEach(async () => {
  watch?.stop();
  watch?.stop();
  watch = undefined;
  await server.kill();
});

function access() {
  return { url: server.url, caFile: certificate.caFile, tokenFile, userAgent: 'test' };
}

function start(): void {
  watch = watchPlan({ ...access(), node: 'node1', limits: QUICK_LIMITS }, { onPlan, onProblem, random: () => 0.5 });
  watch.start();
}

async function opened(count: number): Promise<ServerResponse> {
  await vi.waitFor(() => expect(watches.length).toBeGreaterThanOrEqual(count), LIMIT);
  return watches[count - 1]?.response as ServerResponse;
}

async function observed(...ids: (string | null)[]): Promise<void> {
  const seen = () => onPlan.mock.calls.map(([one]) => one?.spec.plan ?? null);
  await vi.waitFor(() => expect(seen()).toEqual(ids), LIMIT);
}

describe('the watch of a node’s plan', () => {
  it('begins with what is, by a list of this one object, and goes on from there', async () => {
    start();
    await opened(1);
    await observed('p1');
    expect(lists[0]?.url.pathname).toBe(PATH);
    expect(Object.fromEntries(lists[0]?.url.searchParams ?? [])).toEqual({ fieldSelector: 'metadata.name=node1' });
    expect(Object.fromEntries(watches[0]?.url.searchParams ?? [])).toEqual({
      watch: 'true',
      fieldSelector: 'metadata.name=node1',
      resourceVersion: '10',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '30',
    });
    expect(watches[0]?.request.headers).toMatchObject({ authorization: 'Bearer secret-token', 'user-agent': 'test' });
    expect(onProblem.mock.calls).toEqual([[null]]);
  });

  it('tells that there is none only when the API says so: by an empty list, or that it was deleted', async () => {
    onList = sendList(10);
    start();
    const response = await opened(1);
    await observed(null);
    response.write(eventLine('ADDED', plan('p1', 11)));
    await observed(null, 'p1');
    response.write(eventLine('DELETED', plan('p1', 12)));
    await observed(null, 'p1', null);
    expect(lists).toHaveLength(1);
  });

  it('goes on from the last bookmark without another list, which is all that a steady plan costs', async () => {
    start();
    (await opened(1)).end(eventLine('BOOKMARK', { metadata: { resourceVersion: '55' } }));
    await opened(2);
    expect(watches[1]?.url.searchParams.get('resourceVersion')).toBe('55');
    expect(lists).toHaveLength(1);
    await observed('p1');
    expect(onProblem.mock.calls).toEqual([[null]]);
  });

  it.each([
    ['answer', (response: ServerResponse) => void response.writeHead(410).end('{}')],
    ['event', (response: ServerResponse) => void response.end(eventLine('ERROR', { code: 410, message: 'too old' }))],
  ])('lists again when its version is gone, said by an %s', async (_, gone) => {
    onWatch = gone;
    start();
    await vi.waitFor(() => expect(lists.length).toBeGreaterThanOrEqual(2), LIMIT);
    expect(onProblem.mock.calls).toEqual([[null]]);
  });

  it('tells nothing while the API is away or does not know plans, and says why', async () => {
    onList = (response) => response.writeHead(404).end('404 page not found\n');
    start();
    await vi.waitFor(() => expect(onProblem).toHaveBeenCalledOnce(), LIMIT);
    expect(onProblem.mock.calls[0]?.[0]).toMatch(/does not know nodeplans: install the CustomResourceDefinitions/);
    expect(onPlan).not.toHaveBeenCalled();
    onList = sendList(10, plan('p1', 7));
    await observed('p1');
    expect(onProblem).toHaveBeenLastCalledWith(null);
  });

  it('is heard again as soon as a watch is open, also when there is nothing new', async () => {
    start();
    const response = await opened(1);
    await observed('p1');
    onWatch = (refused) => refused.writeHead(503).end();
    response.destroy();
    await vi.waitFor(() => expect(onProblem).toHaveBeenCalledTimes(2), LIMIT);
    onList = sendList(10, plan('p1', 7));
    onWatch = (opening) => opening.writeHead(200).flushHeaders();
    await vi.waitFor(() => expect(onProblem).toHaveBeenLastCalledWith(null), LIMIT);
  });

  it('says who refuses it, without a word of the token', async () => {
    onList = (response) => response.writeHead(403).end('{}');
    start();
    await vi.waitFor(() => expect(lists.length).toBeGreaterThanOrEqual(2), LIMIT);
    expect(onProblem.mock.calls).toEqual([
      ['the API server answered 403: the service account may not watch nodeplans'],
    ]);
  });
});

describe('the status of a node’s plan', () => {
  it('is written by server-side apply to the status of this node’s object alone', async () => {
    let body = '';
    onList = (response) => {
      const request = lists.at(-1)?.request;
      request?.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request?.on('end', () => response.end('{}'));
    };
    await statusSender(access(), { node: 'node1' })({ observedPlan: 'p1' });
    const { url, request } = lists[0] ?? {};
    expect([request?.method, url?.pathname]).toEqual(['PATCH', `${PATH}/node1/status`]);
    expect(Object.fromEntries(url?.searchParams ?? [])).toEqual({
      fieldManager: 'keepalived-ingress-vip-agent',
      force: 'true',
    });
    expect(request?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(JSON.parse(body)).toEqual({
      apiVersion: 'keepalived-ingress-vip.io/v1alpha1',
      kind: 'NodePlan',
      metadata: { name: 'node1' },
      status: { observedPlan: 'p1' },
    });
  });

  it('that is not taken is told with the server’s words', async () => {
    onList = (response) => {
      response.writeHead(403, { 'content-type': 'application/json' }).end('{"message":"not your node"}');
    };
    const sending = statusSender(access(), { node: 'node1' })({});
    await expect(sending).rejects.toThrow('the API server answered 403: not your node');
    await server.kill();
    await expect(statusSender(access(), { node: 'node1' })({})).rejects.toThrow(
      /^the status was not sent: .*ECONNREFUSED/,
    );
  });
});
