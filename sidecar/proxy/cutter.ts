import type { ObservedServer, ObservedSession } from './observed.ts';
import { keyOf } from './reconcile.ts';
import { type Section, uncheckedOf } from './sections.ts';

/** How far the sessions of a server that is down are closed. */
interface Cutting {
  readonly downSinceMs: number;
  readonly done: 'nothing' | 'established' | 'all';
}

/** What is known of servers that are down, by key. */
export type CutterMemory = ReadonlyMap<string, Cutting>;

/** Sessions to close. */
export interface Cut {
  /** Key of the server, and of its unchecked twin. */
  readonly servers: readonly [string, string];
  /** Those that are connected to it, or all. */
  readonly which: 'established' | 'all';
}

/**
 * From when a server is down until also those sessions are closed that were still connecting to it: longer than `timeout connect` (250 ms),
 * after which they have gone on to another server. HAProxy 3.0 loses a session that is closed while it connects: its client is never told.
 * That is why its own `on-marked-down shutdown-sessions` is not used.
 */
const ALL_AFTER_MS = 350;

/** So long at most what a server has is left to it because it is alive. */
const MOST_ALIVE_MS = 2000;

/** What is known besides the state of servers. */
interface CutterContext {
  /** Keys of servers that are down because they are late, and not dead (life.ts). */
  readonly alive: ReadonlySet<string>;
  /** Keys of servers that are down and refuse connections: they may be ending in order, and go on with those that they have. */
  readonly refusing: ReadonlySet<string>;
  /** How long these may. */
  readonly shutdownAfterMs: number;
  readonly nowMs: number;
}

/** The servers whose sessions may be to be closed: they are down, and another server could take the clients. Pure. */
export function downServers(
  sections: readonly Section[],
  observed: readonly ObservedServer[],
): readonly ObservedServer[] {
  const servers = checkedServers(sections, observed);
  return servers.filter((server) => isDown(server) && hasOther(server, servers));
}

/**
 * Which sessions to close because their server is down: those that are connected at once, for their clients would wait for a server that is
 * dead; all that are left when none can be connecting any more. None while no other server could take them, and none for a time of a server
 * that refuses: what it has is ended by its kernel or by itself. None of one that is alive all the same, for a time. Pure.
 */
export function decideCuts(
  sections: readonly Section[],
  observed: readonly ObservedServer[],
  before: CutterMemory,
  context: CutterContext,
): { readonly cuts: readonly Cut[]; readonly memory: CutterMemory } {
  const servers = checkedServers(sections, observed);
  const decided = servers.filter(isDown).map((server) => {
    const key = keyOf(server);
    const cutting = before.get(key) ?? { downSinceMs: context.nowMs, done: 'nothing' };
    return { server, cutting, done: hasOther(server, servers) ? due(key, cutting, context) : cutting.done };
  });
  const cuts = decided.flatMap(({ server, cutting, done }): Cut[] => {
    if (done === cutting.done || done === 'nothing') return [];
    const { section, name } = server;
    return [{ servers: [keyOf(server), keyOf({ section: uncheckedOf(section), name })], which: done }];
  });
  const memory = decided.map(({ server, cutting, done }) => [keyOf(server), { ...cutting, done }] as const);
  return { cuts, memory: new Map(memory) };
}

function due(
  key: string,
  { downSinceMs, done }: Cutting,
  { alive, refusing, shutdownAfterMs, nowMs }: CutterContext,
): Cutting['done'] {
  const downMs = nowMs - downSinceMs;
  if (alive.has(key) && downMs < MOST_ALIVE_MS) return done;
  if (refusing.has(key) && downMs < shutdownAfterMs) return done;
  if (downMs >= ALL_AFTER_MS) return 'all';
  return done === 'nothing' ? 'established' : done;
}

function checkedServers(sections: readonly Section[], observed: readonly ObservedServer[]): readonly ObservedServer[] {
  const checked = new Set(sections.flatMap(({ name, check }) => (check === null ? [] : [name])));
  return observed.filter(({ section }) => checked.has(section));
}

function isDown({ up, admin }: ObservedServer): boolean {
  return !up && admin !== 'maint';
}

/** Whether another one passes its checks: where all are late at once, it is not the servers that are dead. */
function hasOther(server: ObservedServer, servers: readonly ObservedServer[]): boolean {
  return servers.some(
    ({ section, up, failing, admin }) => section === server.section && up && !failing && admin === 'ready',
  );
}

/** Ids of the sessions that a cut of established ones closes. Pure. */
export function establishedOf({ servers }: Cut, sessions: readonly ObservedSession[]): readonly string[] {
  const keys = new Set<string>(servers);
  const own = sessions.filter(
    ({ section, server, serverSide }) => serverSide === 'established' && keys.has(`${section}/${server}`),
  );
  return own.map(({ id }) => id);
}

/**
 * Ids of sessions whose server's side was over already at the look before: HAProxy will not end them by itself, and their clients wait. Pure.
 * @param before ids of those that were over then
 */
export function strandedOf(
  sessions: readonly ObservedSession[],
  before: ReadonlySet<string>,
): { readonly stranded: readonly string[]; readonly over: ReadonlySet<string> } {
  const over = sessions.filter(({ serverSide }) => serverSide === 'closed').map(({ id }) => id);
  return { stranded: over.filter((id) => before.has(id)), over: new Set(over) };
}
