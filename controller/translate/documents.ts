import { parseAllDocuments } from 'yaml';

/** An object of a manifest, as it is written. */
export interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What else it has; nobody has checked it. */
  readonly content: Readonly<Record<string, unknown>>;
}

/** What cannot be read, and why; caught where the command is carried out. */
export class TranslateError extends Error {
  override readonly name = 'TranslateError';
}

/** A value as a map; of anything else an empty one. Pure. */
export function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** A value as a list; of anything else an empty one. Pure. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The texts of a list. Pure. */
export function textsOf(value: unknown): string[] {
  return listOf(value).filter((each) => typeof each === 'string');
}

/** The texts of a map. Pure. */
export function labelsOf(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(mapOf(value)).flatMap(([key, each]) => (typeof each === 'string' ? [[key, each]] : [])),
  );
}

function objectOf(document: unknown): ManifestObject[] {
  const content = mapOf(document);
  const { apiVersion, kind, items } = content;
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') return [];
  if (kind.endsWith('List') && Array.isArray(items)) return items.flatMap(objectOf);
  const { name, labels } = mapOf(content.metadata);
  return [{ apiVersion, kind, name: typeof name === 'string' ? name : '', labels: labelsOf(labels), content }];
}

/**
 * The objects of a manifest, also those of lists, as `kubectl get -o yaml` prints them. JSON is YAML, too. Pure.
 * @throws {TranslateError} with the line, when it is no YAML
 */
export function objectsIn(text: string): ManifestObject[] {
  return parseAllDocuments(text, { merge: true }).flatMap((document) => {
    const [error] = 'errors' in document ? document.errors : [];
    if (error !== undefined) throw new TranslateError(`what was given is no YAML: ${error.message}`);
    return objectOf('toJS' in document ? document.toJS() : undefined);
  });
}
