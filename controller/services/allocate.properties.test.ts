import { describe, expect, it } from 'vitest';
import { Life } from './testing/life.ts';
import { guardClaim, guardDecision, guardRest } from './testing/promises.ts';
import { World } from './testing/world.ts';

/*
 * The promises, through any life of a cluster. Longer: ALLOCATION_STEPS=1000000; a life again: ALLOCATION_SEED=<what the failure says>.
 */

const STEPS = Number(process.env.ALLOCATION_STEPS || 10_000);
const SEED = Number(process.env.ALLOCATION_SEED || Date.now() % 2 ** 31);
/** Steps after which controllers may come to rest. */
const REST = 40;
const DAY_MS = 86_400_000;
/** What only a hang reaches. */
const LIMIT_MS = Math.max(60_000, STEPS * 20);

/** Lives so many steps. @returns the last things that happened, when a promise is broken */
function live(steps: number, seed: number): string | undefined {
  const world = new World(guardClaim);
  const life = new Life(world, guardDecision, seed);
  const happened: string[] = [];
  try {
    for (let step = 1; step <= steps; step++) {
      happened.push(life.step());
      if (step % REST !== 0) continue;
      life.settle();
      guardRest(world);
    }
    end(world, life);
  } catch (error) {
    return `seed ${seed}, step ${happened.length}, after: ${happened.slice(-12).join('; ')}.\n${(error as Error).stack}`;
  }
  return undefined;
}

/** All Services go, and a day later nothing of them is left. */
function end(world: World, life: Life): void {
  for (const service of world.services.values()) world.deleteService(service);
  life.settle();
  guardRest(world);
  world.nowMs += DAY_MS + 1;
  life.settle();
  if (world.claims.size > 0) throw new Error(`left: ${[...world.claims.keys()].join()}`);
}

describe(`${STEPS} steps of a cluster's life (ALLOCATION_SEED=${SEED})`, { timeout: LIMIT_MS }, () => {
  it('give no address twice, renumber no living Service, give back what is come back for, and leak nothing', () => {
    expect(live(STEPS, SEED)).toBeUndefined();
  });
});
