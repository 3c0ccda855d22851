import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readKubeconfig } from './kubeconfig.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A kubeconfig with two clusters and users; the current context names the second ones. */
function kubeconfig({ cluster, user }: { cluster?: object; user?: object } = {}): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    contexts: [
      { name: 'there', context: { cluster: 'a', user: 'a' } },
      { name: 'here', context: { cluster: 'b', user: 'b', namespace: 'x' } },
    ],
    clusters: [
      { name: 'a', cluster: { server: 'https://192.0.2.1:6443' } },
      {
        name: 'b',
        cluster: cluster ?? { server: 'https://192.0.2.3:6443', 'certificate-authority-data': base64('CA') },
      },
    ],
    users: [
      { name: 'a', user: { token: 'other' } },
      { name: 'b', user: user ?? { token: 'secret' } },
    ],
  });
}

describe('a kubeconfig', () => {
  it('is read by its current context', () => {
    expect(readKubeconfig(kubeconfig())).toEqual({
      server: 'https://192.0.2.3:6443',
      ca: { text: 'CA' },
      token: { text: 'secret' },
      certificate: undefined,
    });
  });

  it('may name files, and have a client certificate', () => {
    const cluster = { server: 'https://[fd00::1]', 'certificate-authority': 'pki/ca.crt' };
    const user = { 'client-certificate': '/a.pem', 'client-key-data': base64('KEY'), 'client-key': '/ignored' };
    expect(readKubeconfig(kubeconfig({ cluster, user }))).toEqual({
      server: 'https://[fd00::1]',
      ca: { file: 'pki/ca.crt' },
      token: undefined,
      certificate: { cert: { file: '/a.pem' }, key: { text: 'KEY' } },
    });
    expect(readKubeconfig(kubeconfig({ user: { token: 'a', tokenFile: '/t' } })).token).toEqual({ file: '/t' });
  });

  it.each([
    ['nothing', '', /no kubeconfig/],
    ['another document', 'a: 1', /no kubeconfig with a current-context/],
    [
      'a context that is not there',
      kubeconfig().replace('current-context: here', 'current-context: x'),
      /has no context x/,
    ],
    ['plain HTTP', kubeconfig({ cluster: { server: 'http://192.0.2.3' } }), /which is not asked; write https/],
    ['no authority', kubeconfig({ cluster: { server: 'https://192.0.2.3' } }), /no certificate-authority/],
    ['a program', kubeconfig({ user: { exec: { command: 'aws' } } }), /neither a token nor a client certificate/],
    ['half a certificate', kubeconfig({ user: { 'client-key': 'k' } }), /neither a token nor a client certificate/],
  ])('is refused without what is in it: %s', (_, content, message) => {
    expect(() => readKubeconfig(content)).toThrow(message);
    expect(() => readKubeconfig(content)).not.toThrow(/secret/);
  });
});
