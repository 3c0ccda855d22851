import { describe, expect, it } from 'vitest';
import { readValues, renderTable } from './values-table.ts';

const VALUES = `# Values.

# -- First of all.
first: 1

group:
  # A remark.
  # -- Opens the group.
  opening: ""
  # -- Comes second.
  list: [a, b]
  inner:
    # -- Is deep.
    deep: null

# -- Described as a whole.
whole:
  part: 1
`;

describe('the table of values', () => {
  it('has every described value with its path and default, also the first of a group', () => {
    expect(readValues(VALUES)).toEqual({
      values: [
        { path: 'first', default: '`1`', description: 'First of all.' },
        { path: 'group.opening', default: '`""`', description: 'Opens the group.' },
        { path: 'group.list', default: '`["a","b"]`', description: 'Comes second.' },
        { path: 'group.inner.deep', default: '`null`', description: 'Is deep.' },
        { path: 'whole', default: '`{"part":1}`', description: 'Described as a whole.' },
      ],
      undescribed: [],
    });
  });

  it('names values without a description', () => {
    expect(readValues('a: 1\nb:\n  c: 2\n  # -- Good.\n  d: 3\n').undescribed).toEqual(['a', 'b.c']);
  });

  it('does not take a comment without dashes, or one above another key, for a description', () => {
    expect(readValues('# Good.\na: 1\n# -- Good.\n\n# More.\nb: 2\n').undescribed).toEqual(['a', 'b']);
  });

  it('refers to the file for a long default', () => {
    expect(readValues(`# -- Long.\na: ${'x'.repeat(200)}\n`).values[0]?.default).toBe('see values.yaml');
  });

  it('says what is wrong with a file that is not YAML', () => {
    expect(() => readValues('a: [')).toThrow(/values\.yaml is not YAML/);
  });

  it('escapes what would end a cell', () => {
    expect(renderTable([{ path: 'a', default: '`1`', description: 'x | y' }])).toBe(
      '| Value | Description | Default |\n| --- | --- | --- |\n| `a` | x \\| y | `1` |',
    );
  });
});
