import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { makeCertificate, type ServerCertificate } from '../../test/support/certificates.ts';
import type { Settings } from '../config/settings.ts';
import { type Asked, eventLine, openWatch, sendList, serveListAndWatch } from '../testing/list-and-watch.ts';
import { defaultSettings } from '../testing/settings.ts';
import { ReleaseSettings } from './release-settings.ts';

const LIMIT = { timeout: 15_000, interval: 5 };
const directory = mkdtempSync(join(tmpdir(), 'release-settings-'));
const tokenFile = join(directory, 'token');
const onRejected = vi.fn();
const onRecovered = vi.fn();

let certificate: ServerCertificate;
let server: Awaited<ReturnType<typeof serveListAndWatch>>;
let release: ReleaseSettings;
let kept: string[];
let asked: Asked[];
let watched: ServerResponse | undefined;

function text(change: (settings: Settings) => void = () => undefined): string {
  const settings = defaultSettings();
  change(settings);
  return stringify(settings);
}

function configMap(version: number, config: string | undefined) {
  return { metadata: { name: 'api', resourceVersion: String(version) }, data: config && { 'config.yaml': config } };
}

beforeAll(async () => {
  certificate = await makeCertificate(directory, ['127.0.0.1']);
  writeFileSync(tokenFile, 'secret-token\n');
});

afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(async () => {
  kept = [];
  asked = [];
  watched = undefined;
  onRejected.mockReset();
  onRecovered.mockReset();
  server = await serveListAndWatch(certificate, {
    list: (each) => {
      asked.push(each);
      sendList(10, configMap(7, text()))(each.response);
    },
    watch: ({ response }) => {
      watched = response;
      openWatch(response);
    },
  });
  const access = { url: server.url, caFile: certificate.caFile, tokenFile, userAgent: 'test' };
  release = new ReleaseSettings(
    { access, configMap: { namespace: 'vip', name: 'api' }, server: defaultSettings().server },
    {
      keep: async (config) => void kept.push(config),
      onRejected,
      onRecovered,
      log: pino({ level: 'silent' }),
    },
  );
  release.start();
  await vi.waitFor(() => expect(watched).toBeDefined(), LIMIT);
});

afterEach(async () => {
  release.stop();
  await server.kill();
});

describe('the settings of the release', () => {
  it('come to the pod, those that are there and each change', async () => {
    await vi.waitFor(() => expect(kept).toEqual([text()]), LIMIT);
    const [first] = asked;
    expect(first?.url.pathname).toBe('/api/v1/namespaces/vip/configmaps');
    expect(first?.url.searchParams.get('fieldSelector')).toBe('metadata.name=api');
    const changed = text((settings) => {
      settings.vrrp.virtualRouterId = 77;
    });
    watched?.write(eventLine('MODIFIED', configMap(11, changed)));
    await vi.waitFor(() => expect(kept).toEqual([text(), changed]), LIMIT);
    expect(onRejected).not.toHaveBeenCalled();
  });

  it.each([
    ['cannot be used', text().replace('virtualRouterId: 10', 'virtualRouterId: 999'), /vrrp.virtualRouterId/],
    [
      'has another port than the pod’s probes',
      text().replace('port: 10270', 'port: 10370'),
      /^server.port: is 10370, and this static pod is asked on 10270; make its manifest anew$/,
    ],
    ['are not there', undefined, /./],
  ])('stay out, and are told, when what is new %s; what is right again clears that', async (_, config, message) => {
    await vi.waitFor(() => expect(kept).toHaveLength(1), LIMIT);
    watched?.write(eventLine('MODIFIED', configMap(11, config)));
    await vi.waitFor(() => expect(onRejected).toHaveBeenCalledOnce(), LIMIT);
    expect(onRejected.mock.calls[0]?.[0].message).toMatch(message);
    expect(onRejected.mock.calls[0]?.[1]).toBe('the ConfigMap api in vip');
    expect(kept).toHaveLength(1);
    watched?.write(eventLine('MODIFIED', configMap(12, text())));
    await vi.waitFor(() => expect(onRecovered).toHaveBeenCalledOnce(), LIMIT);
    expect(kept).toHaveLength(2);
  });

  it('stay when the release is gone', async () => {
    await vi.waitFor(() => expect(kept).toHaveLength(1), LIMIT);
    watched?.write(eventLine('DELETED', configMap(11, undefined)));
    watched?.write(eventLine('ADDED', configMap(12, text())));
    await vi.waitFor(() => expect(kept).toHaveLength(2), LIMIT);
    expect(onRejected).not.toHaveBeenCalled();
  });
});
