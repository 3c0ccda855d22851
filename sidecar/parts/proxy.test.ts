import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { makeCertificate } from '../../test/support/certificates.ts';
import type { ProxySettings } from '../config/control-plane.ts';
import { RuntimeApi } from '../proxy/runtime-api.ts';
import { type Asked, eventLine, openWatch, sendList, serveListAndWatch } from '../testing/list-and-watch.ts';
import { defaultProxySettings } from '../testing/proxy.ts';
import { type ControlPlaneProxy, createProxy, proxyShared } from './proxy.ts';

const LIMIT = { timeout: 15_000, interval: 5 };
/** More than twice the time between two pulses. */
const TWO_PULSES_MS = 2200;
const CA = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const OTHER_CA = CA.replace('AAAA', 'BBBB');
const HEAD = '# be_name srv_name srv_addr srv_op_state srv_admin_state srv_port';

let directory: string;
let settings: ProxySettings | null;
let part: ControlPlaneProxy | undefined;
let told: string[];
let haproxy: Server | undefined;
const open = new Set<Socket>();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'proxy-part-'));
  settings = defaultProxySettings({ backends: { source: 'List', addresses: ['192.0.2.1'], port: 6443 } });
  told = [];
  writeFileSync(join(directory, 'ca.crt'), CA);
});

afterEach(() => {
  part?.stop();
  part?.stop();
  part = undefined;
  for (const socket of open) socket.destroy();
  haproxy?.close();
  haproxy = undefined;
  rmSync(directory, { recursive: true });
});

const file = (name: string) => join(directory, 'run', name);
const read = (name: string) => readFileSync(file(name), 'utf8');

async function start(nodeAddress = '192.0.2.9', url?: string, kubeconfig?: string): Promise<ControlPlaneProxy> {
  const shared = proxyShared({ directory: join(directory, 'run'), stateDirectory: directory });
  const kubeApi = { url, caFile: join(directory, 'ca.crt'), tokenFile: join(directory, 'token'), kubeconfig };
  part =
    createProxy(shared, {
      options: { nodeAddress, kubeApi, userAgent: 'test' },
      settings: () => settings,
      lag: { stalledDuring: () => 0 },
      draining: () => false,
      log: pino({ level: 'silent' }),
    }) ?? undefined;
  if (part === undefined) throw new Error('there is no part');
  await part.start();
  return part;
}

function kubeconfigText(server: string, ca: string): string {
  return stringify({
    'current-context': 'x',
    contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
    clusters: [{ name: 'x', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'x', user: { token: 'secret' } }],
  });
}

/** Stands for HAProxy, which has no server yet. */
async function startHaproxy(): Promise<void> {
  haproxy = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      told.push(chunk.toString().trim());
      socket.end(answerTo(chunk.toString()));
    });
  });
  await new Promise<void>((resolve) => haproxy?.listen(file('admin.sock'), resolve));
}

function answerTo(command: string): string {
  return command.startsWith('show servers state') ? `1\n${HEAD}\n\n` : '\n';
}

