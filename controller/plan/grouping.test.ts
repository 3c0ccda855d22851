import { describe, expect, it } from 'vitest';
import type { AddressGroup } from '../../api/virtual-ip-pool.ts';
import { type ParsedAddress, parseAddress } from '../../common/addresses.ts';
import { type DraftGroup, fillGroups, keepGroups } from './grouping.ts';

function parsed(...given: string[]): ParsedAddress[] {
  return given.map(parseAddress).filter((address) => address !== undefined);
}

function many(count: number): ParsedAddress[] {
  return parsed(...Array.from({ length: count }, (_, index) => `10.0.${Math.floor(index / 250)}.${1 + (index % 250)}`));
}

function group(slot: number, ...addresses: string[]): AddressGroup {
  return { slot, virtualRouterId: slot + 1, addresses, nodes: ['a', 'b'] };
}

function shape(groups: readonly DraftGroup[]): (readonly [number, ...string[]])[] {
  return groups.map(({ slot, addresses }) => [slot, ...addresses.map(({ address }) => address)] as const);
}

describe('keepGroups', () => {
  it('leaves every address in its group, in the order in which it came there', () => {
    const previous = [group(4, '10.0.0.9', '10.0.0.2', 'FD00::1'), group(0, '10.0.0.5')];
    const kept = keepGroups(previous, parsed('10.0.0.2/24', '10.0.0.5', '10.0.0.7', '10.0.0.9', 'fd00::1'));
    expect(shape(kept.groups)).toEqual([
      [0, '10.0.0.5'],
      [4, '10.0.0.9', '10.0.0.2', 'fd00::1'],
    ]);
    expect(kept.groups[1]?.addresses[1]?.given).toBe('10.0.0.2/24');
    expect(kept.ungrouped.map(({ address }) => address)).toEqual(['10.0.0.7']);
  });

  it('ends a group whose last address is removed', () => {
    expect(keepGroups([group(0, '10.0.0.1'), group(1, '10.0.0.2')], parsed('10.0.0.2')).groups).toMatchObject([
      { slot: 1, virtualRouterId: 2, previousNodes: ['a', 'b'] },
    ]);
  });

  it('makes sense of a status that contradicts itself', () => {
    const previous = [group(0, '10.0.0.1', '10.0.0.1'), group(0, '10.0.0.2'), group(1, '10.0.0.1', 'nonsense')];
    const kept = keepGroups(previous, parsed('10.0.0.1', '10.0.0.2'));
    expect(shape(kept.groups)).toEqual([[0, '10.0.0.1']]);
    expect(kept.ungrouped.map(({ address }) => address)).toEqual(['10.0.0.2']);
  });
});

describe('fillGroups', () => {
  it('puts each new address into the first empty slot', () => {
    const { groups } = keepGroups([group(1, '10.0.0.1')], parsed('10.0.0.1'));
    const filled = fillGroups(groups, parsed('10.0.0.2', '10.0.0.3'), [8, 9]);
    expect(shape(filled.groups)).toEqual([
      [0, '10.0.0.2'],
      [1, '10.0.0.1'],
      [2, '10.0.0.3'],
    ]);
    expect(filled.groups.map(({ virtualRouterId }) => virtualRouterId)).toEqual([8, 2, 9]);
  });

  it('makes the even slots big when there are more addresses than groups, and leaves the odd ones as units', () => {
    const { groups } = fillGroups(
      [],
      many(300),
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    expect(groups.filter(({ slot }) => slot % 2 === 1).every(({ addresses }) => addresses.length === 1)).toBe(true);
    expect(groups.filter(({ slot }) => slot % 2 === 0).every(({ addresses }) => addresses.length === 9)).toBe(true);
  });

  it('uses what there is when no group is big', () => {
    const { groups } = keepGroups(
      [group(1, '10.0.0.1'), group(3, '10.0.0.2', '10.0.0.3')],
      parsed('10.0.0.1', '10.0.0.2', '10.0.0.3'),
    );
    expect(shape(fillGroups(groups, parsed('10.0.0.4'), []).groups)).toEqual([
      [1, '10.0.0.1', '10.0.0.4'],
      [3, '10.0.0.2', '10.0.0.3'],
    ]);
  });

  it('says which addresses find no group when there is none', () => {
    expect(fillGroups([], parsed('10.0.0.4'), [])).toMatchObject({ groups: [], ungrouped: [{ address: '10.0.0.4' }] });
  });
});
