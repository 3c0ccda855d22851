import { describe, expect, it } from 'vitest';
import { codeOf, messageOf } from './errors.ts';

describe('whatever was thrown', () => {
  it.each([
    ['an error', new Error('no'), 'no', undefined],
    ['an error of the system', Object.assign(new Error('no file'), { code: 'ENOENT' }), 'no file', 'ENOENT'],
    ['an error with a number for a code', Object.assign(new Error('no'), { code: 5 }), 'no', undefined],
    ['a text', 'no', 'no', undefined],
    ['an object with a code', { code: 'ENOENT' }, '[object Object]', undefined],
  ])('has a message and a code: %s', (_, error, message, code) => {
    expect([messageOf(error), codeOf(error)]).toEqual([message, code]);
  });
});
