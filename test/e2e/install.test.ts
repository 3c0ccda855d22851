import { afterEach, describe, expect, inject, it } from 'vitest';
import { monotonicMs } from '../lab/clock.ts';
import { helmInstall, helmUninstall, waitForHolder } from './release.ts';
import { Site } from './site.ts';

const site = new Site(inject('site'));

afterEach(() => helmUninstall(site));

describe('helm install', () => {
  it('makes the address reachable within 15 s with nothing but the address given', async () => {
    const prober = site.prober('regular');
    const startedMs = monotonicMs();
    try {
      await helmInstall(site);
      await prober.start();
      await waitForHolder(site);
      await expect.poll(() => prober.attempts(site.address).some(({ ok }) => ok), { timeout: 30_000 }).toBe(true);
      const first = prober.attempts(site.address).find(({ ok }) => ok);
      expect((first?.endMs ?? Number.POSITIVE_INFINITY) - startedMs).toBeLessThan(15_000);
    } finally {
      await prober.stop();
    }
  });
});
