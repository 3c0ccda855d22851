import { KubeConfig } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { connectionOf } from './access.ts';

/** Access as a kubeconfig file gives it. */
function accessOf(user: object, cluster: object = {}): KubeConfig {
  const access = new KubeConfig();
  access.loadFromOptions({
    clusters: [{ name: 'c', server: 'https://192.0.2.1:6443', ...cluster }],
    users: [{ name: 'u', ...user }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
    currentContext: 'x',
  });
  return access;
}

describe('who asks the API server', () => {
  it('says so by its token', async () => {
    const { headers } = await connectionOf(accessOf({ token: 'secret' }));
    expect(headers).toEqual({ Authorization: 'Bearer secret' });
  });

  it('says so by name and password where the kubeconfig has these', async () => {
    const { headers } = await connectionOf(accessOf({ username: 'admin', password: 'pass:word' }));
    expect(headers).toEqual({ Authorization: `Basic ${Buffer.from('admin:pass:word').toString('base64')}` });
  });

  it('shares connections, also through a proxy', async () => {
    for (const cluster of [{}, { proxyUrl: 'http://192.0.2.2:3128' }]) {
      const access = accessOf({ token: 'secret' }, cluster);
      const { agent } = await connectionOf(access);
      expect((await connectionOf(access)).agent).toBe(agent);
    }
  });
});
