import { readFile } from 'node:fs/promises';
import { replaceFile } from '../../common/replace-file.ts';
import type { SharedDirectory } from './shared-directory.ts';

/**
 * The file in which the supervisor is told what IPVS is to balance. Sidecar and supervisor of two releases may meet in a pod: it stays as it
 * is.
 */
const VIRTUAL_SERVERS = 'virtual-servers';

/** A server behind a service of IPVS. */
export interface RealServer {
  /** Canonical. */
  readonly address: string;
  readonly port: number;
  /** 0: it keeps what it has, and gets nothing new. */
  readonly weight: 0 | 1;
}

/** A service of IPVS: a port of a virtual address. */
export interface VirtualService {
  /** Canonical, without a prefix. */
  readonly address: string;
  readonly port: number;
  readonly kind: 'NAT' | 'DR' | 'TUN';
  /** A scheduler's name, as in ipvsadm(8). */
  readonly scheduler: string;
  /** 0: none. */
  readonly persistenceSeconds: number;
  readonly delaySeconds: number;
  readonly servers: readonly RealServer[];
}

/** What IPVS is to balance, once the node holds the address. */
export interface VirtualServices {
  readonly services: readonly VirtualService[];
  /** By which connections are told to the other nodes; null: they are not. */
  readonly syncId: number | null;
}

/** Seconds as keepalived reads them, with microseconds at most. */
function secondsText(seconds: number): string {
  return seconds.toFixed(6).replace(/[.]?0+$/, '');
}

/** What the supervisor is told; images/keepalived/lib/virtual-servers.awk says what it may be. Pure. */
export function renderVirtualServices({ services, syncId }: VirtualServices): string {
  if (services.length === 0) return '';
  const lines = services.flatMap(({ address, port, kind, scheduler, persistenceSeconds, delaySeconds, servers }) => [
    `virtual ${address} ${port} ${kind} ${scheduler} ${persistenceSeconds} ${secondsText(delaySeconds)}`,
    ...servers.map((server) => `real ${server.address} ${server.port} ${server.weight}`),
  ]);
  return [...lines, ...(syncId === null ? [] : [`sync ${syncId}`])].map((line) => `${line}\n`).join('');
}

/** The file of virtual servers in the shared directory. All methods reject with the system's error. */
export class VirtualServersFile {
  readonly #path: string;

  constructor({ directory }: { directory: Pick<SharedDirectory, 'file'> }) {
    this.#path = directory.file(VIRTUAL_SERVERS);
  }

  /**
   * Writes what IPVS is to balance, unless that is there; whether it was written. A file with nothing in it takes away what there was, while
   * no file leaves it: it may be the word of a pod before this one.
   */
  async write(services: VirtualServices): Promise<boolean> {
    const text = renderVirtualServices(services);
    const before = await readFile(this.#path, 'utf8').catch(() => undefined);
    if (text === before) return false;
    await replaceFile(this.#path, text);
    return true;
  }
}
