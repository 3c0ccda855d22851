import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import axios from 'axios';
import { mountsOf } from './process-rights.ts';

const LIMIT_MS = 30_000;

/** Where a process's container has its service account's token, seen from outside; undefined when it has none. */
export function tokenFolder(pid: number): string | undefined {
  const mount = mountsOf(pid).find(({ path }) => path.endsWith('/serviceaccount'));
  return mount === undefined ? undefined : join(`/proc/${pid}/root`, mount.path);
}

/** Asks the Kubernetes API as a pod does: with the token and the CA that its container has. */
export class PodApi {
  readonly #server: string;
  readonly #folder: string;
  readonly #agent: Agent;

  /** @param pid the container's main process @param server URL of the API server */
  constructor(pid: number, server: string) {
    const folder = tokenFolder(pid);
    if (folder === undefined) throw new Error(`the container of process ${pid} has no token`);
    this.#server = server;
    this.#folder = folder;
    this.#agent = new Agent({ ca: readFileSync(join(folder, 'ca.crt')) });
  }

  get token(): string {
    return readFileSync(join(this.#folder, 'token'), 'utf8');
  }

  /** @returns the status of the answer; 401 would be a token that does not count, 403 one without the right */
  async status(method: string, path: string, body?: unknown): Promise<number> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const { status } = await axios.request({
      method,
      url: `${this.#server}${path}`,
      data: body,
      headers: { Authorization: `Bearer ${this.token}`, 'Content-Type': type },
      httpsAgent: this.#agent,
      proxy: false,
      timeout: LIMIT_MS,
      validateStatus: () => true,
    });
    return status;
  }
}
