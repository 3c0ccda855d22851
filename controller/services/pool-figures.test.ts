import { describe, expect, it } from 'vitest';
import { poolFigures } from './pool-figures.ts';
import { PoolRanges } from './ranges.ts';

const RANGES = PoolRanges.of({ ranges: [{ cidr: '10.0.0.0/28' }, { cidr: 'fd00::/125' }], exclude: ['10.0.0.3'] });

const ALL = { unavailable: [], older: [] };

function claim(address: string, isOwned = true, pool = 'web') {
  const owner = { namespace: 'default', name: address, uid: address };
  const retained = { namespace: 'default', name: address, since: '2026-01-01T00:00:00Z' };
  return { spec: { pool, address, ...(isOwned ? { owners: [owner] } : { owners: [], retained }) } };
}

describe('the figures of a pool', () => {
  it('are what its ranges give, of both families', () => {
    expect(poolFigures('web', [], RANGES, ALL)).toEqual({ capacity: 20, allocated: 0, retained: 0, free: 20 });
    expect(poolFigures('web', [], PoolRanges.of({}), ALL)).toEqual({ capacity: 0, allocated: 0, retained: 0, free: 0 });
  });

  it('count an address that several Services share once, and none of another pool', () => {
    const shared = claim('10.0.0.1');
    const owners = [...shared.spec.owners, { namespace: 'b', name: 'b', uid: 'b' }];
    const claims = [{ spec: { ...shared.spec, owners } }, claim('fd00::2'), claim('10.0.0.2', true, 'other')];
    expect(poolFigures('web', claims, RANGES, ALL)).toEqual({ capacity: 20, allocated: 2, retained: 0, free: 18 });
  });

  it('tell what is kept for Services that are gone apart', () => {
    const claims = [claim('10.0.0.1'), claim('10.0.0.2', false), claim('10.0.0.4', false)];
    expect(poolFigures('web', claims, RANGES, ALL)).toEqual({ capacity: 20, allocated: 1, retained: 2, free: 17 });
  });

  it('take nothing off what is free for an address that the pool does not give any more', () => {
    const claims = [claim('10.0.0.3'), claim('192.0.2.1'), claim('10.0.0.15')];
    expect(poolFigures('web', claims, RANGES, ALL)).toEqual({ capacity: 20, allocated: 3, retained: 0, free: 20 });
  });

  it('count as free neither what nobody may have nor what an older pool gives, each once', () => {
    const unavailable = ['10.0.0.1', '10.0.0.2', '10.0.0.8', '192.0.2.1'];
    const older = [PoolRanges.of({ ranges: [{ cidr: '10.0.0.8/29', prefixLength: 24 }] }), PoolRanges.of({})];
    const claims = [claim('10.0.0.1'), claim('10.0.0.9', true, 'older'), claim('10.0.0.10')];
    const figures = poolFigures('web', claims, RANGES, { unavailable, older });
    // Of 20: .1 and .2, and .8 to .14, which the older one has, too.
    expect(figures).toEqual({ capacity: 20, allocated: 2, retained: 0, free: 20 - 2 - 7 });
  });
});
