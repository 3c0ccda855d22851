import { HttpMethod, KubeConfig, RequestContext, Watch } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemTimers } from '../../common/clock.ts';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { FakeApiServer, type FakeObject } from '../testing/fake-api-server.ts';
import { SharedKubeConfig } from './access.ts';
import { Informer } from './informer.ts';
import { type Cached, ResourceCache } from './resource-cache.ts';

const LIMIT = { timeout: 10_000, interval: 10 };

interface Kept extends Cached {
  readonly colour: unknown;
}

let api: FakeApiServer;
let port: number;
let things: ResourceCache<Kept>;
let informer: Informer<FakeObject, Kept>;
/** Short enough for a test to wait for. */
const silenceLimitMs = 500;
const onSynced = vi.fn();
const onError = vi.fn();

beforeEach(async () => {
  onSynced.mockReset();
  onError.mockReset();
  api = new FakeApiServer();
  const url = await api.start();
  port = Number(new URL(url).port);
  const access = new KubeConfig();
  access.loadFromClusterAndUser({ name: 'fake', server: url, skipTLSVerify: true }, { name: 'nobody' });
  things = new ResourceCache<Kept>({}, { onChange: () => undefined });
  const keep = ({ metadata, spec }: FakeObject) => ({ metadata, colour: (spec as { colour: unknown }).colour });
  const dependencies = { access, cache: things, timers: systemTimers, onSynced, onError, silenceLimitMs };
  informer = new Informer<FakeObject, Kept>({ name: 'nodes', path: '/api/v1/nodes', keep }, dependencies);
  api.put('nodes', { metadata: { name: 'a' }, spec: { colour: 'red' }, status: { images: ['large'] } });
});

afterEach(async () => {
  await informer.stop();
  await informer.stop();
  await api.stop();
});

describe('an informer', () => {
  it('keeps of listed and of watched objects what is used', async () => {
    informer.start();
    expect(informer.synced).toBe(false);
    await expect.poll(() => informer.synced, LIMIT).toBe(true);
    expect(things.list()).toMatchObject([{ metadata: { name: 'a' }, colour: 'red' }]);
    await expect.poll(() => api.requests.get('watch nodes'), LIMIT).toBe(1);
    api.put('nodes', { metadata: { name: 'b' }, spec: { colour: 'blue' }, status: { images: ['large'] } });
    await expect.poll(() => things.get('b')?.colour, LIMIT).toBe('blue');
    expect(things.get('b')).not.toHaveProperty('status');
    api.remove('nodes', 'a');
    await expect.poll(() => things.get('a'), LIMIT).toBeUndefined();
    expect(onSynced).toHaveBeenCalledOnce();
  });

  it('is not synced before it has a complete list, and tries again until it has one', async () => {
    api.failing.add('list nodes');
    informer.start();
    await expect.poll(() => onError.mock.calls.length, LIMIT).toBeGreaterThan(1);
    expect(informer.synced).toBe(false);
    api.failing.clear();
    await expect.poll(() => informer.synced && informer.connected, LIMIT).toBe(true);
  });

  it('goes on after the API server was away, and has what it missed', async () => {
    informer.start();
    await expect.poll(() => api.requests.get('watch nodes'), LIMIT).toBe(1);
    await api.stop();
    await expect.poll(() => informer.connected, LIMIT).toBe(false);
    expect(informer.synced).toBe(true);
    api.put('nodes', { metadata: { name: 'b' }, spec: { colour: 'blue' } });
    await api.start(port);
    await expect.poll(() => things.get('b')?.colour, LIMIT).toBe('blue');
    await expect.poll(() => informer.connected, LIMIT).toBe(true);
  });

  it.each(['bumped', 'plain'] as const)(
    'knows what etcd was restored to, though it knew newer versions; those went on %s',
    async (mode) => {
      api.put('nodes', { metadata: { name: 'b' }, spec: { colour: 'blue' } });
      const backup = api.backup();
      api.put('nodes', { metadata: { name: 'a' }, spec: { colour: 'green' } });
      api.put('nodes', { metadata: { name: 'c' }, spec: { colour: 'black' } });
      api.remove('nodes', 'b');
      informer.start();
      const known = () => things.list().map(({ metadata, colour }) => `${metadata.name} ${colour}`);
      await expect.poll(() => informer.connected && known(), LIMIT).toEqual(['a green', 'c black']);
      api.restore(backup, mode);
      await expect.poll(known, LIMIT).toEqual(['a red', 'b blue']);
      // Also of what is written after it, with a version that was another's before.
      api.put('nodes', { metadata: { name: 'a' }, spec: { colour: 'white' } });
      await expect.poll(known, LIMIT).toEqual(['a white', 'b blue']);
    },
  );

  it('can say how long a watch may be silent: the library still has the field for it', () => {
    expect(new Watch(new KubeConfig())).toHaveProperty('requestTimeoutMs', 30_000);
  });
});

describe('access to the API server', () => {
  it('shares its connections between requests, and makes new ones after an hour', async () => {
    const time = new ManualTime();
    const access = new SharedKubeConfig({ clock: time });
    access.loadFromClusterAndUser(
      { name: 'c', server: 'https://192.0.2.1:6443', skipTLSVerify: true },
      { name: 'n', token: 't' },
    );
    const dispatcher = async () => {
      const context = new RequestContext('https://192.0.2.1:6443/', HttpMethod.GET);
      await access.applySecurityAuthentication(context);
      expect(context.getHeaders()).toMatchObject({ Authorization: 'Bearer t' });
      return context.getDispatcher();
    };
    const first = await dispatcher();
    expect(first).toBeDefined();
    expect(await dispatcher()).toBe(first);
    time.stall(3_600_000);
    expect(await dispatcher()).not.toBe(first);
  });
});
