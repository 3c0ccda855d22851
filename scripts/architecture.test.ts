import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const page = readFileSync(path.join(root, 'docs/architecture.md'), 'utf8');

/** Files and folders of the project that a text names. */
function namedPaths(text: string): string[] {
  return [...text.matchAll(/`((?:api|common|controller|images|scripts|sidecar|test)\/[^`]*)`/g)].map(
    ([, each = '']) => each,
  );
}

/** A row of the table of behaviours. */
interface Row {
  readonly behaviour: string;
  readonly decidedIn: string;
  readonly testFile: string;
  readonly test: string;
}

/** The rows of the table of behaviours. */
function behaviours(text: string): Row[] {
  const rows = text
    .slice(text.indexOf('## Where a behaviour is decided'))
    .matchAll(/^\| (.+) \| `(.+)` \| `(.+?)`: (.+) \|$/gm);
  return [...rows].map(([, behaviour = '', decidedIn = '', testFile = '', test = '']) => ({
    ...{ behaviour, decidedIn, testFile, test },
  }));
}

describe('the page on architecture', () => {
  it.each([...new Set(namedPaths(page))])('names what there is: %s', (name) => {
    // A room may be a file, whose ending the table leaves out.
    expect(existsSync(path.join(root, name)) || existsSync(path.join(root, `${name}.ts`))).toBe(true);
  });

  it('has a file and a test for more than twenty behaviours, each once', () => {
    const rows = behaviours(page);
    expect(rows.length).toBeGreaterThan(20);
    expect(new Set(rows.map(({ behaviour }) => behaviour)).size).toBe(rows.length);
  });

  it.each(behaviours(page))('has the test of: $behaviour', ({ testFile, test }) => {
    expect(readFileSync(path.join(root, testFile), 'utf8')).toContain(`('${test}`);
  });
});
