import { describe, expect, it } from 'vitest';
import { readReport } from './node-report.ts';

describe('the families of which a node reports sessions with routers', () => {
  it.each<[string, unknown, unknown]>([
    ['those that it names', ['IPv6', 'IPv4'], ['IPv6', 'IPv4']],
    ['none, which is more than nothing said', [], []],
    ['those that can be read, each once', ['IPv4', 'IPv5', 4, null, 'IPv4'], ['IPv4']],
  ])('are %s', (_, bgpFamilies, expected) => {
    expect(readReport({ bgpFamilies })).toHaveProperty('bgpFamilies', expected);
  });

  it.each([undefined, null, 'IPv4', { 0: 'IPv4' }])('are not known where it says %j', (bgpFamilies) => {
    expect(readReport({ bgpFamilies })).not.toHaveProperty('bgpFamilies');
  });
});
