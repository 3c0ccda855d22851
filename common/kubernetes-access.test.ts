import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  authorized,
  CredentialsError,
  mayAsk,
  podAccess,
  readAuthority,
  readCredentials,
} from './kubernetes-access.ts';

const FILES = { caFile: '/ca.crt', tokenFile: '/token' };
const readFile = (texts: Record<string, string>) => async (path: string) => {
  const text = texts[path];
  if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
  return text;
};

describe('what a pod has of the API server', () => {
  it('is at the address and port of its environment, and in the files of its service account', () => {
    expect(podAccess({ KUBERNETES_SERVICE_HOST: '10.43.0.1', KUBERNETES_SERVICE_PORT: '6443' })).toEqual({
      url: 'https://10.43.0.1:6443',
      caFile: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
      tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
    });
  });

  it('has a URL for IPv6 too, and none outside of a cluster', () => {
    expect(podAccess({ KUBERNETES_SERVICE_HOST: 'fd00::1' }).url).toBe('https://[fd00::1]:443');
    expect(podAccess({}).url).toBeUndefined();
    expect(podAccess({ KUBERNETES_SERVICE_HOST: '' }).url).toBeUndefined();
  });
});

describe('credentials', () => {
  it('are read without the white space around them', async () => {
    const texts = { '/ca.crt': 'PEM\n', '/token': ' secret\n' };
    expect(await readCredentials(FILES, readFile(texts))).toEqual({ ca: 'PEM', token: 'secret' });
  });

  it.each([
    [{ '/token': 'secret' }, 'the CA cannot be read from /ca.crt (ENOENT)', 'ENOENT'],
    [{ '/ca.crt': 'PEM' }, 'the service account token cannot be read from /token (ENOENT)', 'ENOENT'],
    [{ '/ca.crt': '\n', '/token': 'secret' }, 'the CA file /ca.crt is empty', undefined],
    [
      { '/ca.crt': 'PEM', '/token': 'sec\nret' },
      'the service account token in /token has characters that no token has',
      undefined,
    ],
  ])('that are no good are told without what is in them: %j', async (texts, message, code) => {
    const failure: unknown = await readCredentials(FILES, readFile(texts)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CredentialsError);
    expect(failure).toMatchObject({ message, code });
  });
});

describe('a kubeconfig in place of the pod’s service account', () => {
  const kubeconfig = (user: object) =>
    stringify({
      'current-context': 'x',
      contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
      clusters: [{ name: 'x', cluster: { server: 'https://192.0.2.3:6443', 'certificate-authority': 'ca.crt' } }],
      users: [{ name: 'x', user }],
    });
  const access = podAccess({ KUBERNETES_SERVICE_HOST: '10.43.0.1' }, '/state/kubeconfig');

  it('is asked, whatever the environment says', () => {
    expect(access).toMatchObject({ url: undefined, kubeconfig: '/state/kubeconfig' });
    expect([mayAsk(access), mayAsk(podAccess({}))]).toEqual([true, false]);
  });

  it('tells server, authority and token, by files beside it', async () => {
    const texts = {
      '/state/kubeconfig': kubeconfig({ tokenFile: 'token' }),
      '/state/ca.crt': 'PEM\n',
      '/state/token': 'a\n',
    };
    const read = { server: 'https://192.0.2.3:6443', ca: 'PEM', token: 'a' };
    expect(await readCredentials(access, readFile(texts))).toEqual(read);
    expect(await readAuthority(access, readFile(texts))).toBe('PEM');
    expect(authorized('a', 'agent')).toEqual({ Authorization: 'Bearer a', 'User-Agent': 'agent' });
  });

  it('tells a client certificate, and then no token is sent', async () => {
    const user = { 'client-certificate': '/c.pem', 'client-key': '/k.pem' };
    const texts = { '/state/kubeconfig': kubeconfig(user), '/state/ca.crt': 'PEM', '/c.pem': 'C', '/k.pem': 'K' };
    const { token, certificate } = await readCredentials(access, readFile(texts));
    expect(certificate).toEqual({ cert: 'C', key: 'K' });
    expect(authorized(token, 'agent')).toEqual({ 'User-Agent': 'agent' });
  });

  it.each([
    [{}, 'the kubeconfig cannot be read from /state/kubeconfig (ENOENT)', 'ENOENT'],
    [
      { '/state/kubeconfig': 'a: 1' },
      'the kubeconfig /state/kubeconfig cannot be used: it is no kubeconfig with a current-context',
      undefined,
    ],
    [
      { '/state/kubeconfig': kubeconfig({ token: 'sec\nret' }), '/state/ca.crt': 'PEM' },
      'the token of /state/kubeconfig has characters that no token has',
      undefined,
    ],
    [
      { '/state/kubeconfig': kubeconfig({ token: 'a' }) },
      'the CA cannot be read from /state/ca.crt (ENOENT)',
      'ENOENT',
    ],
  ])('that is no good is told without what is in it', async (texts, message, code) => {
    const failure: unknown = await readCredentials(access, readFile(texts)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CredentialsError);
    expect(failure).toMatchObject({ message, code });
  });
});
