import type { IForbiddenRuleType } from 'dependency-cruiser';
import type { Room } from './rooms.ts';

/** Tests, and what only tests use. */
export const TESTING = '/testing/|[.]test[.]ts$';

const literally = (text: string) => text.replaceAll('.', '[.]');

/** Paths of a room, as a regular expression. */
function roomPattern(room: string): string {
  return `^${literally(room)}(/|[.]ts$)`;
}

/** What an entry of the table stands for, as a regular expression over the paths that dependency-cruiser gives. */
function entryPattern(entry: string): string {
  const [, kind, name = ''] = /^(npm|node):(.+)$/.exec(entry) ?? [];
  if (kind === 'npm') return `(^|/)node_modules/(@types/)?${literally(name)}/`;
  return kind === 'node' ? `^(node:)?${literally(name)}$` : roomPattern(entry);
}

function alternatives(patterns: readonly string[]): string {
  return patterns.join('|');
}

/** A room's files without those of the rooms in it, and without tests. */
function filesOf(room: string, all: readonly Room[]): { path: string; pathNot: string } {
  const inner = all.map((other) => other.room).filter((other) => other.startsWith(`${room}/`));
  return { path: roomPattern(room), pathNot: alternatives([TESTING, ...inner.map(roomPattern)]) };
}

function rulesOf({ room, what, may, types = [] }: Room, all: readonly Room[]): IForbiddenRuleType[] {
  const values = [room, ...may].map(entryPattern);
  const from = filesOf(room, all);
  const only: IForbiddenRuleType = {
    name: `walls of ${room}`,
    comment: `${what} scripts/walls/rooms.ts lists what it may import; this is not there.`,
    severity: 'error',
    from,
    to: { pathNot: alternatives([...values, ...types.map(entryPattern)]) },
  };
  if (types.length === 0) return [only];
  const typesOnly: IForbiddenRuleType = {
    name: `walls of ${room}: types alone`,
    comment: `${what} Of this it may have types alone (scripts/walls/rooms.ts).`,
    severity: 'error',
    from,
    to: {
      path: alternatives(types.map(entryPattern)),
      pathNot: alternatives(values),
      dependencyTypesNot: ['type-only'],
    },
  };
  return [only, typesOnly];
}

/**
 * The walls between rooms as rules of dependency-cruiser: whatever the table does not list is refused. Pure.
 * (dependency-cruiser takes `import axios, { type AxiosResponse } from 'axios'` for one of types alone.)
 */
export function wallsOf(rooms: readonly Room[]): IForbiddenRuleType[] {
  return [
    ...rooms.flatMap((room) => rulesOf(room, rooms)),
    {
      name: 'in a room',
      comment: 'Every file of the product is in a room of scripts/walls/rooms.ts.',
      severity: 'error',
      from: {
        path: '^(api|common|controller|sidecar)/',
        pathNot: alternatives([TESTING, ...rooms.map(({ room }) => roomPattern(room))]),
      },
      to: {},
    },
  ];
}

/** An import as dependency-cruiser gives it: the file that has it, and what it leads to. */
export interface Import {
  readonly from: string;
  readonly to: string;
}

/**
 * Entries of the table that no file of their room needs: the wall has a door that nobody uses. Pure.
 * @param free what a room may have without need
 * @returns lines `room: entry`
 */
export function unusedPermissions(
  rooms: readonly Room[],
  imports: readonly Import[],
  free: readonly string[],
): string[] {
  return rooms.flatMap(({ room, may, types = [] }) => {
    const { path, pathNot } = filesOf(room, rooms);
    const [inside, apart] = [new RegExp(path), new RegExp(pathNot)];
    const used = imports.filter(({ from }) => inside.test(from) && !apart.test(from)).map(({ to }) => to);
    const isUsed = (entry: string) =>
      free.includes(entry) || used.some((to) => new RegExp(entryPattern(entry)).test(to));
    return [...may, ...types].filter((entry) => !isUsed(entry)).map((entry) => `${room}: ${entry}`);
  });
}

/** A floor of what only tests use: folders that stand on what is below, and do not know each other. */
export interface Floor {
  readonly folders: readonly string[];
  readonly what: string;
}

/**
 * The floors of a house, from the ground up, as rules of dependency-cruiser: nobody reaches up, and folders of one floor are apart. Pure.
 * What is not on a floor is not concerned.
 */
export function floorRules(floors: readonly Floor[]): IForbiddenRuleType[] {
  return floors.flatMap(({ folders, what }, index) => {
    const above = floors.slice(index + 1).flatMap((floor) => floor.folders);
    return folders.map((folder): IForbiddenRuleType => {
      const others = folders.filter((other) => other !== folder);
      return {
        name: `floor of ${folder}`,
        comment: `${what} It stands on what is below it alone (scripts/walls/floors.ts).`,
        severity: 'error',
        from: { path: roomPattern(folder) },
        to: { path: alternatives([...above, ...others].map(roomPattern)) },
      };
    });
  });
}

/** The room that a file is in; undefined without one. Pure. */
export function roomOf(file: string, rooms: readonly Room[]): string | undefined {
  const names = rooms.map(({ room }) => room).filter((room) => new RegExp(roomPattern(room)).test(file));
  return names.toSorted((one, other) => other.length - one.length)[0];
}

/** The folder that a room counts to: a file in a folder is no room of its own for what goes round in circles. */
function folderOf(room: string): string {
  return room.startsWith('common/') ? room : room.split('/').slice(0, 2).join('/');
}

/**
 * Folders that need each other, by what the table allows. Pure.
 * @returns every folder from which a way leads back to it
 */
export function foldersInCircles(rooms: readonly Room[]): string[] {
  const edges = new Map<string, Set<string>>();
  for (const { room, may, types = [] } of rooms) {
    const folder = folderOf(room);
    const to = edges.get(folder) ?? new Set();
    edges.set(folder, to);
    for (const entry of [...may, ...types]) if (folderOf(entry) !== folder) to.add(folderOf(entry));
  }
  const reachable = (start: string): Set<string> => {
    const seen = new Set<string>();
    const left = [...(edges.get(start) ?? [])];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      left.push(...(edges.get(next) ?? []));
    }
    return seen;
  };
  return [...edges.keys()].filter((folder) => reachable(folder).has(folder));
}
