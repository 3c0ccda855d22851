import { readFile, rm } from 'node:fs/promises';
import { replaceFile } from '../../common/replace-file.ts';
import type { SharedDirectory } from './shared-directory.ts';

/** The file in which the supervisor is told what to redirect. Sidecar and supervisor of two releases may meet in a pod: it stays as it is. */
const REDIRECTS = 'redirects';

/** Connections to a port of a virtual address, which are to get to another port of this node. */
export interface Redirect {
  /** Canonical, without a prefix. */
  readonly address: string;
  readonly port: number;
  readonly toPort: number;
  /** Only those that this node and its pods make; absent: all. */
  readonly own?: true;
}

/** Connections to a port of a virtual address, which come from this node where IPVS sends them on. */
export interface Masquerade {
  /** Canonical, without a prefix. */
  readonly address: string;
  readonly port: number;
}

/** What a node is to redirect. */
export interface Redirects {
  readonly redirects: readonly Redirect[];
  /** Ports of this node that are closed to what was not redirected. */
  readonly guards: readonly number[];
  readonly masquerades?: readonly Masquerade[];
}

/** What the supervisor is told; images/keepalived/lib/redirects.awk says what it may be. Pure. */
export function renderRedirects({ redirects, guards, masquerades = [] }: Redirects): string {
  const lines = [
    ...redirects.map(({ address, port, toPort, own }) => `${own ? 'local' : 'redirect'} ${address} ${port} ${toPort}`),
    ...masquerades.map(({ address, port }) => `masquerade ${address} ${port}`),
    ...guards.map((port) => `guard ${port}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** The file of redirects in the shared directory. All methods reject with the system's error. */
export class RedirectsFile {
  readonly #path: string;

  constructor({ directory }: { directory: Pick<SharedDirectory, 'file'> }) {
    this.#path = directory.file(REDIRECTS);
  }

  /** Writes what is to be redirected, unless it is there; whether it was written. Without anything to say there is no file. */
  async write(redirects: Redirects): Promise<boolean> {
    const text = renderRedirects(redirects);
    const before = await readFile(this.#path, 'utf8').catch(() => '');
    if (text === before) return false;
    if (text === '') await rm(this.#path, { force: true, recursive: true });
    else await replaceFile(this.#path, text);
    return true;
  }
}
