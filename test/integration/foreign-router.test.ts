import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { monotonicMs } from '../support/clock.ts';
import { ForeignRouter } from '../support/foreign-router.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { INTERFACE } from '../support/netns.ts';
import { waitFor } from '../support/wait.ts';
import { LabUnderTest } from './lab-under-test.ts';

const skip = mustSkip('foreign routers in the lab', [canMakeNamespaces, command('nginx'), command('mmdebstrap')]);
const repeated = repeatedWhenDisturbed();
/** The node that lost the address looks every other second. */
const HEARD = { limitMs: 60_000, everyMs: 200 };
/** Longer than a router waits before it speaks: three advertisements and the skew. */
const STEADY_MS = 6000;

/** Other files run beside this one: that no answer is late is shown elsewhere, here that none is missing. */
const PATIENT = { timeoutMs: 3000 };

interface Status {
  readonly vrrp: { readonly virtualRouterId: number };
  readonly foreignRouterIds: readonly number[];
}

describe.skipIf(skip)('a router that is none of the release', repeated, () => {
  const lab = new LabUnderTest({ name: 'alien' });
  lab.register();
  let foreign: ForeignRouter | undefined;
  afterEach(async () => {
    await foreign?.stop();
    foreign = undefined;
  });
  const status = async (node: string) => (await lab.status(node)) as unknown as Status;

  const startWith = async (router: { priority?: number; version?: 2 | 3 }, virtualRouterId: number) => {
    foreign = await ForeignRouter.start({
      netns: lab.network.client.netns,
      interface: INTERFACE,
      virtualRouterId,
      address: '172.30.0.250/24',
      ...router,
    });
  };

  it.each([
    { what: 'a lower priority', router: { priority: 100 } },
    { what: 'another version of VRRP', router: { version: 2 as const } },
  ])('moves nothing with $what', async ({ router }) => {
    const holder = await lab.ready();
    const before = await lab.transitions();
    await startWith(router, (await status(holder)).vrrp.virtualRouterId);
    const { value: changes, failed } = await lab.probed(async () => {
      const [watch, fromMs] = [lab.watch(), monotonicMs()];
      await delay(STEADY_MS); // the time is what is asked for
      watch.stop();
      return watch.changes(lab.address, fromMs);
    }, PATIENT);
    expect(changes).toEqual([]);
    expect(failed).toBe(0);
    expect(await lab.holders()).toEqual([holder]);
    expect(await lab.transitions()).toEqual(before);
  });

  it('takes the address away when it uses the release’s router id with a higher priority, and is reported', async () => {
    const holder = await lab.ready();
    const { virtualRouterId } = (await status(holder)).vrrp;
    expect((await status(holder)).foreignRouterIds).toEqual([]);
    await startWith({}, virtualRouterId);
    const heard = async () => (await status(holder)).foreignRouterIds.join();
    await waitFor(`${holder} to hear it`, async () => (await heard()) === String(virtualRouterId), HEARD);
    const metric = `keepalived_vip_foreign_router_heard{virtual_router_id="${virtualRouterId}"}`;
    expect(await lab.metric(holder, metric)).toBe(1);
    expect(await lab.holders()).toEqual([]);
    await foreign?.stop();
    foreign = undefined;
    await lab.oneHolder();
  });
});
