import type { Logger } from 'pino';
import { canonicalAddress } from '../../common/addresses.ts';
import { systemTimers, type TimerHandle, type Timers } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import type { IpvsSettings } from '../config/virtual-servers.ts';
import { accepts, ServerPort } from '../proxy/server-port.ts';
import type { VirtualServerStatus } from '../runtime/supervisor-status.ts';
import type { Part } from './part.ts';

/** How often a node is asked that has not said yet that it is prepared. */
const ASK_MS = 1000;

interface RealServersDependencies {
  /** What the settings in force ask of IPVS. */
  readonly ipvs: () => IpvsSettings | null | undefined;
  /** What the supervisor says of virtual servers. */
  readonly status: () => VirtualServerStatus | undefined;
  /** Addresses of the API servers, in canonical form. */
  readonly addresses: () => readonly string[];
  /** Called when another node has said that it is prepared. */
  readonly onChange: () => void;
  readonly log: Logger;
  readonly timers?: Timers;
  /** Whether somebody accepts connections there. Never rejects. */
  readonly accepts?: typeof accepts;
  readonly port?: Pick<ServerPort, 'open' | 'close'>;
}

/** Whether a server must be prepared on its own node: the holder sends packets there that are for the address. Pure. */
export function needsPreparation(ipvs: IpvsSettings | null | undefined): boolean {
  return ipvs?.servers.some(({ kind }) => kind !== 'NAT') === true;
}

/**
 * Which nodes are prepared to be servers behind an address that another holds: this one says so itself, and others are asked until they have. Who
 * has said so once stays one: the end of its pod leaves the node as it is.
 */
export class RealServers implements Part {
  readonly #own: string | undefined;
  readonly #dependencies: Required<RealServersDependencies>;
  readonly #prepared = new Set<string>();
  #started = false;
  #timer: TimerHandle;
  #problem: string | null = null;
  #unheard: readonly string[] = [];

  /** @param options.nodeAddress empty when that is not known */
  constructor({ nodeAddress }: { readonly nodeAddress: string }, dependencies: RealServersDependencies) {
    this.#own = canonicalAddress(nodeAddress);
    const port = new ServerPort((error) => {
      this.#problem = `no other node can be told that this one is prepared for IPVS: ${messageOf(error)}; end what has ipvs.serverPort, or give another`;
    });
    this.#dependencies = { timers: systemTimers, accepts, port, ...dependencies };
  }

  /** Why IPVS does not send to every server. */
  get problems(): readonly string[] {
    const { ipvs } = this.#dependencies;
    const unheard =
      this.#unheard.length === 0
        ? []
        : [
            `IPVS sends nothing to ${this.#unheard.join(', ')}: nobody accepts at port ${ipvs()?.serverPort} there, by which a node says that it is prepared; see that its pod runs, and that the port is let through`,
          ];
    return [...(this.#problem === null ? [] : [this.#problem]), ...unheard];
  }

  /** Whether a node takes what a holder sends to its address. */
  isPrepared(address: string): boolean {
    return address === this.#own ? this.#isPreparedHere() : this.#prepared.has(address);
  }

  start(): void {
    this.#started = true;
    this.review();
    this.#askLater();
  }

  /** The node stays prepared, and says so again when the next process is there. */
  stop(): void {
    this.#started = false;
    this.#dependencies.timers.clearTimeout(this.#timer);
    this.#dependencies.port.close();
  }

  /** Looks whether this node is prepared, and says so while it is. */
  review(): void {
    const { ipvs, port } = this.#dependencies;
    const settings = ipvs();
    if (this.#started && settings != null && needsPreparation(settings) && this.#isPreparedHere()) {
      this.#problem = null;
      port.open(settings.serverPort);
    } else {
      port.close();
    }
  }

  #isPreparedHere(): boolean {
    return this.#dependencies.status()?.state === 'applied';
  }

  #askLater(): void {
    const { timers } = this.#dependencies;
    timers.clearTimeout(this.#timer);
    this.#timer = timers.setTimeout(() => void this.#ask().finally(() => this.#started && this.#askLater()), ASK_MS);
  }

  async #ask(): Promise<void> {
    const { ipvs, addresses, onChange, log } = this.#dependencies;
    this.review();
    const settings = ipvs();
    if (settings == null || !needsPreparation(settings)) {
      this.#prepared.clear();
      this.#unheard = [];
      return;
    }
    const known = new Set(addresses());
    for (const address of this.#prepared) if (!known.has(address)) this.#prepared.delete(address);
    const asked = [...known].filter((address) => address !== this.#own && !this.#prepared.has(address));
    const answers = await Promise.all(
      asked.map(async (address) => {
        const accepted = await this.#dependencies.accepts({ address, port: settings.serverPort });
        return { address, accepted };
      }),
    );
    this.#unheard = answers.filter(({ accepted }) => !accepted).map(({ address }) => address);
    const prepared = answers.filter(({ accepted }) => accepted).map(({ address }) => address);
    if (prepared.length === 0 || !this.#started) return;
    for (const address of prepared) this.#prepared.add(address);
    log.info({ nodes: prepared }, 'nodes are prepared to be servers of IPVS');
    onChange();
  }
}
