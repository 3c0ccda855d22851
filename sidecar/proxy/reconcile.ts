import type { ObservedServer } from './observed.ts';
import { API_SECTION, endpointText, type Section, type Server } from './sections.ts';

/** What HAProxy shall have. */
export interface DesiredServers {
  readonly sections: readonly Section[];
  readonly servers: readonly Server[];
  /** What a new server of a section is told. */
  readonly parametersOf: (section: Section) => string;
}

/** Servers that take nothing new, and how long they have. */
export interface Draining {
  /** Addresses of API servers that say that they are not ready. */
  readonly unready: ReadonlySet<string>;
  /** Keys of servers that had their time to end what they have. */
  readonly expired: ReadonlySet<string>;
}

/** What to tell HAProxy. */
export interface Change {
  /** Commands in one line, which no other comes between. */
  readonly commands: string;
  /** What it does, for the log; null for what is repeated until it is done. */
  readonly what: string | null;
}

/** What names a server in HAProxy's commands. Pure. */
export function keyOf({ section, name }: Pick<Server, 'section' | 'name'>): string {
  return `${section}/${name}`;
}

/** Addresses, as keys, of the servers that shall take nothing new: not ready, or not desired any more. Pure. */
export function drainingKeys(
  { servers, sections }: DesiredServers,
  observed: readonly ObservedServer[],
  unready: ReadonlySet<string>,
): ReadonlySet<string> {
  const desired = new Set(servers.map(keyOf));
  const ours = new Set(sections.map(({ name }) => name));
  const draining = observed.filter(
    (server) => ours.has(server.section) && (!desired.has(keyOf(server)) || isUnready(server, unready)),
  );
  return new Set(draining.map(keyOf));
}

/**
 * What to tell HAProxy, so that it has what it shall have. It is compared with what it has now, whatever that comes from: after a restart
 * all is done anew, and what failed is tried again. Pure.
 */
export function reconcile(
  desired: DesiredServers,
  observed: readonly ObservedServer[],
  draining: Draining,
): readonly Change[] {
  const has = new Map(observed.map((server) => [keyOf(server), server]));
  const desiredByKey = new Map(desired.servers.map((server) => [keyOf(server), server]));
  return desired.sections.flatMap((section) => {
    const own = observed.filter((server) => server.section === section.name);
    const missing = desired.servers.filter((server) => server.section === section.name && !has.has(keyOf(server)));
    return [
      // First what comes, then what goes: there is never nobody in between.
      ...missing.map((server) => addition(server, section, desired.parametersOf(section))),
      ...own.flatMap((server) => changesOf(server, desiredByKey.get(keyOf(server)), draining)),
    ];
  });
}

function addition(server: Server, section: Section, parameters: string): Change {
  const key = keyOf(server);
  // A server that is added begins in maintenance and unchecked. It counts as up from the first moment, and gets little at first.
  const commands = [
    `add server ${key} ${endpointText(server)} ${parameters}`.trim(),
    ...(section.check === null ? [] : [`enable health ${key}`]),
    `set server ${key} state ready`,
  ];
  return { commands: commands.join('; '), what: 'added' };
}

function changesOf(server: ObservedServer, desired: Server | undefined, draining: Draining): Change[] {
  if (desired === undefined) return removal(server, draining);
  const key = keyOf(server);
  const { address, port } = desired;
  const moved = server.address !== address || server.port !== port;
  const state = isUnready(server, draining.unready) ? 'drain' : 'ready';
  return [
    ...(moved ? [{ commands: `set server ${key} addr ${address} port ${port}`, what: 'moved' }] : []),
    ...(state === server.admin ? [] : [{ commands: `set server ${key} state ${state}`, what: state }]),
  ];
}

/** A server goes in three steps: nothing new, then nothing at all, then it is forgotten as soon as no connection is left. */
function removal(server: ObservedServer, { expired }: Draining): Change[] {
  const key = keyOf(server);
  if (server.admin === 'maint') return [{ commands: `shutdown sessions server ${key}; del server ${key}`, what: null }];
  if (expired.has(key)) return [{ commands: `set server ${key} state maint`, what: 'removed' }];
  return server.admin === 'drain' ? [] : [{ commands: `set server ${key} state drain`, what: 'leaving' }];
}

function isUnready({ section, name }: ObservedServer, unready: ReadonlySet<string>): boolean {
  return section === API_SECTION && unready.has(name);
}

/**
 * The API servers that shall take nothing new because they say that they are not ready: none when no other would be left, for an answer
 * that is late is better than none. Pure.
 * @param ready what is known of each by its address
 */
export function unreadyOf(
  observed: readonly ObservedServer[],
  ready: (address: string) => boolean | undefined,
): ReadonlySet<string> {
  const up = observed.filter(({ section, up, admin }) => section === API_SECTION && up && admin !== 'maint');
  const left = up.filter(({ name }) => ready(name) !== false);
  if (left.length === 0) return new Set();
  const all = observed.filter(({ section, name }) => section === API_SECTION && ready(name) === false);
  return new Set(all.map(({ name }) => name));
}

/** Since when each of these is so: as before where it was, else from now on. Pure. */
export function since(
  before: ReadonlyMap<string, number>,
  keys: ReadonlySet<string>,
  nowMs: number,
): ReadonlyMap<string, number> {
  return new Map([...keys].map((key) => [key, before.get(key) ?? nowMs]));
}
