import { describe, expect, it } from 'vitest';
import { withAnswers, withAnswersOf } from './answers.ts';

describe('answers that are kept', () => {
  it('are given again without asking, also one that is undefined', () => {
    const asked: string[] = [];
    const answer = withAnswers((question) => {
      asked.push(question);
      return question === '' ? undefined : question.length;
    });
    expect([answer('ab'), answer('ab'), answer(''), answer('')]).toEqual([2, 2, undefined, undefined]);
    expect(asked).toEqual(['ab', '']);
  });

  it('are so many at most', () => {
    const asked: string[] = [];
    const answer = withAnswers((question) => asked.push(question), 2);
    for (const question of ['a', 'b', 'c', 'c', 'a']) answer(question);
    expect(asked).toEqual(['a', 'b', 'c', 'a']);
  });

  it('are of an object, not of what it has in it', () => {
    let asked = 0;
    const answer = withAnswersOf(({ name }: { name: string }) => `${name} ${++asked}`);
    const one = { name: 'x' };
    expect([answer(one), answer(one), answer({ name: 'x' })]).toEqual(['x 1', 'x 1', 'x 2']);
  });
});
