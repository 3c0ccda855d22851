import { readFile as readFileFromDisk } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent } from 'node:https';
import { dirname, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { bracketed } from './addresses.ts';
import { codeOf, messageOf } from './errors.ts';
import { sendRequest } from './http-request.ts';
import { type Kubeconfig, readKubeconfig, type Source } from './kubeconfig.ts';

/*
 * Where the API server is, how a pod proves who it is, and requests that do so
 * (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/). The kubelet replaces both files from time to time, so that they
 * are read for every request or watch.
 */

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Files with what proves who a pod is, and whom it may trust. */
export interface CredentialFiles {
  /** PEM file with the cluster's CA. */
  readonly caFile: string;
  /** File with the pod's service account token. */
  readonly tokenFile: string;
  /** A kubeconfig, which has all that in place of the two: a pod that no API server made has no service account. It may come later. */
  readonly kubeconfig?: string | undefined;
}

/** The same, read. */
export interface Credentials {
  readonly ca: string;
  /** Empty where a certificate says who asks. */
  readonly token: string;
  /** A client's certificate and its key, as PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  /** URL of the API server, where the credentials say it. */
  readonly server?: string | undefined;
}

/** Where the API server is, and how a pod proves who it is. */
export interface ApiAccess extends CredentialFiles {
  /** Base URL of the API server; https. Undefined: the kubeconfig says it. */
  readonly url: string | undefined;
  readonly userAgent: string;
}

/** What a pod has of the API server; without a URL outside of a cluster, and where a kubeconfig says it. */
export interface PodAccess extends CredentialFiles {
  readonly url: string | undefined;
}

/** Whether there is anything to ask the API server with, or may be later. Pure. */
export function mayAsk({ url, kubeconfig }: Pick<PodAccess, 'url' | 'kubeconfig'>): boolean {
  return url !== undefined || kubeconfig !== undefined;
}

/**
 * What the kubelet gave this pod, from its environment. Pure.
 * @param kubeconfig file that is asked instead: a static pod has the variables or not, by chance
 */
export function podAccess(
  env: Readonly<Record<string, string | undefined>>,
  kubeconfig?: string | undefined,
): PodAccess {
  if (kubeconfig !== undefined) return { url: undefined, caFile: '', tokenFile: '', kubeconfig };
  const host = env.KUBERNETES_SERVICE_HOST ?? '';
  const port = env.KUBERNETES_SERVICE_PORT ?? '443';
  const url = host === '' ? undefined : `https://${bracketed(host)}:${port}`;
  return { url, caFile: `${SERVICE_ACCOUNT}/ca.crt`, tokenFile: `${SERVICE_ACCOUNT}/token` };
}

/** The API server cannot be asked, for what there is to ask with. */
export class CredentialsError extends Error {
  /** The system error's code, where there was one. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

/** Reads a text file as a whole. */
export type ReadFile = (path: string) => Promise<string>;

const fromDisk: ReadFile = (path) => readFileFromDisk(path, 'utf8');

/**
 * Reads what a request is made with.
 * @throws {CredentialsError} when one of the files cannot be read, is empty, or has no token
 */
export async function readCredentials(
  { caFile, tokenFile, kubeconfig }: CredentialFiles,
  readFile: ReadFile = fromDisk,
): Promise<Credentials> {
  if (kubeconfig !== undefined) return fromKubeconfig(kubeconfig, readFile);
  const [ca, token] = await Promise.all([
    read('CA', caFile, readFile),
    read('service account token', tokenFile, readFile),
  ]);
  checkToken(token, `service account token in ${tokenFile}`);
  return { ca, token };
}

/** Checked here, because the HTTP library's own error would quote the header. */
function checkToken(token: string, what: string): void {
  if (!/^[\x21-\x7e]+$/.test(token)) throw new CredentialsError(`the ${what} has characters that no token has`);
}

/** A kubeconfig, with the files that it names. */
async function fromKubeconfig(path: string, readFile: ReadFile): Promise<Credentials> {
  const { server, ca, token, certificate } = await openKubeconfig(path, readFile);
  const textOf = (what: string, source: Source) => contentOf(what, source, path, readFile);
  if (token !== undefined) {
    const text = await textOf('token', token);
    checkToken(text, `token of ${path}`);
    return { server, ca: await textOf('CA', ca), token: text };
  }
  const pair = certificate && {
    cert: await textOf('client certificate', certificate.cert),
    key: await textOf('client key', certificate.key),
  };
  return { server, ca: await textOf('CA', ca), token: '', certificate: pair };
}

async function openKubeconfig(path: string, readFile: ReadFile): Promise<Kubeconfig> {
  const content = await read('kubeconfig', path, readFile);
  try {
    return readKubeconfig(content);
  } catch (error) {
    throw new CredentialsError(`the kubeconfig ${path} cannot be used: ${messageOf(error)}`);
  }
}

async function contentOf(what: string, source: Source, kubeconfig: string, readFile: ReadFile): Promise<string> {
  if ('text' in source) return source.text.trim();
  return read(what, resolve(dirname(kubeconfig), source.file), readFile);
}

/**
 * The certificates of the API servers' authority, as PEM.
 * @throws {CredentialsError} when they cannot be read
 */
export async function readAuthority(
  { caFile, kubeconfig }: Pick<CredentialFiles, 'caFile' | 'kubeconfig'>,
  readFile: ReadFile = fromDisk,
): Promise<string> {
  if (kubeconfig === undefined) return read('CA', caFile, readFile);
  const { ca } = await openKubeconfig(kubeconfig, readFile);
  return contentOf('CA', ca, kubeconfig, readFile);
}

async function read(what: string, path: string, readFile: ReadFile): Promise<string> {
  let text: string;
  try {
    text = (await readFile(path)).trim();
  } catch (error) {
    const code = codeOf(error) ?? String(error);
    throw new CredentialsError(`the ${what} cannot be read from ${path} (${code})`, code);
  }
  if (text === '') throw new CredentialsError(`the ${what} file ${path} is empty`);
  return text;
}

/** Headers by which the API server knows who asks; without a token, a certificate tells it. Pure. */
export function authorized(token: string, userAgent: string): Record<string, string> {
  return { ...(token === '' ? {} : { Authorization: `Bearer ${token}` }), 'User-Agent': userAgent };
}

/** One request to the API server. */
export interface ApiRequest {
  /** Default: GET. */
  readonly method?: string;
  /** E.g. `/api/v1/nodes`. */
  readonly path: string;
  readonly params?: Readonly<Record<string, string | number | boolean>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What the API server answered. */
export interface ApiResponse<Body> {
  readonly status: number;
  readonly body: Body;
}

/** Asks the API server; neither throws for a status. */
export interface Requests {
  /** @returns the body as JSON, or as text where it is none */
  document<Body>(request: ApiRequest): Promise<ApiResponse<Body>>;
  /** @returns the body as it comes; to be read or destroyed */
  stream(request: ApiRequest): Promise<ApiResponse<IncomingMessage>>;
}

function documentOf(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return content;
  }
}

async function contentOfResponse(response: IncomingMessage): Promise<string> {
  return response.headers['content-encoding'] === 'gzip'
    ? pipeline(response, createGunzip(), (content: AsyncIterable<string>) => text(content))
    : text(response);
}

/**
 * Prepares requests with what the pod has now.
 * @param signal ends them
 * @throws {CredentialsError} when there is nothing to ask with
 */
export async function openRequests(access: ApiAccess, signal: AbortSignal): Promise<Requests> {
  const { ca, token, certificate, server } = await readCredentials(access);
  const base = access.url ?? server;
  if (base === undefined) throw new CredentialsError('nobody told where the API server is');
  const agent = new Agent({ ca, ...certificate, keepAlive: false, maxCachedSessions: 0 });
  const send = ({ method, path, params = {}, headers, body }: ApiRequest) => {
    const url = new URL(base.replace(/\/$/, '') + path);
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, String(value));
    const own = {
      Accept: 'application/json',
      'Accept-Encoding': 'identity',
      ...authorized(token, access.userAgent),
      ...headers,
    };
    return sendRequest({ url, method, headers: own, body, agent, signal });
  };
  return {
    document: async <Body>(request: ApiRequest) => {
      const response = await send(request);
      return { status: response.statusCode ?? 0, body: documentOf(await contentOfResponse(response)) as Body };
    },
    stream: async (request) => {
      const response = await send(request);
      return { status: response.statusCode ?? 0, body: response };
    },
  };
}
