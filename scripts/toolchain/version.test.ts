import { describe, expect, it } from 'vitest';
import { describeRange, parseVersion, satisfies } from './version.ts';

describe('parseVersion', () => {
  it.each([
    ['v4.3.1+g43e8b7f', [4, 3, 1]],
    ['v3.22', [3, 22, 0]],
    ['promtool, version 2.42.0+ds (branch: debian/sid, revision: 2.42.0)', [2, 42, 0]],
    ['ShellCheck - shell script analysis tool\nversion: 0.9.0\nlicense: GNU', [0, 9, 0]],
    ['Haskell Dockerfile Linter 2.15.1', [2, 15, 1]],
    ['Version:\t v3.14.0\nGit commit:\t 1234567', [3, 14, 0]],
  ])('reads %j', (said, version) => {
    expect(parseVersion(said)).toEqual(version);
  });

  it.each(['development', '', 'promtool, version  (branch: , revision: unknown)'])('finds none in %j', (said) => {
    expect(parseVersion(said)).toBeUndefined();
  });
});

describe('satisfies', () => {
  const range = { atLeast: '3.16', below: '5' };

  it.each([
    [[3, 16, 0], true],
    [[4, 9, 9], true],
    [[3, 15, 9], false],
    [[5, 0, 0], false],
    [[10, 1, 0], false],
  ] as const)('says of %j in >= 3.16, < 5: %j', (version, good) => {
    expect(satisfies(version, range)).toBe(good);
  });

  it('compares numbers, not text', () => {
    expect(satisfies([0, 10, 0], { atLeast: '0.9' })).toBe(true);
  });
});

describe('describeRange', () => {
  it('names both ends, or the one there is', () => {
    expect(describeRange({ atLeast: '3.16', below: '5' })).toBe('>= 3.16, < 5');
    expect(describeRange({ atLeast: '0.9' })).toBe('>= 0.9');
  });
});
