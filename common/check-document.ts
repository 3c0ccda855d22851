import type * as z from 'zod';

/** One thing that is wrong with a document. */
export interface DocumentProblem {
  /** Path of the key as a user would write it, e.g. `vrrp.addresses[0]`; empty for the document as a whole. */
  readonly path: string;
  readonly message: string;
}

/** Result of checking a document: either it is whole and right, or every problem is listed. */
export type CheckedDocument<T> =
  | { readonly ok: true; readonly settings: T }
  | { readonly ok: false; readonly problems: readonly DocumentProblem[] };

/** A path as a user would write it: `vrrp.addresses[0]`. Pure. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) text += typeof key === 'number' ? `[${key}]` : `${text === '' ? '' : '.'}${String(key)}`;
  return text;
}

/** A problem as a sentence that begins with the path. Pure. */
export function problemText({ path, message }: DocumentProblem): string {
  return path === '' ? message : `${path}: ${message}`;
}

/** What Zod found wrong, in its own words, as a sentence that begins with the path. Pure. */
export function issueText({ path, message }: z.core.$ZodIssue): string {
  return problemText({ path: formatPath(path), message });
}

function toProblems(issue: z.core.$ZodIssue): DocumentProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: formatPath([...issue.path, key]),
      message: 'is not a known key; correct its spelling or remove it',
    }));
  }
  const missing =
    issue.code === 'invalid_type' && issue.input === undefined && /received undefined/.test(issue.message);
  return [{ path: formatPath(issue.path), message: missing ? 'is missing' : issue.message }];
}

/**
 * Checks a parsed settings document, whoever's. Pure.
 * @param document what the YAML parser gave
 * @returns the settings, or one problem per thing that is wrong; never throws
 */
export function checkDocument<T>(schema: z.ZodType<T>, document: unknown): CheckedDocument<T> {
  const result = schema.safeParse(document);
  if (result.success) return { ok: true, settings: result.data };
  return { ok: false, problems: result.error.issues.flatMap(toProblems) };
}
