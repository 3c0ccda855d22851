/** The part of package-lock.json that is read here. */
interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * What is wrong with a lockfile, one sentence per problem.
 *
 * A release whose optional packages were not all published when the lockfile was written leaves them out, and then `npm ci` refuses
 * it on every machine; npm itself does not say so when it writes the file.
 * @param text text of package-lock.json
 */
export function lockfileProblems(text: string): string[] {
  const { packages } = JSON.parse(text) as Lockfile;
  return Object.entries(packages).flatMap(([place, locked]) => [
    ...missingOptional(place, locked, packages),
    ...(locked.resolved === undefined
      ? []
      : [`${place} names a registry's address (omit-lockfile-registry-resolved is not in force)`]),
    ...(place === '' || locked.link || locked.integrity !== undefined ? [] : [`${place} has no integrity`]),
  ]);
}

function missingOptional(place: string, locked: LockedPackage, packages: Lockfile['packages']): string[] {
  const found = (name: string) => candidates(place, name).some((candidate) => candidate in packages);
  return Object.keys(locked.optionalDependencies ?? {})
    .filter((name) => !found(name))
    .map(
      (name) =>
        `${place || 'package.json'} ${locked.version}: its optional dependency ${name} is missing; pin an older release`,
    );
}

/** Where node looks for `name` from a package at `place`: its own node_modules, then each folder above. */
function candidates(place: string, name: string): string[] {
  const parts = place.split('/node_modules/');
  const above = parts.map((_, index) => parts.slice(0, parts.length - index).join('/node_modules/'));
  return [...above.map((folder) => `${folder}/node_modules/${name}`), `node_modules/${name}`];
}
