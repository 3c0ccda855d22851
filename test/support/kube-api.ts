import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axios, { type AxiosInstance } from 'axios';
import { stringify } from 'yaml';
import { kubeconfigText, makeKey } from './certificates.ts';
import { freePort } from './free-port.ts';
import { type Kubectl, kubectlFor } from './kubectl.ts';
import { Program } from './program.ts';
import { succeeds } from './succeeds.ts';

const COMMAND_LIMIT_MS = 30_000;
const START_LIMIT_MS = 60_000;
/** One line for each request, when it comes: a watch is known at once, not when it ends. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['ResponseStarted', 'ResponseComplete', 'Panic'],
  rules: [{ level: 'Metadata' }],
};

/** A request that the API server got. */
export interface ApiRequest {
  readonly user: string;
  /** `get`, `list`, `watch`, `patch`… */
  readonly verb: string;
  /** `nodes`, `nodeplans/status`…; the path where no resource was meant. */
  readonly resource: string;
}

/** What the API server says to an object. */
export interface Verdict {
  readonly accepted: boolean;
  /** The object as it would be stored; where it is refused, nothing that is of use. */
  readonly object: unknown;
  /** Why it is refused. */
  readonly message: string;
}

interface AuditEvent {
  readonly user: { readonly username: string };
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string };
}

/**
 * Kubernetes' API alone: etcd and one API server on loopback, without nodes and controllers. Enough for what the API server itself
 * decides: definitions, validation, admission, authorization.
 */
export class KubeApi {
  readonly #programs: string;
  readonly #users: readonly string[];
  readonly #processes: Program[] = [];
  #folder: string | undefined;
  #client: AxiosInstance | undefined;

  /**
   * @param programs folder with etcd, kube-apiserver and kubectl
   * @param users further ones, who may do everything as well: for requests to be told apart
   */
  constructor(programs: string, users: readonly string[] = []) {
    this.#programs = programs;
    this.#users = users;
  }

