import { describe, expect, it } from 'vitest';
import { checkFaultName, FAULT_NAMES } from './fault-names.ts';

describe('checkFaultName', () => {
  it('knows every fault', () => {
    expect(FAULT_NAMES.map(checkFaultName)).toEqual(FAULT_NAMES);
  });

  it('names all faults when there is none of that name', () => {
    expect(() => checkFaultName('power-out')).toThrow(
      /no fault "power-out"; there are: ingress-crash, .*bad-config, drain, cordon/,
    );
  });
});
