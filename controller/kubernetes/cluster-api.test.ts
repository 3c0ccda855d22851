import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer } from '../testing/fake-api-server.ts';
import { ClusterApi } from './cluster-api.ts';
import { poolReference } from './references.ts';

let server: FakeApiServer;
let api: ClusterApi;

beforeEach(async () => {
  server = new FakeApiServer();
  const access = new KubeConfig();
  access.loadFromClusterAndUser(
    { name: 'fake', server: await server.start(), skipTLSVerify: true },
    { name: 'nobody' },
  );
  api = new ClusterApi({ instance: 'controller-1' }, { access });
});

afterEach(() => server.stop());

describe('an Event', () => {
  const about = { type: 'Normal', reason: 'AddressesMoved', action: 'Move', note: 'x' } as const;

  it('is in the namespace of the object that it is on, of whatever kind', async () => {
    const regarding = { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web', uid: 'u' };
    await api.createEvent({ ...about, regarding });
    expect(server.list('events')).toMatchObject([{ ...about, regarding, metadata: { namespace: 'shop' } }]);
    expect(server.list('events')[0]?.metadata.name).toMatch(/^web[.][0-9a-f]{16}$/);
  });

  it('is in the default namespace when the object is in none, as pools are', async () => {
    const regarding = poolReference({ name: 'web', uid: undefined });
    await api.createEvent({ ...about, regarding });
    const [event] = server.list('events');
    expect(event).toMatchObject({ regarding, metadata: { namespace: 'default' } });
    expect(event?.regarding).not.toHaveProperty('uid');
  });
});
