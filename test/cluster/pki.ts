import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Identity, kubeconfigText, makeAuthority, makeKey, openssl, sign } from '../support/certificates.ts';
import { API_SERVICE_IP, apiServerFor, type ClusterPlan, type MachinePlan } from './plan.ts';

/** A PEM certificate with its key. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Everything secret that the machines of one cluster share or have alone, as PEM texts. */
export interface Pki {
  readonly ca: Certificate;
  /** Signs and verifies service account tokens. */
  readonly serviceAccount: { readonly key: string; readonly publicKey: string };
  /** By the name of the identity: `admin`, `ingress`, `node1`… */
  readonly certificate: (identity: string) => Certificate;
}

/** Addresses from that of the ingress on that its certificate is good for. */
const INGRESS_ADDRESSES = 10;

/** The identity of a machine's API server. Pure. */
export function apiServerIdentity({ name }: Pick<MachinePlan, 'name'>): string {
  return `apiserver-${name}`;
}

/** Whom the ingress' certificate names: every address by which tests reach it. */
function ingressNames({ nodes, apiVip, ingressVip }: ClusterPlan): string[] {
  const [network = '', first = ''] = [ingressVip.replace(/\d+$/, ''), ingressVip.replace(/^.*\./, '')];
  const free = Array.from({ length: INGRESS_ADDRESSES }, (_, index) => `${network}${Number(first) + index}`);
  return [apiVip, ...free, ...nodes.map(({ ipv4 }) => ipv4)].map((address) => `IP:${address}`);
}

/** Groups are organisations (O), users are common names (CN). */
function identities(plan: ClusterPlan): Identity[] {
  const kubernetes = ['', '.default', '.default.svc', '.default.svc.cluster.local'].map(
    (tail) => `DNS:kubernetes${tail}`,
  );
  const apiAddresses = ['127.0.0.1', API_SERVICE_IP, plan.apiVip, ...plan.controlPlanes.map((each) => each.ipv4)];
  return [
    { file: 'admin', subject: '/O=system:masters/CN=admin' },
    // One for each, as installers make them: by the machine's name a client knows which one answered.
    ...plan.controlPlanes.map((machine) => ({
      file: apiServerIdentity(machine),
      subject: '/CN=kube-apiserver',
      names: [...kubernetes, `DNS:${machine.name}`, ...apiAddresses.map((address) => `IP:${address}`)],
    })),
    { file: 'ingress', subject: '/CN=ingress', names: ingressNames(plan) },
    { file: 'apiserver-kubelet', subject: '/O=system:masters/CN=kube-apiserver-kubelet-client' },
    { file: 'front-proxy', subject: '/CN=front-proxy-client' },
    { file: 'controller-manager', subject: '/CN=system:kube-controller-manager' },
    { file: 'scheduler', subject: '/CN=system:kube-scheduler' },
    { file: 'kube-proxy', subject: '/CN=system:kube-proxy' },
    // The kubelet shows the same certificate to the API server as a client and to others as a server.
    ...plan.nodes.map((node) => ({
      file: node.name,
      subject: `/O=system:nodes/CN=system:node:${node.name}`,
      names: [`DNS:${node.name}`, `IP:${node.ipv4}`],
    })),
  ];
}

async function makeServiceAccountKey(directory: string): Promise<void> {
  const key = join(directory, 'sa.key');
  await makeKey(key);
  await openssl(['ec', '-in', key, '-pubout', '-out', join(directory, 'sa.pub')]);
}

/**
 * Makes the authority of a cluster and a certificate for each of its parts.
 * @param directory empty or missing; keeps the files
 * @throws Error with what openssl said
 */
export async function makePki(plan: ClusterPlan, directory: string): Promise<Pki> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await Promise.all([makeAuthority(directory, '/CN=cluster-ca'), makeServiceAccountKey(directory)]);
  const wanted = identities(plan);
  await Promise.all(wanted.map((identity) => sign(directory, identity)));
  const read = async (file: string): Promise<Certificate> => ({
    cert: await readFile(join(directory, `${file}.crt`), 'utf8'),
    key: await readFile(join(directory, `${file}.key`), 'utf8'),
  });
  const certificates = new Map<string, Certificate>();
  for (const { file } of wanted) {
    certificates.set(file, await read(file));
  }
  return {
    ca: await read('ca'),
    serviceAccount: {
      key: await readFile(join(directory, 'sa.key'), 'utf8'),
      publicKey: await readFile(join(directory, 'sa.pub'), 'utf8'),
    },
    certificate: (identity) => {
      const found = certificates.get(identity);
      if (found === undefined) throw new Error(`the cluster has no certificate for ${identity}`);
      return found;
    },
  };
}

/**
 * A kubeconfig with which `identity` talks to an API server.
 * @param machine the machine on which it is used; without one it is for use from outside
 */
export function kubeconfig(pki: Pki, plan: ClusterPlan, identity: string, machine?: MachinePlan): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const { cert, key } = pki.certificate(identity);
  const credentials = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) };
  return kubeconfigText(
    { name: plan.name, server: apiServerFor(plan, machine), ca: pki.ca.cert, user: identity },
    credentials,
  );
}