describe('the part of the proxy', () => {
  it('gives HAProxy its configuration, with what it is checked together with written before', async () => {
    await start();
    expect(read('candidate.conf')).toContain(`stats socket ${file('admin.sock')} mode 600 level admin`);
    expect(read('backends.cfg')).toContain('server 192.0.2.1 192.0.2.1:6443');
    expect(read('backends.cfg')).toContain(`verify required ca-file ${file('ca.pem')}`);
    expect(read('ca.pem')).toBe(CA);
  });

  it('does nothing while no settings ask for it, begins when they do, and leaves HAProxy as it is when they no longer do', async () => {
    const asked = settings;
    settings = null;
    const proxy = await start();
    expect(existsSync(join(directory, 'run'))).toBe(false);
    expect(proxy.problems).toEqual([]);
    settings = asked;
    await proxy.change();
    expect(existsSync(file('candidate.conf'))).toBe(true);
    settings = null;
    await proxy.change();
    expect(read('backends.cfg')).toContain('192.0.2.1');
  });

  it('does not go on beginning when it was ended meanwhile', async () => {
    const proxy = await start();
    proxy.stop();
    await startHaproxy();
    const begun = proxy.change();
    settings = null;
    await Promise.all([begun, proxy.change()]);
    expect(proxy.view).toBeNull();
    // Whoever asked before this has been heard when it is answered.
    await new RuntimeApi({ socket: file('admin.sock') }).run('show version');
    expect(told).toEqual(['show version']);
  });

  it('asks this node’s own API server while nobody told of any', async () => {
    settings = defaultProxySettings();
    await start();
    expect(read('backends.cfg')).toContain('server 192.0.2.9 192.0.2.9:6443');
  });

  it('goes on with the API servers that it knew before a restart', async () => {
    settings = defaultProxySettings();
    writeFileSync(join(directory, 'api-servers.json'), '[{"address":"192.0.2.7","port":6443}]');
    await start();
    expect(read('backends.cfg')).toContain('server 192.0.2.7 192.0.2.7:6443');
    expect(read('backends.cfg')).not.toContain('192.0.2.9');
  });

  it('keeps the API servers that it was told of when it is told of none any more', async () => {
    settings = defaultProxySettings();
    writeFileSync(join(directory, 'token'), 'secret-token\n');
    const certificate = await makeCertificate(directory, ['127.0.0.1']);
    writeFileSync(join(directory, 'ca.crt'), readFileSync(certificate.caFile));
    const slice = (version: string, ...endpoints: object[]) => ({
      metadata: { name: 'kubernetes', resourceVersion: version },
      endpoints,
      ports: [{ name: 'https', port: 6443 }],
    });
    const one = slice('7', { addresses: ['192.0.2.7'], conditions: { ready: true } });
    const versions: (string | null)[] = [];
    const server = await serveListAndWatch(certificate, {
      list: ({ response }) => sendList(10, one)(response),
      watch: ({ url, response }) => {
        versions.push(url.searchParams.get('resourceVersion'));
        // The end of a watch is followed by the next, which shows that this one was read.
        if (versions.length === 1)
          response.end(eventLine('MODIFIED', slice('11')) + eventLine('BOOKMARK', slice('12')));
        else openWatch(response);
      },
    });
    try {
      await start('192.0.2.9', server.url);
      await vi.waitFor(() => expect(versions).toEqual(['10', '12']), LIMIT);
      await vi.waitFor(() => expect(read('backends.cfg')).toContain('server 192.0.2.7 192.0.2.7:6443'), LIMIT);
      expect(read('backends.cfg')).not.toContain('192.0.2.9');
      expect(readFileSync(join(directory, 'api-servers.json'), 'utf8')).toContain('192.0.2.7');
    } finally {
      part?.stop();
      await server.kill();
    }
  });

  it('says that changes of the API servers are not seen while the API is away, and goes on with those it knew', async () => {
    settings = defaultProxySettings();
    writeFileSync(join(directory, 'token'), 'secret-token\n');
    writeFileSync(join(directory, 'api-servers.json'), '[{"address":"192.0.2.7","port":6443}]');
    // Nobody listens on the port of a privileged program that is not there.
    const proxy = await start('192.0.2.9', 'https://127.0.0.1:1');
    const said = expect.stringContaining('changes of the API servers are not seen, those that were known last stay');
    await vi.waitFor(() => expect(proxy.problems).toContainEqual(said), LIMIT);
    expect(proxy.view?.watch?.problem).toMatch(/ECONNREFUSED/);
    expect(read('backends.cfg')).toContain('server 192.0.2.7 192.0.2.7:6443');
  });

  it.each([
    ['half a file', '[{"address":"192.0.2.7"'],
    ['an empty list', '[]'],
    ['something else', '{"nodes":["a"]}'],
  ])('takes %s of a cache for nothing, and says so', async (_what, text) => {
    settings = defaultProxySettings();
    writeFileSync(join(directory, 'api-servers.json'), text);
    const proxy = await start();
    expect(read('backends.cfg')).toContain('server 192.0.2.9 192.0.2.9:6443');
    expect(proxy.problems).toContainEqual(expect.stringContaining('api-servers.json is damaged'));
  });

  it('tells HAProxy that runs of servers that it lacks, without another configuration', async () => {
    const proxy = await start();
    await startHaproxy();
    await vi.waitFor(() => expect(told.join('\n')).toContain('add server api/192.0.2.1 192.0.2.1:6443'), LIMIT);
    const before = read('candidate.conf');
    settings = defaultProxySettings({
      backends: { source: 'List', addresses: ['192.0.2.1', '192.0.2.2'], port: 6443 },
    });
    await proxy.change();
    await vi.waitFor(() => expect(told.join('\n')).toContain('add server api/192.0.2.2 192.0.2.2:6443'), LIMIT);
    expect(read('candidate.conf')).toBe(before);
    expect(read('backends.cfg')).toContain('server 192.0.2.2 192.0.2.2:6443');
  });

  it('tells HAProxy’s supervisor that its servers are looked after, and no more while they cannot be', async () => {
    const proxy = await start();
    await vi.waitFor(() => expect(proxy.problems.join()).toContain('admin.sock'), LIMIT);
    await vi.waitFor(() => expect(read('sidecar.pulse')).toMatch(/^\d+ 0\n$/), LIMIT);
    await startHaproxy();
    await vi.waitFor(() => expect(read('sidecar.pulse')).not.toMatch(/ 0\n$/), LIMIT);
    haproxy?.close();
    await vi.waitFor(() => expect(proxy.problems.join()).toContain('admin.sock'), LIMIT);
    // What was looked at before may be written still; then the text stays what it is.
    let last = { text: '', atMs: 0 };
    await vi.waitFor(() => {
      const text = read('sidecar.pulse');
      if (text !== last.text) last = { text, atMs: performance.now() };
      expect(performance.now() - last.atMs).toBeGreaterThan(TWO_PULSES_MS);
    }, LIMIT);
  });

  it('has HAProxy reloaded for a new certificate authority, which lies there before', async () => {
    await start();
    const before = read('candidate.conf');
    writeFileSync(join(directory, 'ca.crt'), OTHER_CA);
    await vi.waitFor(() => expect(read('candidate.conf')).not.toBe(before), LIMIT);
    expect(read('ca.pem')).toBe(OTHER_CA);
  });

  it('takes no certificate authority that is not whole', async () => {
    writeFileSync(join(directory, 'ca.crt'), '-----BEGIN CERTIFICATE-----\nBB');
    await start();
    expect(existsSync(file('ca.pem'))).toBe(false);
    expect(read('backends.cfg')).toContain('check-ssl verify none');
    writeFileSync(join(directory, 'ca.crt'), OTHER_CA);
    await vi.waitFor(() => expect(read('backends.cfg')).toContain('verify required'), LIMIT);
    expect(read('ca.pem')).toBe(OTHER_CA);
  });

  it('serves without a credential until a kubeconfig comes, and asks whether API servers are ready from then on', async () => {
    const kubeconfig = join(directory, 'kubeconfig');
    const certificate = await makeCertificate(directory, ['127.0.0.1']);
    const asked = vi.fn();
    const answer = (each: Asked) => {
      asked(each.url.pathname, each.request.headers.authorization);
      each.response.writeHead(500).end();
    };
    const server = await serveListAndWatch(certificate, { list: answer, watch: answer });
    try {
      settings = defaultProxySettings({ backends: { source: 'List', addresses: ['127.0.0.1'], port: server.port } });
      const proxy = await start('192.0.2.9', undefined, kubeconfig);
      await startHaproxy();
      await vi.waitFor(() => expect(told.join('\n')).toContain('add server api/127.0.0.1'), LIMIT);
      expect(read('backends.cfg')).toContain('check-ssl verify none');
      expect(proxy.problems).toEqual([]);
      expect(asked).not.toHaveBeenCalled();
      writeFileSync(`${kubeconfig}.new`, kubeconfigText(server.url, readFileSync(certificate.caFile, 'utf8')));
      renameSync(`${kubeconfig}.new`, kubeconfig);
      await vi.waitFor(() => expect(asked).toHaveBeenCalledWith('/readyz', 'Bearer secret'), LIMIT);
      await vi.waitFor(() => expect(read('backends.cfg')).toContain('verify required'), LIMIT);
    } finally {
      await server.kill();
    }
  });

  it('keeps nobody from starting when its directory cannot be written, says so, and tries again', async () => {
    writeFileSync(join(directory, 'run'), 'a file where the directory is to be');
    const proxy = await start();
    expect(proxy.problems).toContainEqual(expect.stringContaining('cannot be written'));
    rmSync(join(directory, 'run'));
    await vi.waitFor(() => expect(existsSync(file('candidate.conf'))).toBe(true), LIMIT);
    await vi.waitFor(() => expect(proxy.problems.join()).not.toContain('cannot be written'), LIMIT);
  });

  it('says that HAProxy does not answer, for as long as it does not', async () => {
    const proxy = await start();
    await vi.waitFor(() => expect(proxy.problems).toContainEqual(expect.stringContaining('admin.sock')), LIMIT);
    await startHaproxy();
    await vi.waitFor(() => expect(proxy.problems).toEqual([]), LIMIT);
  });

  it('is not there where no container is', () => {
    const dependencies = { settings: () => settings, lag: { stalledDuring: () => 0 }, draining: () => false };
    const options = { nodeAddress: '', kubeApi: { url: undefined, caFile: '', tokenFile: '' }, userAgent: '' };
    expect(createProxy(null, { options, ...dependencies, log: pino({ level: 'silent' }) })).toBeNull();
  });
});