  /** Starts both and waits until the API answers. @throws Error with the last words of the one that ended or did not answer. */
  async start(): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'kube-api-'));
    this.#folder = folder;
    const [client, peer, api] = [await freePort(), await freePort(), await freePort()];
    const users = ['admin', ...this.#users].map((user) => `${tokenOf(user)},${user},${user},"system:masters"\n`);
    await writeFile(join(folder, 'tokens.csv'), users.join(''), { mode: 0o600 });
    await writeFile(join(folder, 'audit-policy.yaml'), stringify(AUDIT_POLICY));
    await makeKey(join(folder, 'sa.key'));
    const etcd = this.#run('etcd', [
      `--data-dir=${folder}/etcd`,
      '--unsafe-no-fsync',
      `--listen-client-urls=http://127.0.0.1:${client}`,
      `--advertise-client-urls=http://127.0.0.1:${client}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      '--log-level=warn',
    ]);
    const server = this.#run('kube-apiserver', [
      `--etcd-servers=http://127.0.0.1:${client}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${api}`,
      `--cert-dir=${folder}/certificates`,
      `--token-auth-file=${folder}/tokens.csv`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${folder}/sa.key`,
      `--service-account-signing-key-file=${folder}/sa.key`,
      '--authorization-mode=RBAC',
      '--service-cluster-ip-range=10.96.0.0/24',
      '--profiling=false',
      `--audit-policy-file=${folder}/audit-policy.yaml`,
      `--audit-log-path=${folder}/audit.log`,
    ]);
    for (const user of ['admin', ...this.#users]) await this.#writeKubeconfig(server, `https://127.0.0.1:${api}`, user);
    const ready = () => succeeds(() => this.kubectl(['get', '--raw=/readyz']));
    const limit = { limitMs: START_LIMIT_MS, everyMs: 200 };
    let ended = false;
    const whenReady = server.until('it answers', ready, limit).finally(() => {
      ended = true;
    });
    await Promise.all([whenReady, etcd.until('the API server answers', () => ended, limit)]);
    this.#client = axios.create({
      baseURL: `https://127.0.0.1:${api}`,
      headers: { Authorization: `Bearer ${tokenOf('admin')}` },
      httpsAgent: new Agent({ ca: await readFile(join(folder, 'certificates/apiserver.crt')), keepAlive: true }),
      timeout: COMMAND_LIMIT_MS,
      validateStatus: () => true,
    });
  }

  /**
   * Gives an object to the API server, which keeps nothing of it. Much faster than kubectl: for thousands of objects.
   * @param path of the resource, e.g. `/api/v1/nodes`
   * @throws Error when the answer is neither yes nor no
   */
  async judge(path: string, object: object): Promise<Verdict> {
    if (this.#client === undefined) throw new Error('the API server does not run');
    const { status, data } = await this.#client.post(path, object, {
      params: { dryRun: 'All' },
    });
    if (status !== 201 && status !== 422) throw new Error(`the API server answered ${status}: ${JSON.stringify(data)}`);
    return { accepted: status === 201, object: data, message: status === 201 ? '' : String(data.message) };
  }

  /**
   * Sends a merge patch for whoever a token is of, and nothing before it: kubectl asks for the object first, which takes another right.
   * @param path of the object, or of its subresource, e.g. `/api/v1/namespaces/shop/services/web/status`
   * @returns the status of HTTP, and what the API server said
   */
  async patchAs(token: string, path: string, patch: object): Promise<{ status: number; message: string }> {
    if (this.#client === undefined) throw new Error('the API server does not run');
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/merge-patch+json' };
    const { status, data } = await this.#client.patch(path, patch, { headers });
    return { status, message: String(data.message ?? '') };
  }

  /** Ends both, and removes what they wrote. */
  async stop(): Promise<void> {
    for (const process of this.#processes.splice(0).toReversed()) {
      await process.stop('SIGTERM');
    }
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  /** Path of the administrator's kubeconfig. */
  get kubeconfig(): string {
    return this.kubeconfigOf('admin');
  }

  /** Path of a user's kubeconfig. */
  kubeconfigOf(user: string): string {
    return join(this.#started(), `kubeconfig-${user}`);
  }

  /** What the API server was asked so far, in order. */
  async requests(): Promise<ApiRequest[]> {
    const log = await readFile(join(this.#started(), 'audit.log'), 'utf8');
    // What follows the last line feed is still being written.
    const lines = log.split('\n').slice(0, -1);
    return lines.map((line) => {
      const { user, verb, requestURI, objectRef } = JSON.parse(line) as AuditEvent;
      const { resource = requestURI, subresource } = objectRef ?? {};
      return {
        user: user.username,
        verb,
        resource: subresource === undefined ? resource : `${resource}/${subresource}`,
      };
    });
  }

  /** kubectl as the administrator. */
  get kubectl(): Kubectl {
    return kubectlFor(join(this.#programs, 'kubectl'), this.kubeconfig);
  }

  #started(): string {
    if (this.#folder === undefined) throw new Error('the API server does not run');
    return this.#folder;
  }

  #run(program: string, args: readonly string[]): Program {
    const child = spawn(join(this.#programs, program), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const process = new Program(program, child);
    this.#processes.push(process);
    return process;
  }

  /** The server makes its certificate itself, and signs it with itself. */
  async #writeKubeconfig(program: Program, server: string, user: string): Promise<void> {
    const certificate = await program.until(
      'it has a certificate',
      () => readFile(join(this.#folder ?? '', 'certificates/apiserver.crt')).catch(() => undefined),
      { limitMs: START_LIMIT_MS, everyMs: 50 },
    );
    const text = kubeconfigText({ name: 'test', server, ca: certificate.toString(), user }, { token: tokenOf(user) });
    await writeFile(this.kubeconfigOf(user), text, { mode: 0o600 });
  }
}

/** Good for nothing but this server, which listens on loopback and ends with the tests. */
function tokenOf(user: string): string {
  return `${user}-of-a-test`;
}
