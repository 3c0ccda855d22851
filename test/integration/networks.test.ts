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
/** Nearly all of a story is waiting, so all are told at once, the longest first; each lab comes up alone. */
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
    const stories: Promise<void>[] = [];
    for (const network of NAMES) {
      const name = labName(network);
      await takeDown(name);
      const values = { files: [], set: ['controller.enabled=true'] };
      const state = await bringUp({ name, nodes: 2, network, values }, machine, quiet);
      const story = await Story.begin(state, (fromMs, toMs) => stalls.longestDuring(fromMs, toMs));
      stories.push(
        story.run(attemptsOf(casesOf(network)), over.signal).then((outcome) => {
          outcomes.set(network, outcome);
        }),
      );
    }
    const failed = (await Promise.allSettled(stories)).find((each) => each.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
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
