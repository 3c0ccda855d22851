import { join } from 'node:path';
import { execa } from 'execa';

/** The PEM files of a server that is signed by its own authority. */
export interface ServerCertificate {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

const OPENSSL_LIMIT_MS = 30_000;
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes an authority and a server certificate for these addresses in a directory. @throws Error with what openssl said. */
export async function makeCertificate(directory: string, addresses: readonly string[]): Promise<ServerCertificate> {
  const file = (name: string) => join(directory, name);
  const names = ['DNS:kubernetes.default.svc', ...addresses.map((address) => `IP:${address}`)].join(',');
  const request = (args: readonly string[]) =>
    execa('openssl', ['req', '-x509', ...KEY, '-days', '7', ...args], { timeout: OPENSSL_LIMIT_MS });
  await request([
    ...['-subj', '/CN=lab-ca', '-keyout', file('ca.key'), '-out', file('ca.crt')],
    ...['-addext', 'keyUsage=critical,keyCertSign,digitalSignature'],
  ]);
  await request([
    ...['-subj', '/CN=kube-apiserver', '-keyout', file('server.key'), '-out', file('server.crt')],
    ...['-CA', file('ca.crt'), '-CAkey', file('ca.key')],
    ...['-addext', `subjectAltName=${names}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-addext', 'extendedKeyUsage=serverAuth'],
  ]);
  return { caFile: file('ca.crt'), certFile: file('server.crt'), keyFile: file('server.key') };
}
