import { readFile as readFileFromDisk } from 'node:fs/promises';
import { Agent } from 'node:https';
import axios, { type AxiosRequestConfig, type AxiosResponse } from 'axios';
import { bracketed } from './addresses.ts';
import { codeOf } from './errors.ts';

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
}

/** The same, read. */
export interface Credentials {
  readonly ca: string;
  readonly token: string;
}

/** Where the API server is, and how a pod proves who it is. */
export interface ApiAccess extends CredentialFiles {
  /** Base URL of the API server; https. */
  readonly url: string;
  readonly userAgent: string;
}

/** What a pod has of the API server; without a URL outside of a cluster. */
export interface PodAccess extends CredentialFiles {
  readonly url: string | undefined;
}

/** What the kubelet gave this pod, from its environment. Pure. */
export function podAccess(env: Readonly<Record<string, string | undefined>>): PodAccess {
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
  { caFile, tokenFile }: CredentialFiles,
  readFile: ReadFile = fromDisk,
): Promise<Credentials> {
  const [ca, token] = await Promise.all([
    read('CA', caFile, readFile),
    read('service account token', tokenFile, readFile),
  ]);
  // Checked here, because the HTTP library's own error would quote the header.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new CredentialsError(`the service account token in ${tokenFile} has characters that no token has`);
  }
  return { ca, token };
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

/** Headers by which the API server knows who asks. Pure. */
export function authorized(token: string, userAgent: string): { Authorization: string; 'User-Agent': string } {
  return { Authorization: `Bearer ${token}`, 'User-Agent': userAgent };
}

/** Asks the API server; never throws for a status. */
export type Requests = <T>(config: AxiosRequestConfig) => Promise<AxiosResponse<T>>;

/**
 * Prepares requests with what the pod has now.
 * @param signal ends them
 * @throws {CredentialsError} when there is nothing to ask with
 */
export async function openRequests(access: ApiAccess, signal: AbortSignal): Promise<Requests> {
  const { ca, token } = await readCredentials(access);
  const httpsAgent = new Agent({ ca, keepAlive: false, maxCachedSessions: 0 });
  return (config) =>
    axios.request({
      method: 'get',
      baseURL: access.url,
      decompress: false,
      ...config,
      headers: {
        Accept: 'application/json',
        'Accept-Encoding': 'identity',
        ...authorized(token, access.userAgent),
        ...config.headers,
      },
      httpsAgent,
      proxy: false,
      maxRedirects: 0,
      validateStatus: () => true,
      signal,
    });
}
