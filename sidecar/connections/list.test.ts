import { describe, expect, it } from 'vitest';
import { type Clients, endpointOf, joined } from './endpoint.ts';
import { clientsOfPart, MOST_PARTS, partsOf } from './list.ts';

function clientsOf(count: number, family: 4 | 6 = 4): Clients {
  const address = (index: number) =>
    family === 4
      ? `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
      : `2001:db8::${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)}`;
  const clients = Array.from({ length: count }, (_, index) => endpointOf(address(index + 1), 1024 + (index % 60_000)));
  return new Map([[endpointOf(family === 4 ? '192.0.2.100' : '2001:db8:1::1', 443), new Set(clients)]]);
}

function read(parts: readonly string[]): Clients {
  return joined(
    parts.map((part) => clientsOfPart(part) ?? new Map()),
    () => true,
  );
}

describe('the parts of a list', () => {
  it.each([
    [0, 4],
    [1, 4],
    [77, 6],
    [10_000, 4],
    [10_000, 6],
    [30_000, 6],
  ] as const)('of %d clients by IPv%d are read as they were written, and fit into datagrams', (count, family) => {
    const parts = partsOf(clientsOf(count, family), 1);
    expect(read(parts)).toEqual(count === 0 ? new Map() : clientsOf(count, family));
    expect(parts.length).toBeLessThanOrEqual(MOST_PARTS);
    expect(Math.max(...parts.map(({ length }) => length))).toBeLessThanOrEqual(1100);
  });

  it('stay as many while the list grows and shrinks a little, and one client changes one part', () => {
    const [before, after] = [clientsOf(1000), clientsOf(1001)];
    const parts = partsOf(before, 1);
    const changed = partsOf(after, parts.length);
    expect(changed).toHaveLength(parts.length);
    expect(changed.filter((part, index) => part !== parts[index])).toHaveLength(1);
    expect(partsOf(clientsOf(900), parts.length)).toHaveLength(parts.length);
    expect(partsOf(clientsOf(0), parts.length)).toHaveLength(1);
  });

  it('are the same for the same clients, in whatever order they were found', () => {
    const [[service, clients] = ['', new Set<string>()]] = [...clientsOf(50)];
    expect(partsOf(new Map([[service, new Set([...clients].toReversed())]]), 1)).toEqual(partsOf(clientsOf(50), 1));
  });

  it.each([
    ['an unknown length', '\x05'],
    ['half a service', '\x06abc'],
    ['no count', '\x06abcdef'],
    ['fewer clients than it says', '\x06abcdef\x00\x02abcdef'],
  ])('with %s are none', (_what, part) => {
    expect(clientsOfPart(part)).toBeUndefined();
  });
});
