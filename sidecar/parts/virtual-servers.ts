import type { Logger } from 'pino';
import { canonical } from '../../common/addresses.ts';
import type { Timers } from '../../common/clock.ts';
import type { ProxySettings } from '../config/control-plane.ts';
import type { IpvsSettings } from '../config/virtual-servers.ts';
import type { VirtualServerStatus } from '../runtime/supervisor-status.ts';
import type { VirtualServersFile, VirtualServices } from '../runtime/virtual-servers.ts';
import type { Condition } from '../status/snapshot.ts';
import { AskedFile } from './asked-file.ts';
import type { Part } from './part.ts';
import { type KnownBackend, virtualServicesOf } from './virtual-services.ts';

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
  readonly #dependencies: VirtualServersDependencies;
  #told = false;
  readonly #asked: AskedFile<VirtualServices>;

  constructor(dependencies: VirtualServersDependencies) {
    this.#dependencies = dependencies;
    this.#asked = new AskedFile({
      ...dependencies,
      desired: () => this.#desired(),
      onAsked: ({ services }) => {
        if (services.length > 0) dependencies.log.info({ services }, 'virtual servers');
      },
      what: 'what IPVS is to balance',
    });
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
    return this.#asked.start();
  }

  /** What is balanced stays, over a restart of this process. */
  stop(): void {
    this.#asked.stop();
  }

  /** Looks at what is to be balanced now. Never rejects. */
  review(): Promise<void> {
    return this.#asked.review();
  }

  #desired(): VirtualServices | undefined {
    const { settings, backends } = this.#dependencies;
    const proxy = settings();
    if (proxy === null) return this.#told ? NOTHING : undefined; // Where there never was a proxy there is nothing to take away either.
    const known = backends();
    if (known === undefined) return undefined;
    this.#told = true;
    return virtualServicesOf(proxy, known);
  }
}
