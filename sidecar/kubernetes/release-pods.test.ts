import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ReleasePods } from './release-pods.ts';

const directory = mkdtempSync(join(tmpdir(), 'release-pods-'));
const caFile = join(directory, 'ca.crt');
const tokenFile = join(directory, 'token');
const requests: { url: URL; authorization: string | undefined }[] = [];
let server: Server;
let answer: { status: number; pages: object[] };

beforeAll(async () => {
  const key = join(directory, 'key.pem');
  const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', caFile, ...subject], { stdio: 'ignore' });
  writeFileSync(tokenFile, 'secret-token\n');
  server = createServer({ key: readFileSync(key), cert: readFileSync(caFile) }, (request, response) => {
    const url = new URL(request.url ?? '', 'https://127.0.0.1');
    requests.push({ url, authorization: request.headers.authorization });
    const page = Number(url.searchParams.get('continue') ?? 0);
    const more = page + 1 < answer.pages.length ? { metadata: { continue: String(page + 1) } } : {};
    response.writeHead(answer.status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ items: answer.pages[page], ...more }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

const onNodes = vi.fn();
const onAddresses = vi.fn();
const onError = vi.fn();
let pods: ReleasePods | undefined;

function start(changes: { caFile?: string } = {}): void {
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  pods = new ReleasePods(
    { url, caFile, tokenFile, userAgent: 'test', namespace: 'vip', podSelector: 'app=x,release=y', ...changes },
    { onNodes, onAddresses, onError },
  );
  pods.start();
}

afterEach(() => {
  pods?.stop();
  pods?.stop();
  requests.length = 0;
  onNodes.mockReset();
  onAddresses.mockReset();
  onError.mockReset();
});

function pod(nodeName: string) {
  return { spec: { nodeName }, status: { phase: 'Running' } };
}

describe('the release’s pods', () => {
  it('are listed by label with the pod’s token, page by page', async () => {
    answer = { status: 200, pages: [[pod('node2')], [pod('node1')]] };
    start();
    await vi.waitFor(() => expect(onNodes).toHaveBeenCalledWith(['node1', 'node2']), 5000);
    expect(requests).toHaveLength(2);
    expect(requests[0]?.url.pathname).toBe('/api/v1/namespaces/vip/pods');
    expect(requests[0]?.url.searchParams.get('labelSelector')).toBe('app=x,release=y');
    expect(requests[0]?.authorization).toBe('Bearer secret-token');
  });

  it('that may not be listed are reported without the token', async () => {
    answer = { status: 403, pages: [[]] };
    start();
    await vi.waitFor(() => expect(onError).toHaveBeenCalledOnce(), 5000);
    expect(onError.mock.calls[0]?.[0]).toMatch(/403/);
    expect(JSON.stringify(onError.mock.calls)).not.toContain('secret-token');
    expect(onNodes).not.toHaveBeenCalled();
  });

  it('are asked of a server with the cluster’s certificate only', async () => {
    answer = { status: 200, pages: [[pod('node1')]] };
    const other = join(directory, 'other.crt');
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        '/dev/null',
        '-out',
        other,
        '-subj',
        '/CN=other',
      ],
      { stdio: 'ignore' },
    );
    start({ caFile: other });
    await vi.waitFor(() => expect(onError).toHaveBeenCalledOnce(), 5000);
    expect(requests).toEqual([]);
  });

  it('tell which addresses are nodes’ own', async () => {
    const at = (node: string, ...ips: string[]) => {
      return { ...pod(node), status: { phase: 'Running', hostIP: ips[0], hostIPs: ips.map((ip) => ({ ip })) } };
    };
    answer = {
      status: 200,
      pages: [[at('node2', '192.0.2.12', '2001:DB8:0::12'), at('node1', '192.0.2.11'), pod('node3')]],
    };
    start();
    const expected = { '192.0.2.11': 'node1', '192.0.2.12': 'node2', '2001:db8::12': 'node2' };
    await vi.waitFor(() => expect(onAddresses).toHaveBeenCalledOnce(), 5000);
    expect(Object.fromEntries(onAddresses.mock.calls[0]?.[0])).toEqual(expected);
  });

  it('are asked for again soon while one has no node yet, as after an installation', async () => {
    const delays = vi.spyOn(globalThis, 'setTimeout');
    onTestFinished(() => delays.mockRestore());
    const nextAsk = () => Math.max(...delays.mock.calls.map(([, delayMs]) => delayMs ?? 0));
    answer = { status: 200, pages: [[pod('node1'), { spec: {}, status: { phase: 'Pending' } }]] };
    start();
    await vi.waitFor(() => expect(onNodes).toHaveBeenCalledOnce(), 5000);
    await vi.waitFor(() => expect(nextAsk()).toBeGreaterThan(10_000));
    expect(nextAsk()).toBeLessThan(20_000);
  });

  it('without a node leave the known order alone', async () => {
    answer = { status: 200, pages: [[{ spec: {}, status: { phase: 'Pending' } }]] };
    start();
    await vi.waitFor(() => expect(requests).toHaveLength(1), 5000);
    expect(onNodes).not.toHaveBeenCalled();
  });
});
