import { describe, expect, it } from 'vitest';
import { formatTable } from './print.ts';

describe('formatTable', () => {
  it('puts columns under each other without blanks at the ends of lines', () => {
    expect(
      formatTable([
        ['NODE', 'HOLDS'],
        ['node1', '-'],
      ]),
    ).toBe('NODE   HOLDS\nnode1  -');
  });

  it('gives nothing for no rows', () => {
    expect(formatTable([])).toBe('');
  });
});
