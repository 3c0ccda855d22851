import { parse } from 'yaml';
import * as z from 'zod';

/*
 * What a kubeconfig says of the API server and of who asks it
 * (https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/), as far as a program without a shell can use it.
 */

const named = <T extends z.ZodType>(key: string, schema: T) =>
  z.array(z.looseObject({ name: z.string(), [key]: schema }));
const text = z.string().min(1).optional();
const clusterSchema = z.looseObject({
  server: z.string(),
  'certificate-authority': text,
  'certificate-authority-data': text,
});
const userSchema = z.looseObject({
  token: text,
  tokenFile: text,
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
});
const contextSchema = z.looseObject({ cluster: z.string(), user: z.string() });
const kubeconfigSchema = z.looseObject({
  'current-context': z.string(),
  contexts: named('context', contextSchema),
  clusters: named('cluster', clusterSchema),
  users: named('user', userSchema),
});

/** A text, or the file that has it; relative to the kubeconfig's folder. */
export type Source = { readonly text: string } | { readonly file: string };

/** The API server of the current context, and what to ask it with. */
export interface Kubeconfig {
  /** https: URL. */
  readonly server: string;
  readonly ca: Source;
  readonly token: Source | undefined;
  /** A client's certificate with its key. */
  readonly certificate: { readonly cert: Source; readonly key: Source } | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function sourceOf(fields: Fields, name: string): Source | undefined {
  const { [`${name}-data`]: data, [name]: file } = fields;
  if (typeof data === 'string') return { text: Buffer.from(data, 'base64').toString() };
  return typeof file === 'string' ? { file } : undefined;
}

function tokenOf({ token, tokenFile }: Fields): Source | undefined {
  if (typeof tokenFile === 'string') return { file: tokenFile };
  return typeof token === 'string' ? { text: token } : undefined;
}

function find(list: readonly Fields[], name: string, key: string): Fields {
  const found = list.find((entry) => entry.name === name)?.[key];
  if (found === undefined) throw new Error(`it has no ${key} ${name}`);
  return found as Fields;
}

/**
 * Reads a kubeconfig. Pure.
 * @throws Error with what is wrong, and never with what is secret in it
 */
export function readKubeconfig(content: string): Kubeconfig {
  const document = kubeconfigSchema.safeParse(parse(content));
  if (!document.success) throw new Error('it is no kubeconfig with a current-context');
  const { 'current-context': current, contexts, clusters, users } = document.data;
  const context = find(contexts, current, 'context');
  const cluster = find(clusters, String(context.cluster), 'cluster');
  const user = find(users, String(context.user), 'user');
  const server = String(cluster.server);
  const ca = sourceOf(cluster, 'certificate-authority');
  if (!server.startsWith('https://')) throw new Error(`its server is ${server}, which is not asked; write https://`);
  if (ca === undefined) throw new Error('it has no certificate-authority, and nobody is believed without one');
  return { server, ca, ...proofOf(user) };
}

function proofOf(user: Fields): Pick<Kubeconfig, 'token' | 'certificate'> {
  const token = tokenOf(user);
  const cert = sourceOf(user, 'client-certificate');
  const key = sourceOf(user, 'client-key');
  const certificate = cert === undefined || key === undefined ? undefined : { cert, key };
  if (token === undefined && certificate === undefined) {
    throw new Error('its user has neither a token nor a client certificate with its key; no other way is known here');
  }
  return { token, certificate };
}
