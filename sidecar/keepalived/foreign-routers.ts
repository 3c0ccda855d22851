import { foreignAdvertisements } from './statistics.ts';

/** An instance that keepalived listens for. */
export interface Listening {
  readonly name: string;
  readonly virtualRouterId: number;
  /** Last number of the multicast group that it listens to; absent: that of all routers. */
  readonly multicastGroup?: number;
}

/** What a router speaks: the id, and the multicast group where it is not that of all routers. */
type Spoken = Omit<Listening, 'name'>;

function spokenBy({ virtualRouterId, multicastGroup }: Listening): Spoken {
  return multicastGroup === undefined ? { virtualRouterId } : { virtualRouterId, multicastGroup };
}

function keyOf({ virtualRouterId, multicastGroup = 0 }: Spoken): string {
  return `${multicastGroup}/${virtualRouterId}`;
}

/** Polls in a row in which advertisements of others were counted; fewer may be a neighbour that has not got the newest plan yet. */
const GROWTHS = 2;
/** A router that sent nothing for so long, while an instance listened for its id, is gone. */
const SILENT_MILLIS = 5 * 60_000;
/** For so long a router counts as there whose id no instance listens for any more, because the id was given up for it. */
const UNOBSERVED_MILLIS = 24 * 60 * 60_000;

/** What the last poll found of an instance. */
interface Seen {
  readonly key: string;
  readonly count: number;
  readonly growths: number;
}

/**
 * Finds routers that are none of ours and use a router id of ours. keepalived counts advertisements that list other addresses or have other
 * authentication; when the count goes on growing, somebody else speaks. It obeys those with other addresses all the same (RFC 9568 section
 * 7.1 leaves that open), so one of higher priority takes the addresses away and nobody has them.
 */
export class ForeignRouters {
  #seen = new Map<string, Seen>();
  /** By {@link keyOf}: what was heard, and when. */
  readonly #heard = new Map<string, Spoken & { readonly atMs: number }>();
  #text = '';

  /**
   * Reads keepalived's newest statistics. The same text again is no news: it has not been asked since.
   * @param listening the instances that keepalived runs by multicast; by unicast only advertisements of peers are received
   * @param nowMs on any clock that goes on evenly
   */
  update(text: string, listening: readonly Listening[], nowMs: number): void {
    if (text !== this.#text) this.#compare(foreignAdvertisements(text), listening, nowMs);
    this.#text = text;
    const listened = new Set(listening.map(keyOf));
    for (const [key, { atMs }] of this.#heard) {
      if (nowMs - atMs > (listened.has(key) ? SILENT_MILLIS : UNOBSERVED_MILLIS)) this.#heard.delete(key);
    }
  }

  /** Router ids that foreign routers use in the group of all routers, in order. */
  get virtualRouterIds(): readonly number[] {
    return this.#spoken().flatMap(({ virtualRouterId, multicastGroup }) =>
      multicastGroup === undefined ? [virtualRouterId] : [],
    );
  }

  /** Multicast groups of ours in which foreign routers use router ids of ours, in order. */
  get multicastGroups(): readonly number[] {
    const groups = this.#spoken().flatMap(({ multicastGroup }) => multicastGroup ?? []);
    return [...new Set(groups)].sort((a, b) => a - b);
  }

  #spoken(): Spoken[] {
    return [...this.#heard.values()].sort((a, b) => a.virtualRouterId - b.virtualRouterId);
  }

  #compare(counts: ReadonlyMap<string, number>, listening: readonly Listening[], nowMs: number): void {
    const seen = new Map<string, Seen>();
    for (const instance of listening) {
      const now = this.#next(instance, counts.get(instance.name));
      if (now !== undefined) seen.set(instance.name, now);
      if (now !== undefined && now.growths >= GROWTHS)
        this.#heard.set(keyOf(instance), { ...spokenBy(instance), atMs: nowMs });
    }
    this.#seen = seen;
  }

  #next(instance: Listening, count: number | undefined): Seen | undefined {
    const key = keyOf(instance);
    const before = this.#before(instance.name, key);
    if (count === undefined) return before;
    const grows = before !== undefined && count > before.count;
    return { key, count, growths: grows ? before.growths + 1 : 0 };
  }

  /** What was counted under another id, or in another group, says nothing of this one. */
  #before(name: string, key: string): Seen | undefined {
    const before = this.#seen.get(name);
    return before?.key === key ? before : undefined;
  }
}
