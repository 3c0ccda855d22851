import { afterEach, describe, expect, it, vi } from 'vitest';
import { readNames } from './names.ts';

const options = { what: 'tool', known: ['helm', 'ct', 'k3d'], usual: ['helm', 'ct'], usage: 'usage: tools [name…]' };

afterEach(() => vi.restoreAllMocks());

describe('readNames', () => {
  it('gives the names of the command line, and the usual ones when there are none', () => {
    expect(readNames(options, ['k3d', 'helm'])).toEqual(['k3d', 'helm']);
    expect(readNames(options, [])).toEqual(['helm', 'ct']);
  });

  it('refuses names that it does not know, and shows the usage', () => {
    expect(() => readNames(options, ['helm', 'hlem', 'tc'])).toThrow('unknown tool hlem, tc\n\nusage: tools [name…]');
  });

  it('prints the usage when asked for help, and gives no name', () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    expect(readNames(options, ['--help', 'helm'])).toEqual([]);
    expect(write).toHaveBeenCalledWith('usage: tools [name…]\n');
  });
});
