import { describe, expect, it } from 'vitest';
import { repeatedSentence } from './conditions.ts';

describe('the sentence on repeated runs', () => {
  it.each([
    [0, 'No run was repeated'],
    [1, 'One run was repeated'],
    [2, '2 runs were repeated'],
    [58, '58 runs were repeated'],
  ])('of %i runs', (repeatedRuns, found) => {
    expect(repeatedSentence({ repeatedRuns })).toMatch(
      new RegExp(`Such a run is repeated, up to \\d+ times\\.\n${found}\\.$`),
    );
  });
});
