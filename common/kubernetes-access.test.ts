import { describe, expect, it } from 'vitest';
import { CredentialsError, podAccess, readCredentials } from './kubernetes-access.ts';

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
