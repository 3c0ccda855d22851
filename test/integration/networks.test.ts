import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeDown } from '../lab/down.ts';
import { readyMachine } from '../lab/machine.ts';
import { NETWORKS, type NetworkName } from '../lab/networks.ts';
import { bringUp } from '../lab/up.ts';
import { monotonicMs } from '../support/clock.ts';
import { mustSkip } from '../support/needs.ts';
import { StallWatch } from '../support/stalls.ts';
import { CHECKOUT_SUFFIX, LAB_NEEDS } from './lab-under-test.ts';
import { attemptsOf, type Outcome, Story } from './networks/story.ts';
import { casesOf } from './networks/table.ts';

const skip = mustSkip('every way of finding interface and source over every network', LAB_NEEDS);
const LIMIT_MS = 1_800_000;
const quiet = (): void => undefined;

/** The first is the second without default routes, in which nothing is found that is not found there. */
const NAMES: readonly NetworkName[] = (Object.keys(NETWORKS) as NetworkName[])
  .filter((name) => name !== 'flat')
  .toSorted((a, b) => casesOf(b).length - casesOf(a).length);
/**
 * So many stories are told at once, the longest first; each lab comes up alone, and goes when its story is over. A lab that waits costs as much as
 * one that does something: told all at once, stories took four seconds a step instead of one.
 */
const AT_ONCE = 3;
const labName = (network: NetworkName) => `m${NAMES.indexOf(network)}${CHECKOUT_SUFFIX}`;

describe.skipIf(skip)('every way of finding interface and source', () => {
  const outcomes = new Map<NetworkName, Outcome>();
  const stalls = new StallWatch();
  const over = new AbortController();
  let tookMs = 0;

  beforeAll(async () => {
    const beganMs = monotonicMs();
    await stalls.start();
    const machine = await readyMachine(quiet);
    const telling = new Set<Promise<void>>();
    for (const network of NAMES) {
      if (telling.size === AT_ONCE) await Promise.race(telling);
      const name = labName(network);
      await takeDown(name);
      const values = { files: [], set: ['controller.enabled=true'] };
      const state = await bringUp({ name, nodes: 2, network, values }, machine, quiet);
      const story = await Story.begin(state, (fromMs, toMs) => stalls.longestDuring(fromMs, toMs));
      const told = story.run(attemptsOf(casesOf(network)), over.signal).then(async (outcome) => {
        outcomes.set(network, outcome);
        await takeDown(name);
        telling.delete(told);
      });
      told.catch(quiet); // whoever waits next hears of it
      telling.add(told);
    }
    await Promise.all(telling);
    tookMs = monotonicMs() - beganMs;
  }, LIMIT_MS);

  afterAll(async () => {
    stalls.stop();
    over.abort(new Error('the labs are taken down'));
    for (const network of NAMES) await takeDown(labName(network));
    const combinations = [...outcomes.values()].reduce((sum, outcome) => sum + outcome.combinations, 0);
    process.stdout.write(`networks: ${combinations} combinations in ${(tookMs / 1000).toFixed(0)} s\n`);
  }, LIMIT_MS);

  describe.each(NAMES)('on the network %s', (network) => {
    it.each(casesOf(network).map(({ id }) => id))(
      '%s: one holder on the right interface, whatever breaks, and a problem told while it lasts',
      (id) => {
        expect(outcomes.get(network)?.findings.get(id) ?? []).toEqual([]);
      },
    );

    it('no node loses an address or a route of its own', () => {
      expect(outcomes.get(network)?.losses).toEqual([]);
    });
  });
});
