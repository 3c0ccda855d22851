import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import type { Clients } from '../connections/endpoint.ts';
import type { TranslatedConnections } from '../connections/translated.ts';

interface TranslatedClientsDependencies {
  readonly translated: Pick<TranslatedConnections, 'to'>;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Until the kernel is asked again for what it would not tell. */
const UNTOLD_MS = 60_000;

/**
 * Clients whose connections the node's kernel translates to another destination, as they were when it told last. The kernel goes through its
 * whole table for that, which on a busy node takes ten times what the sockets take and more: so it is asked at a pace of its own, and nobody
 * waits for its answer.
 */
export class TranslatedClients {
  readonly #dependencies: TranslatedClientsDependencies;
  /** It takes one part in so many of the time. */
  readonly #rest: number;
  #known: Clients = new Map();
  #asked = '';
  #asking = false;
  #againAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly rest: number }, dependencies: TranslatedClientsDependencies) {
    this.#rest = options.rest;
    this.#dependencies = dependencies;
  }

  /** What is known. Asks the kernel when it is time to, and at once for other addresses than the last time. Never throws. */
  of(addresses: readonly string[], nowMs: number): Clients {
    const asked = addresses.join(' ');
    const isDue = nowMs >= this.#againAtMs || asked !== this.#asked;
    if (addresses.length > 0 && isDue && !this.#asking) {
      this.#asked = asked;
      void this.#ask(addresses, nowMs);
    }
    return this.#known;
  }

  async #ask(addresses: readonly string[], beganMs: number): Promise<void> {
    const { translated, log, clock } = this.#dependencies;
    this.#asking = true;
    try {
      this.#known = await translated.to(addresses);
      const endedMs = clock.monotonicMs();
      this.#againAtMs = endedMs + this.#rest * (endedMs - beganMs);
    } catch (error) {
      this.#known = new Map();
      this.#againAtMs = clock.monotonicMs() + UNTOLD_MS;
      log.debug({ problem: messageOf(error) }, 'connections that are translated are not known');
    } finally {
      this.#asking = false;
    }
  }
}
