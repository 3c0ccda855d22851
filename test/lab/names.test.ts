import { describe, expect, it } from 'vitest';
import { DEFAULT_PLACE } from '../support/place-names.ts';
import { checkLabName, labDirectory, netnsName, ownsNetns } from './names.ts';

describe('netnsName', () => {
  it('calls the default lab’s namespaces kiv-…, and another lab’s after the lab', () => {
    expect(netnsName(DEFAULT_PLACE, 'node1')).toBe('kiv-node1');
    expect(netnsName('x', 'node1')).toBe('kiv-x-node1');
  });
});

describe('ownsNetns', () => {
  it('knows its own namespaces', () => {
    expect(['kiv-node12', 'kiv-client', 'kiv-switch'].every((netns) => ownsNetns(DEFAULT_PLACE, netns))).toBe(true);
    expect(ownsNetns('x', 'kiv-x-node1')).toBe(true);
  });

  it('leaves other labs and other people’s namespaces alone', () => {
    expect(['kiv-x-node1', 'kiv-other', 'node1', 'xkiv-node1'].some((netns) => ownsNetns(DEFAULT_PLACE, netns))).toBe(
      false,
    );
    expect(['kiv-node1', 'kiv-xy-node1'].some((netns) => ownsNetns('x', netns))).toBe(false);
  });
});

describe('checkLabName', () => {
  it('takes short names of letters and digits', () => {
    expect(checkLabName('bench2')).toBe('bench2');
  });

  it.each(['', 'Bench', 'a-b', '../x', 'waytoolong', 'node1', 'client'])(
    'refuses %j, which could be mistaken',
    (name) => {
      expect(() => checkLabName(name)).toThrow(/is not usable: 1 to 8 of a-z and 0-9/);
    },
  );
});

describe('labDirectory', () => {
  it('is below one directory for all labs', () => {
    expect(labDirectory('x')).toBe('/run/keepalived-ingress-vip-lab/x');
  });
});
