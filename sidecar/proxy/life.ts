import type { ObservedServer, ServerStatistics } from './observed.ts';
import { keyOf } from './reconcile.ts';

/** What is known of a server whose check failed. */
interface Life {
  /** What it had said in the connections that ended, at the last look. */
  readonly bytes: number;
  /** When that was last seen to be more than since its check failed; null for never. */
  readonly saidMs: number | null;
}

/** What is known of servers since their checks fail, by key. */
export type LifeMemory = ReadonlyMap<string, Life>;

/** So long after a word a server is not taken for dead: as long as its checks take to be sure. */
const LIFE_MS = 500;

/**
 * Takes what the servers have said whose checks fail; of the others nothing is remembered. Pure.
 * @param observed without those whose connections were closed here: what these said is told of then
 */
export function listenForLife(
  before: LifeMemory,
  observed: readonly ObservedServer[],
  statistics: readonly ServerStatistics[],
  nowMs: number,
): LifeMemory {
  const said = new Map(statistics.map((each) => [keyOf(each), each.bytes]));
  const doubtful = observed.filter(({ up, failing }) => failing || !up);
  return new Map(
    doubtful.map((server) => {
      const key = keyOf(server);
      const bytes = said.get(key) ?? 0;
      const known = before.get(key) ?? { bytes, saidMs: null };
      return [key, { bytes, saidMs: bytes > known.bytes ? nowMs : known.saidMs }] as const;
    }),
  );
}

/**
 * Keys of servers that are down and not dead: one passed a check since, or clients had answers of it after its check failed. A server that has
 * more to do than it can is late with its checks too; to end what it has would give all of that to the others, and make those late. Pure.
 */
export function aliveOf(memory: LifeMemory, observed: readonly ObservedServer[], nowMs: number): ReadonlySet<string> {
  const speaks = (key: string) => nowMs - (memory.get(key)?.saidMs ?? Number.NEGATIVE_INFINITY) < LIFE_MS;
  const alive = observed.filter((server) => !server.up && (server.recovering || speaks(keyOf(server))));
  return new Set(alive.map(keyOf));
}
