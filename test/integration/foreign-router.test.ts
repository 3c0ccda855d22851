import { afterEach, describe, expect, it } from 'vitest';
import { INTERFACE } from '../lab/network-plan.ts';
import { networkOf } from '../lab/targets.ts';
import { waitFor } from '../lab/wait.ts';
import { ForeignRouter } from '../support/foreign-router.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { LabUnderTest } from './lab-under-test.ts';

const skip = mustSkip('foreign routers in the lab', [canMakeNamespaces, command('nginx'), command('mmdebstrap')]);
/** The node that lost the address looks every other second. */
const HEARD = { limitMs: 60_000, everyMs: 200 };

interface Status {
  readonly vrrp: { readonly virtualRouterId: number };
  readonly foreignRouterIds: readonly number[];
}

describe.skipIf(skip)('a router that is none of the release', () => {
  const lab = new LabUnderTest({ name: 'alien' });
  lab.register();
  let foreign: ForeignRouter | undefined;
  afterEach(() => foreign?.stop());
  const status = async (node: string) => (await lab.status(node)) as unknown as Status;

  it('takes the address away when it uses the release’s router id with a higher priority, and is reported', async () => {
    const holder = await lab.ready();
    const { virtualRouterId } = (await status(holder)).vrrp;
    expect((await status(holder)).foreignRouterIds).toEqual([]);
    foreign = await ForeignRouter.start({
      netns: networkOf(lab.state).client.netns,
      interface: INTERFACE,
      virtualRouterId,
      address: '172.30.0.250/24',
    });
    const heard = async () => (await status(holder)).foreignRouterIds.join();
    await waitFor(`${holder} to hear it`, async () => (await heard()) === String(virtualRouterId), HEARD);
    const metric = `keepalived_vip_foreign_router_heard{virtual_router_id="${virtualRouterId}"}`;
    expect(await lab.metric(holder, metric)).toBe(1);
    expect(await lab.holders()).toEqual([]);
    await foreign.stop();
    foreign = undefined;
    await lab.oneHolder();
  });
});
