import type { Clock } from '../../common/clock.ts';
import type { ClusterWriter, PoolEvent } from '../kubernetes/cluster-api.ts';

/** As client-go's filter against floods has it, though it fills up faster: a pool's moves are worth reading. */
const BURST = 25;
const REFILL_MS = 10_000;

/** What became of an Event. */
export type EventOutcome = 'written' | 'failed' | 'dropped';

interface RecorderDependencies {
  readonly writer: Pick<ClusterWriter, 'createEvent'>;
  readonly clock: Clock;
  readonly onOutcome: (event: PoolEvent, outcome: EventOutcome, error?: unknown) => void;
}

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/**
 * Writes Events, so many per pool at most, and of what a node says so many per node: one that never stops talking drowns nobody else. One
 * that cannot be written is lost: it is news, not state.
 */
export class EventRecorder {
  readonly #dependencies: RecorderDependencies;
  /** By pool, then by the node whose word it is. */
  readonly #buckets = new Map<string, Map<string, Bucket>>();

  constructor(dependencies: RecorderDependencies) {
    this.#dependencies = dependencies;
  }

  /** Writes Events; resolves when all have their outcome, never rejects. */
  async record(events: readonly PoolEvent[]): Promise<void> {
    await Promise.all(events.map((event) => this.#recordOne(event)));
  }

  /** Forgets pools that are gone. */
  keepOnly(pools: ReadonlySet<string>): void {
    for (const pool of this.#buckets.keys()) if (!pools.has(pool)) this.#buckets.delete(pool);
  }

  async #recordOne(event: PoolEvent): Promise<void> {
    const { writer, onOutcome } = this.#dependencies;
    if (!this.#take(event)) {
      onOutcome(event, 'dropped');
      return;
    }
    try {
      await writer.createEvent(event);
      onOutcome(event, 'written');
    } catch (error) {
      onOutcome(event, 'failed', error);
    }
  }

  #take({ pool, node = '' }: PoolEvent): boolean {
    const nowMs = this.#dependencies.clock.monotonicMs();
    const buckets = this.#buckets.get(pool) ?? new Map<string, Bucket>();
    this.#buckets.set(pool, buckets);
    const { tokens, atMs } = buckets.get(node) ?? { tokens: BURST, atMs: nowMs };
    const filled = Math.min(BURST, tokens + (nowMs - atMs) / REFILL_MS);
    buckets.set(node, { tokens: filled >= 1 ? filled - 1 : filled, atMs: nowMs });
    return filled >= 1;
  }
}
