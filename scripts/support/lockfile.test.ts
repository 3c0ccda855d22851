import { describe, expect, it } from 'vitest';
import { lockfileProblems } from './lockfile.ts';

const lockfile = (packages: object) => JSON.stringify({ packages });
const integrity = 'sha512-x';

describe('lockfileProblems', () => {
  it('finds nothing in a complete lockfile', () => {
    const text = lockfile({
      '': { version: '1.0.0' },
      'node_modules/a': { version: '1.0.0', integrity, optionalDependencies: { b: '1.0.0', c: '1.0.0', d: '1.0.0' } },
      'node_modules/a/node_modules/b': { version: '1.0.0', integrity },
      'node_modules/c': { version: '1.0.0', integrity },
      'node_modules/@x/y/node_modules/a': { version: '2.0.0', integrity, optionalDependencies: { d: '2.0.0' } },
      'node_modules/@x/y/node_modules/d': { version: '2.0.0', integrity },
      'node_modules/d': { version: '1.0.0', integrity },
    });
    expect(lockfileProblems(text)).toEqual([]);
  });

  it('names an optional dependency that was not published when the lockfile was written', () => {
    const text = lockfile({
      'node_modules/a': { version: '1.0.0', integrity, optionalDependencies: { 'a-arm64': '1.0.0' } },
    });
    expect(lockfileProblems(text)).toEqual([
      'node_modules/a 1.0.0: its optional dependency a-arm64 is missing; pin an older release',
    ]);
  });

  it("names a registry's address and a missing checksum", () => {
    const text = lockfile({ 'node_modules/a': { version: '1.0.0', resolved: 'https://registry.example.org/a.tgz' } });
    expect(lockfileProblems(text)).toEqual([
      "node_modules/a names a registry's address (omit-lockfile-registry-resolved is not in force)",
      'node_modules/a has no integrity',
    ]);
  });
});
