import { describe, expect, it } from 'vitest';
import { repeatedSentence } from './conditions.ts';

describe('the sentence on repeated runs', () => {
  it.each([
    [0, 'there was none'],
    [1, 'there was one'],
    [2, 'there were 2'],
    [58, 'there were 58'],
  ])('of %i runs', (repeatedRuns, found) => {
    expect(repeatedSentence({ repeatedRuns })).toMatch(new RegExp(`, is repeated, up to \\d+ times: ${found}\\.$`));
  });
});
