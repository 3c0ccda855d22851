import { bracketed } from '../../common/addresses.ts';
import type { Clock, TimerHandle, Timers } from '../../common/clock.ts';
import type { ServedCertificate, TlsEndpoint } from './served-certificate.ts';

/** What an endpoint showed last. */
export interface SeenCertificate {
  /** `address:port`. */
  readonly endpoint: string;
  readonly address: string;
  /** Undefined before it was seen for the first time. */
  readonly certificate: ServedCertificate | undefined;
}

interface CertificateWatchDependencies {
  /** The servers that there are now. */
  readonly endpoints: () => readonly TlsEndpoint[];
  /** Rejects when a server shows none. */
  readonly ask: (endpoint: TlsEndpoint) => Promise<ServedCertificate>;
  /** Called after each look. */
  readonly onLook: () => void;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Timers;
}

interface Known {
  readonly certificate: ServedCertificate | undefined;
  readonly dueMs: number;
}

/** How soon servers are noticed that were not there before. */
const LOOK_MS = 2000;
/** Certificates change seldom, and by a restart of the server mostly. */
const AGAIN_MS = 60_000;
/** Of a server that showed none: it may be about to start. */
const RETRY_MS = 10_000;

/** What names an endpoint. Pure. */
export function endpointKey({ address, port }: TlsEndpoint): string {
  return `${bracketed(address)}:${port}`;
}

/** Looks now and then at the certificates that servers show. What was seen last stays while a server is away. */
export class CertificateWatch {
  readonly #dependencies: CertificateWatchDependencies;
  #known: ReadonlyMap<string, Known> = new Map();
  #timer: TimerHandle;
  #running = false;

  constructor(dependencies: CertificateWatchDependencies) {
    this.#dependencies = dependencies;
  }

  /** What each of the servers showed last. */
  get seen(): readonly SeenCertificate[] {
    return this.#dependencies.endpoints().map((endpoint) => {
      const key = endpointKey(endpoint);
      return { endpoint: key, address: endpoint.address, certificate: this.#known.get(key)?.certificate };
    });
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#look();
  }

  /** Ends looking; may be called twice. */
  stop(): void {
    this.#running = false;
    this.#dependencies.timers.clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { endpoints, onLook, clock, timers } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    const known = await Promise.all(
      endpoints().map(async (endpoint) => [endpointKey(endpoint), await this.#askWhenDue(endpoint, nowMs)] as const),
    );
    if (!this.#running) return;
    this.#known = new Map(known);
    onLook();
    this.#timer = timers.setTimeout(() => void this.#look(), LOOK_MS);
  }

  async #askWhenDue(endpoint: TlsEndpoint, nowMs: number): Promise<Known> {
    const known = this.#known.get(endpointKey(endpoint));
    if (known !== undefined && nowMs < known.dueMs) return known;
    try {
      return { certificate: await this.#dependencies.ask(endpoint), dueMs: nowMs + AGAIN_MS };
    } catch {
      // That it does not answer is told by its checks.
      return { certificate: known?.certificate, dueMs: nowMs + RETRY_MS };
    }
  }
}
