import type { Logger } from 'pino';
import { canonical } from '../../common/addresses.ts';
import { systemTimers, type TimerHandle, type Timers } from '../../common/clock.ts';
import type { ProxySettings } from '../config/control-plane.ts';
import type { IpvsSettings } from '../config/virtual-servers.ts';
import type { VirtualServerStatus } from '../runtime/supervisor-status.ts';
import type { VirtualServersFile, VirtualServices } from '../runtime/virtual-servers.ts';
import type { Condition } from '../status/snapshot.ts';
import type { Part } from './part.ts';
import { type KnownBackend, virtualServicesOf } from './virtual-services.ts';

/** When a file that could not be written is tried again. */
const RETRY_MS = 1000;

const NOTHING: VirtualServices = { services: [], syncId: null };

/** The name under which it is known that a kernel has no IPVS. */
const UNAVAILABLE = 'IPVSUnavailable';

function isUnavailable(status: VirtualServerStatus | undefined): boolean {
  return status?.state === 'unavailable';
}

/** Why IPVS does not balance as it should; null when it does, as far as is known. Pure. */
export function virtualServerProblem(
  ipvs: IpvsSettings | null | undefined,
  status: VirtualServerStatus | undefined,
): string | null {
  if (ipvs == null || status === undefined || status.messages.length === 0) return null;
  const said = status.messages.join('; ');
  if (!isUnavailable(status)) return `not all of the virtual servers is in force: ${said}`;
  const instead = ipvs.fallback
    ? 'the proxy balances in its place'
    : 'an address that is here is served by the API server of this node alone, and other nodes are preferred; with ipvs.fallback the proxy would balance in its place';
  return `${UNAVAILABLE}: ${said}; ${instead}`;
}

interface VirtualServersDependencies {
  readonly file: Pick<VirtualServersFile, 'write'>;
  /** What the settings in force ask of a proxy, and of IPVS in its place; null for none. */
  readonly settings: () => ProxySettings | null;
  /** The API servers; undefined while it is not known yet which there are. */
  readonly backends: () => readonly KnownBackend[] | undefined;
  /** What the supervisor says of them. */
  readonly status: () => VirtualServerStatus | undefined;
  /** Has the supervisor look at once. */
  readonly wake: () => Promise<void>;
  readonly log: Logger;
  readonly timers?: Timers;
}

/** Tells the supervisor what IPVS is to balance, and over which API servers. Which node balances is the supervisor's to see. */
export class VirtualServers implements Part {
  readonly #dependencies: Required<VirtualServersDependencies>;
  #started = false;
  #told = false;
  #retry: TimerHandle;
  #writing: Promise<void> = Promise.resolve();

  constructor(dependencies: VirtualServersDependencies) {
    this.#dependencies = { timers: systemTimers, ...dependencies };
  }

  /** Why IPVS does not balance as it should; null when it does, as far as is known. */
  get problem(): string | null {
    return virtualServerProblem(this.#ipvs, this.#dependencies.status());
  }

  /** Whether the kernel lacks IPVS, where virtual servers are asked for; none elsewhere. */
  get conditions(): readonly Condition[] {
    if (this.#ipvs == null) return [];
    const status = this.#dependencies.status();
    if (status === undefined || status.state === 'none') {
      return [{ type: UNAVAILABLE, status: 'Unknown', message: 'nothing was asked of the kernel yet' }];
    }
    if (isUnavailable(status)) return [{ type: UNAVAILABLE, status: 'True', message: status.messages.join('; ') }];
    return [{ type: UNAVAILABLE, status: 'False', message: 'the kernel has IPVS' }];
  }

  /** Whether the kernel of this node has IPVS, as far as is known. */
  get available(): boolean {
    return !isUnavailable(this.#dependencies.status());
  }

  /**
   * Whether one of these addresses cannot be balanced here as it should be.
   * @param addresses with or without prefixes
   */
  lacks(addresses: readonly string[]): boolean {
    const ipvs = this.#ipvs;
    if (ipvs == null || ipvs.fallback || this.available) return false;
    const virtual = new Set(addresses.map(canonical));
    return ipvs.servers.some(({ address }) => virtual.has(address));
  }

  get #ipvs(): IpvsSettings | null | undefined {
    return this.#dependencies.settings()?.ipvs;
  }

  start(): Promise<void> {
    this.#started = true;
    return this.review();
  }

  /** What is balanced stays, over a restart of this process. */
  stop(): void {
    this.#started = false;
    this.#dependencies.timers.clearTimeout(this.#retry);
  }

  /** Looks at what is to be balanced now. Never rejects. */
  review(): Promise<void> {
    // One after the other: the last word must be the newest.
    this.#writing = this.#writing.then(() => this.#reconcile());
    return this.#writing;
  }

  async #reconcile(): Promise<void> {
    const { settings, backends, file, wake, log, timers } = this.#dependencies;
    const proxy = settings();
    // Where there never was a proxy there is nothing to take away either.
    if (!this.#started || (proxy === null && !this.#told)) return;
    const known = proxy === null ? [] : backends();
    if (known === undefined) return;
    timers.clearTimeout(this.#retry);
    const services = proxy === null ? NOTHING : virtualServicesOf(proxy, known);
    try {
      this.#told = true;
      if (!(await file.write(services))) return;
      await wake();
    } catch (error) {
      log.error({ err: error }, 'cannot tell the supervisor what IPVS is to balance; trying again');
      this.#retry = timers.setTimeout(() => void this.review(), RETRY_MS);
      return;
    }
    if (services.services.length > 0) log.info({ services: services.services }, 'virtual servers');
  }
}
