import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linesOf } from './lines.ts';

async function* chunksOf(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const end of [...ends, bytes.length]) {
    yield bytes.subarray(from, end);
    from = end;
  }
}

async function linesIn(text: string, cuts: readonly number[] = [], maxBytes = 1000): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(chunksOf(Buffer.from(text), cuts), maxBytes)) lines.push(line);
  return lines;
}

describe('lines of a stream', () => {
  it('are the same wherever the stream is cut, also within a character', async () => {
    const lines = fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replaceAll('\n', ' ')));
    await fc.assert(
      fc.asyncProperty(lines, fc.array(fc.nat(300)), async (expected, cuts) => {
        expect(await linesIn(expected.map((line) => `${line}\n`).join(''), cuts)).toEqual(expected);
      }),
    );
  });

  it('do not include what a broken stream leaves behind the last line break', async () => {
    expect(await linesIn('{"type":"ADDED"}\n{"type":"MOD')).toEqual(['{"type":"ADDED"}']);
  });

  it('end with an error when one grows without end', async () => {
    await expect(linesIn(`short\n${'x'.repeat(101)}`, [50, 70], 100)).rejects.toThrow('more than 100 bytes');
  });
});
