import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BANDS } from '../../api/bands.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { mustSkip } from '../support/needs.ts';
import { waitFor } from '../support/wait.ts';
import { LAB_NEEDS, LabUnderTest } from './lab-under-test.ts';

/* What the lab shows of a release without measuring it: that bounds are kept is main-job.test.ts. */

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('ways to run it in the lab', LAB_NEEDS);

describe.skipIf(skip)('a release at its defaults, for longer', repeated, () => {
  const lab = new LabUnderTest({ name: 'calm' });
  lab.register();

  // Long because the checks are the default ones: five failures, 5 s apart and 2 s long each.
  it('moves nothing when every node loses the Kubernetes API at once, nor when it comes back', {
    timeout: 180_000,
  }, async () => {
    await lab.ready();
    const before = await lab.transitions();
    const slow = { limitMs: 90_000 };
    await lab.inject('api-unreachable', 'all');
    await waitFor('every node to count it', () => lab.allIn(BANDS.noKubeApi), slow);
    await lab.heal();
    await waitFor('every node to recover', () => lab.allIn(BANDS.healthy), slow);
    expect(await lab.transitions()).toEqual(before);
  });
});

describe.skipIf(skip)('a release', repeated, () => {
  describe.each([
    { family: 'IPv4', name: 'uni4', address: '172.30.0.100/24', node: '172.30.0.1' },
    { family: 'IPv6', name: 'uni6', address: 'fd00:172:30::100/64', node: 'fd00:172:30::1' },
  ])('with $family unicast', ({ name, address, node }) => {
    const peers = [1, 2, 3].map((number) => `${node}${number}`).join(',');
    const set = [`keepalived.vipAddresses={${address}}`, `keepalived.unicastPeers={${peers}}`];
    const lab = new LabUnderTest({ name, set });
    lab.register();

    it('has every node hear of the clients of the others', async () => {
      await lab.ready();
      const heard = async (node: string) => (await lab.metric(node, 'keepalived_vip_connections_nodes')) === 2;
      await waitFor('every node to hear two', async () => (await Promise.all(lab.nodes.map(heard))).every(Boolean));
    });

    it('has one holder and moves the address', async () => {
      const from = await lab.ready();
      await lab.inject('ingress-crash');
      await lab.movedFrom(from);
    });
  });

  describe('with VRRP version 2 and its password', () => {
    const lab = new LabUnderTest({
      name: 'vrrp2',
      set: ['keepalived.vrrpVersion=2', 'keepalived.advertInterval=1', 'keepalived.authPassword=s3cret'],
    });
    lab.register();

    it('has one holder and moves the address', async () => {
      const from = await lab.ready();
      await lab.inject('ingress-crash');
      await lab.movedFrom(from);
    });
  });

  describe('without the last resort', () => {
    const lab = new LabUnderTest({ name: 'strict', set: ['keepalived.lastResort.enabled=false'] });
    lab.register();

    it('lets nobody hold the address when the ingress is down everywhere', async () => {
      await lab.ready();
      await lab.inject('ingress-crash', 'all');
      await waitFor('no holder', async () => (await lab.holders()).length === 0);
      await delay(2500); // longer than the last resort would have waited
      expect(await lab.holders()).toEqual([]);
      await lab.heal();
      await lab.ready();
    });
  });
});
