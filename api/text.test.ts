import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oneLine } from './text.ts';

const bytes = (text: string) => new TextEncoder().encode(text).length;

describe('a text as one line', () => {
  it('stays as it is when it is one, and short', () => {
    expect(oneLine('eth0 hat keine Adresse – schade', 64)).toBe('eth0 hat keine Adresse – schade');
  });

  it('loses line ends and what steers terminals', () => {
    expect(oneLine(' a\r\n\tb\u001b[31mc\u0000\u2028d\u009b\n', 64)).toBe('a b [31mc d');
  });

  it('is cut between characters, with an ellipsis', () => {
    expect(oneLine('abcdefgh', 8)).toBe('abcdefgh');
    expect(oneLine('abcdefghi', 8)).toBe('abcde…');
    expect(oneLine('🚀🚀🚀', 8)).toBe('🚀…');
    expect(oneLine('ä'.repeat(10_000_000), 9)).toBe('äää…');
  });

  it('is never longer than asked for, and the same when it is cut again', () => {
    const any = fc.string({ unit: fc.constantFrom('a', ' ', '\n', 'ä', '…', '🚀', '\ud83d', '\u0007'), maxLength: 60 });
    fc.assert(
      fc.property(any, fc.integer({ min: 3, max: 40 }), (text, limit) => {
        const line = oneLine(text, limit);
        expect(bytes(line)).toBeLessThanOrEqual(limit);
        expect(line.isWellFormed()).toBe(true);
        expect(oneLine(line, limit)).toBe(line);
      }),
    );
  });
});
