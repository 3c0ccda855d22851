import { join } from 'node:path';
import { execa } from 'execa';
import { stringify } from 'yaml';

/* Authorities and certificates as PEM files `NAME.crt` and `NAME.key` of a directory, by openssl; and who uses them. */

/** Whom a certificate names, and for which addresses it is good. */
export interface Identity {
  readonly file: string;
  /** `/O=group/CN=user` */
  readonly subject: string;
  /** `DNS:name`, `IP:address` */
  readonly names?: readonly string[];
}

/** The PEM files of a server that is signed by its own authority. */
export interface ServerCertificate {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

const OPENSSL_LIMIT_MS = 30_000;
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];

/** @throws Error with what openssl said. */
export async function openssl(args: readonly string[]): Promise<void> {
  await execa('openssl', args, { timeout: OPENSSL_LIMIT_MS });
}

/** Makes an authority, `ca`. */
export async function makeAuthority(directory: string, subject: string): Promise<void> {
  await openssl([
    ...['req', '-x509', ...KEY, '-subj', subject, '-keyout', join(directory, 'ca.key')],
    ...['-out', join(directory, 'ca.crt'), '-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'],
  ]);
}

/** Makes a key for signing, such as that of service account tokens. */
export async function makeKey(file: string): Promise<void> {
  await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file]);
}

/** Makes a certificate that the directory's authority signs, good for clients and servers. */
export async function sign(directory: string, { file, subject, names }: Identity): Promise<void> {
  await openssl([
    ...['req', '-x509', ...KEY, '-subj', subject],
    ...['-keyout', join(directory, `${file}.key`), '-out', join(directory, `${file}.crt`)],
    ...['-CA', join(directory, 'ca.crt'), '-CAkey', join(directory, 'ca.key')],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=clientAuth,serverAuth'],
    ...(names === undefined ? [] : ['-addext', `subjectAltName=${names.join(',')}`]),
  ]);
}

/** Makes an authority and a server certificate for these addresses in a directory, with names that an API server's has. */
export async function makeCertificate(directory: string, addresses: readonly string[]): Promise<ServerCertificate> {
  const dns = ['DNS:kubernetes', 'DNS:kubernetes.default.svc'];
  const names = [...dns, ...addresses.map((address) => `IP:${address}`)];
  await makeAuthority(directory, '/CN=lab-ca');
  await sign(directory, { file: 'server', subject: '/CN=kube-apiserver', names });
  const file = (name: string) => join(directory, name);
  return { caFile: file('ca.crt'), certFile: file('server.crt'), keyFile: file('server.key') };
}

/**
 * A kubeconfig with one cluster and one user.
 * @param ca PEM
 * @param credentials as kubeconfig has them: `token`, `client-certificate-data`…
 */
export function kubeconfigText(
  { name, server, ca, user }: Readonly<Record<'name' | 'server' | 'ca' | 'user', string>>,
  credentials: Readonly<Record<string, string>>,
): string {
  const data = Buffer.from(ca).toString('base64');
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': data } }],
    users: [{ name: user, user: credentials }],
    contexts: [{ name, context: { cluster: name, user } }],
    'current-context': name,
  });
}
