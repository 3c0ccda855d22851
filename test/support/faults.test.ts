import { describe, expect, it } from 'vitest';
import { isMeant, refuseActive, soleHolder } from './faults.ts';
import { knownName } from './named.ts';

describe('knownName', () => {
  const FAULTS = { 'ingress-crash': '', drain: '', cordon: '' };

  it('knows every fault', () => {
    const names = Object.keys(FAULTS);
    expect(names.map((name) => knownName('fault', FAULTS, name))).toEqual(names);
  });

  it('names all faults when there is none of that name', () => {
    expect(() => knownName('fault', FAULTS, 'power-out')).toThrow(
      'there is no fault "power-out"; there are: ingress-crash, drain, cordon',
    );
  });
});

describe('the node to damage', () => {
  it('is the holder where there is one, and must be named otherwise', () => {
    expect(soleHolder(['node1'], '192.0.2.1')).toBe('node1');
    expect(() => soleHolder([], '192.0.2.1')).toThrow('no node holds 192.0.2.1: say which node is meant with --node');
    expect(() => soleHolder(['node1', 'node2'], 'it')).toThrow('node1 and node2 holds it');
  });
});

describe('active faults', () => {
  const active = { name: 'drain', node: 'node1', injectedAt: { monotonicMs: 0, wall: '' } };

  it('are refused a second time on the same node only', () => {
    expect(() => refuseActive([active], 'drain', ['node2', 'node1'])).toThrow('drain is active on node1 already: heal');
    expect(() => refuseActive([active], 'drain', ['node2'])).not.toThrow();
    expect(() => refuseActive([active], 'cordon', ['node1'])).not.toThrow();
  });

  it('are meant by name, by node, by both, and by nothing', () => {
    expect([{}, { fault: 'drain' }, { node: 'node1' }].map((filter) => isMeant(active, filter))).toEqual([
      true,
      true,
      true,
    ]);
    expect([{ fault: 'cordon' }, { fault: 'drain', node: 'node2' }].some((filter) => isMeant(active, filter))).toBe(
      false,
    );
  });
});
