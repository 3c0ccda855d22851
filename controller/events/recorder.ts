import { type BulkheadPolicy, bulkhead, isBulkheadRejectedError } from 'cockatiel';
import type { Clock } from '../../common/clock.ts';
import type { ClusterEvent, ClusterWriter } from '../kubernetes/cluster-api.ts';
import { referenceKey } from '../kubernetes/references.ts';

/** As client-go's filter against floods has it, though it fills up faster: a pool's moves are worth reading. */
const BURST = 25;
const REFILL_MS = 10_000;
/** Buckets that are full again are looked for this often: there may be one for each of thousands of Services. */
const FORGET_MS = 1000;
/** Events are news: what is written at the same time as they is what somebody waits for. */
const WRITES_AT_ONCE = 2;
/** As many as client-go lets wait before it drops further ones (k8s.io/client-go/tools/record/event.go, maxQueuedEvents). */
const MOST_WAITING = 1000;

/** What became of an Event. */
export type EventOutcome = 'written' | 'failed' | 'dropped';

interface RecorderDependencies {
  readonly writer: Pick<ClusterWriter, 'createEvent'>;
  readonly clock: Clock;
  readonly onOutcome: (event: ClusterEvent, outcome: EventOutcome, error?: unknown) => void;
}

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

function tokensAt({ tokens, atMs }: Bucket, nowMs: number): number {
  return Math.min(BURST, tokens + (nowMs - atMs) / REFILL_MS);
}

/**
 * Writes Events on objects of any kind, a few at a time. Their number is limited for each object, and for each node that they report on: one
 * that never stops talking drowns nobody else. One that cannot be written is lost, and so is one for which too many others wait: it is news,
 * not state.
 */
export class EventRecorder {
  readonly #dependencies: RecorderDependencies;
  /** By the object, and by the node whose word it is. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #limit: BulkheadPolicy = bulkhead(WRITES_AT_ONCE, MOST_WAITING);
  #forgottenMs = Number.NEGATIVE_INFINITY;

  constructor(dependencies: RecorderDependencies) {
    this.#dependencies = dependencies;
  }

  /** Writes Events; resolves when all have their outcome, never rejects. */
  async record(events: readonly ClusterEvent[]): Promise<void> {
    this.#forgetFull();
    await Promise.all(events.map((event) => this.#recordOne(event)));
  }

  /** Forgets buckets that are full again, which are as new ones: so nothing is left of objects that are gone. */
  #forgetFull(): void {
    const nowMs = this.#dependencies.clock.monotonicMs();
    if (nowMs - this.#forgottenMs < FORGET_MS) return;
    this.#forgottenMs = nowMs;
    for (const [key, bucket] of this.#buckets) if (tokensAt(bucket, nowMs) >= BURST) this.#buckets.delete(key);
  }

  async #recordOne(event: ClusterEvent): Promise<void> {
    const { writer, onOutcome } = this.#dependencies;
    if (!this.#admit(event)) {
      onOutcome(event, 'dropped');
      return;
    }
    try {
      await this.#limit.execute(() => writer.createEvent(event));
      onOutcome(event, 'written');
    } catch (error) {
      if (isBulkheadRejectedError(error)) onOutcome(event, 'dropped');
      else onOutcome(event, 'failed', error);
    }
  }

  #admit({ regarding, node = '' }: ClusterEvent): boolean {
    const nowMs = this.#dependencies.clock.monotonicMs();
    const key = `${referenceKey(regarding)} ${node}`;
    const filled = tokensAt(this.#buckets.get(key) ?? { tokens: BURST, atMs: nowMs }, nowMs);
    this.#buckets.set(key, { tokens: filled >= 1 ? filled - 1 : filled, atMs: nowMs });
    return filled >= 1;
  }
}
