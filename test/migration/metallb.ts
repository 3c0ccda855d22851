import { waitGone } from '../environment/pools.ts';
import type { Site } from '../environment/site.ts';
import { applyMetalLb, installMetalLb, leftOfMetalLb, metalLbImages, removeMetalLb } from '../peers/metallb.ts';
import { waitFor } from '../support/wait.ts';
import { type Addresses, createServices, metalLbPools, waitForAddresses } from './services.ts';
import { AFTER, BACK_AGAIN, BEFORE, THERE } from './steps.ts';
import { distinct, type Expected, type Walked, type Walking, walk } from './walk.ts';
import type { Way } from './way.ts';

const ANNOTATION = 'metallb.io/ip-allocated-from-pool';
const GONE = { limitMs: 90_000, everyMs: 200 };

async function serve(site: Site): Promise<Addresses> {
  await installMetalLb(site, metalLbPools(site));
  const addresses = await createServices(site);
  const count = distinct(addresses).length;
  if (count !== addresses.size - 1)
    throw new Error(`two of ${addresses.size} Services share, and there are ${count} addresses`);
  return addresses;
}

async function noSpeaker(site: Site): Promise<void> {
  const speakers = ['get', 'pods', '-n', 'metallb-system', '-l', 'component=speaker', '-o', 'name'];
  await waitFor('the speakers to end', async () => (await site.kubectl(speakers)) === '', GONE);
}

/** Looks at what a new release with pools does to Services that another serves: nothing. */
async function expectUntouched(site: Site): Promise<void> {
  const claims = await site.kubectl(['get', 'serviceaddresses', '-o', 'name']);
  if (claims.trim() !== '')
    throw new Error(`Services without a class are not to be served yet, and there is ${claims}`);
  const ready = ['wait', 'virtualippools', '--all', '--for=condition=Ready', '--timeout=60s'];
  await site.kubectl(ready, { timeout: 70_000 });
}

async function there(walking: Walking, results: Walked[]): Promise<void> {
  const { site } = walking;
  const expected: readonly Expected[] = [
    { after: () => expectUntouched(site) },
    { held: true },
    { held: true, after: () => noSpeaker(site) },
  ];
  for (const [index, step] of THERE.entries()) await walk(walking, step, results, expected[index]);
}

async function backAgain(walking: Walking, results: Walked[]): Promise<void> {
  const { site, before } = walking;
  const [ask, giveUp] = BACK_AGAIN;
  if (ask === undefined || giveUp === undefined) throw new Error('the way back has two steps');
  await walk(walking, ask, results, { held: true, after: () => applyMetalLb(site) });
  await walk(walking, giveUp, results, {
    after: async () => {
      await waitForAddresses(site);
      await waitGone(site, distinct(before));
    },
  });
}

/** After MetalLB's removal nothing of it is there, and Services go on. @throws Error that says what is left */
async function expectNothingLeft({ site }: Walking): Promise<void> {
  const left = await leftOfMetalLb(site);
  const annotations = await site.kubectl(['get', 'services', '-A', '-o', 'jsonpath={.items[*].metadata.annotations}']);
  const all = [...left, ...(annotations.includes(ANNOTATION) ? [`the annotation ${ANNOTATION}`] : [])];
  if (all.length > 0) throw new Error(`MetalLB is removed, and there is still ${all.join(', ')}`);
}

async function walkThere(walking: Walking, results: Walked[]): Promise<void> {
  for (const step of BEFORE) {
    const { stdout, stderr } = await walk(walking, step, results);
    walking.say(`${stdout}${stderr}`);
  }
  await there(walking, results);
  await backAgain(walking, results);
  await there(walking, results);
  for (const step of AFTER) {
    await walk(walking, step, results, { held: true, after: () => removeMetalLb(walking.site) });
  }
  await expectNothingLeft(walking);
}

/** The way from MetalLB: there, back, and there again, after which MetalLB is removed. */
export const FROM_METALLB: Way = { peer: 'MetalLB', images: metalLbImages, serve, walk: walkThere };
