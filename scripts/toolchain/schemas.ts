import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Oldest Kubernetes minor version whose schemas are kept: native sidecars are on by default from 1.29. */
const OLDEST_MINOR = 29;

/**
 * Makes a schema stand alone: kubeconform resolves `$ref` against `$id`, which names a web address, and would fetch from there.
 * @param schema parsed JSON schema; not changed
 */
export function standalone(schema: unknown): unknown {
  return withoutId(relativeReferences(schema));
}

function withoutId(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null || !('$id' in schema)) return schema;
  const { $id: _, ...rest } = schema;
  return rest;
}

function relativeReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relativeReferences);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string'
        ? inner.replace('/api/_definitions.json#', '_definitions.json#')
        : relativeReferences(inner),
    ]),
  );
}

/**
 * Converts the strict schemas of every supported Kubernetes version into folders that kubeconform finds.
 * @param source folder with `v1.37.0-local-strict` and the like
 * @param target folder that gets `v1.37.0-standalone-strict` and the like
 * @returns the versions, such as `1.37.0`, oldest first
 */
export async function convertSchemas(source: string, target: string): Promise<string[]> {
  const versions = strictVersions(await readdir(source));
  for (const version of versions) {
    await convertFolder(
      path.join(source, `v${version}-local-strict`),
      path.join(target, `v${version}-standalone-strict`),
    );
  }
  return versions;
}

/** The supported versions among a wheel's schema folders, oldest first. */
export function strictVersions(folders: readonly string[]): string[] {
  const versions = folders
    .map((folder) => /^v([\d.]+)-local-strict$/.exec(folder)?.[1])
    .filter((version) => version !== undefined);
  return inOrder(versions.filter((version) => Number(version.split('.')[1]) >= OLDEST_MINOR));
}

/** Version numbers, oldest first. */
export function inOrder(versions: readonly string[]): string[] {
  return versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

async function convertFolder(source: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  for (const name of await readdir(source)) {
    const schema: unknown = JSON.parse(await readFile(path.join(source, name), 'utf8'));
    await writeFile(path.join(target, name), JSON.stringify(standalone(schema)));
  }
}
