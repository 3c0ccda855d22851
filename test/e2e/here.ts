import { inject } from 'vitest';
import { Site } from '../environment/site.ts';
import { siteOfLane } from './further-clusters.ts';
import { removeLeftovers } from './leftovers.ts';

/** Vitest counts the files that run at the same time from 1. */
const LANE = Number(process.env.VITEST_POOL_ID ?? 1);

/** Where the tests of this file run. */
export const site = new Site(await siteOfLane(inject('site'), LANE));
if (site.hasHarness) await removeLeftovers(site);
