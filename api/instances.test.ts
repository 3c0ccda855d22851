import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NODE_INSTANCE, POOL_INSTANCE, poolInstance, poolOfInstance } from './instances.ts';
import { POOL_NAME, POOL_NAME_LENGTH } from './virtual-ip-pool.ts';

const pools = fc.stringMatching(new RegExp(POOL_NAME.source)).filter((name) => name.length <= POOL_NAME_LENGTH);
const slots = fc.integer({ min: 0, max: 99_999 });

describe('the name of a pool’s instance', () => {
  it('is taken for one, and leads back to the pool', () => {
    fc.assert(
      fc.property(pools, slots, (pool, slot) => {
        expect(poolInstance(pool, slot)).toMatch(POOL_INSTANCE);
        expect(poolOfInstance(poolInstance(pool, slot))).toBe(pool);
      }),
    );
  });

  it('is no other group’s, of this pool or another', () => {
    fc.assert(
      fc.property(pools, slots, pools, slots, (pool, slot, other, otherSlot) => {
        const same = pool === other && slot === otherSlot;
        expect(poolInstance(pool, slot) === poolInstance(other, otherSlot)).toBe(same);
      }),
    );
    expect(poolInstance('a-1', 2)).not.toBe(poolInstance('a', 12));
  });

  it('is never that of the node’s own', () => {
    expect(NODE_INSTANCE).not.toMatch(POOL_INSTANCE);
  });
});
