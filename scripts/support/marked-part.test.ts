import { describe, expect, it } from 'vitest';
import { withMarkedPart } from './marked-part.ts';

const PART = { file: 'README.md', name: 'values', body: 'new' };

describe('withMarkedPart', () => {
  it('replaces what is between the marks, and nothing else', () => {
    const text = 'a\n<!-- values: begin (npm run generate) -->\nold\n<!-- values: end -->\nb\n';
    const once = withMarkedPart(text, PART);
    expect(once).toBe('a\n<!-- values: begin (npm run generate) -->\n\nnew\n\n<!-- values: end -->\nb\n');
    expect(withMarkedPart(once, PART)).toBe(once);
  });

  it('refuses a text without the marks, or with another part’s', () => {
    expect(() => withMarkedPart('nothing', PART)).toThrow(/README.md lacks the lines/);
    expect(() => withMarkedPart('<!-- other: begin (npm run generate) -->\n<!-- other: end -->', PART)).toThrow(
      /lacks the lines/,
    );
  });
});
