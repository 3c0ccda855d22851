import type { FollowedService } from '../../kubernetes/load-balancer-service.ts';
import { few } from '../../text/sentences.ts';
import { nodesWith, type Whereabouts } from './let-go.ts';

/** A node that is dead must not keep a Service from going. */
const PATIENCE_MS = 10_000;

/** Where the addresses of a Service are that gave them up. */
export interface Parting {
  /** Whether it may go: no node has any of them any more, or it took too long. */
  readonly due: boolean;
  /** Why it goes although a node still has an address; undefined: none has. */
  readonly late: string | undefined;
  /** When it may go by time alone, by the monotonic clock; undefined: it may now. */
  readonly reviewAtMs: number | undefined;
}

interface Leaving {
  readonly sinceMs: number;
  readonly addresses: ReadonlySet<string>;
}

interface Circumstances extends Whereabouts {
  /** Addresses that Services have, in canonical form. */
  readonly owned: ReadonlySet<string>;
  /** Addresses that are held for others. */
  readonly unavailable: ReadonlyMap<string, string>;
  /** Of a clock that only grows. */
  readonly nowMs: number;
}

/**
 * Remembers which Services gave which addresses up, and says when they may go. A fresh controller begins to wait anew: it goes by what the
 * Service publishes.
 */
export class LeavingServices {
  readonly #leaving = new Map<string, Leaving>();

  /** @param released addresses in canonical form that it has no more */
  part({ metadata: { uid } }: FollowedService, released: readonly string[], circumstances: Circumstances): Parting {
    const { nowMs } = circumstances;
    const known = this.#leaving.get(uid);
    const leaving = {
      sinceMs: known?.sinceMs ?? nowMs,
      addresses: new Set([...(known?.addresses ?? []), ...released]),
    };
    this.#leaving.set(uid, leaving);
    const left = this.#left(leaving, circumstances);
    const dueAtMs = leaving.sinceMs + PATIENCE_MS;
    if (left.length === 0) return { due: true, late: undefined, reviewAtMs: undefined };
    if (nowMs < dueAtMs) return { due: false, late: undefined, reviewAtMs: dueAtMs };
    const late = `${few(left)}; the Service does not wait for that longer`;
    return { due: true, late, reviewAtMs: undefined };
  }

  /** It is served again. */
  stay({ metadata: { uid } }: FollowedService): void {
    this.#leaving.delete(uid);
  }

  /** Forgets all but these. */
  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#leaving.keys()) if (!uids.has(uid)) this.#leaving.delete(uid);
  }

  #left({ addresses }: Leaving, circumstances: Circumstances): string[] {
    const { owned, unavailable } = circumstances;
    return [...addresses]
      .filter((address) => !owned.has(address) && !unavailable.has(address))
      .map((address) => ({ address, nodes: nodesWith(address, circumstances) }))
      .filter(({ nodes }) => nodes.length > 0)
      .map(({ address, nodes }) => `${address} is still at ${nodes.join(', ')}`);
  }
}
