import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { BANDS } from '../../api/bands.ts';
import { upgrade } from '../lab/upgrade.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { waitFor } from '../support/wait.ts';
import { LabUnderTest, QUICK_API } from './lab-under-test.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('the main job in the lab', [canMakeNamespaces, command('nginx'), command('mmdebstrap')]);
const quiet = (): void => undefined;
const API_SETTLED_MS = 6000;

describe.skipIf(skip)('a release at its defaults', repeated, () => {
  const lab = new LabUnderTest({ name: 'main' });
  lab.register();
  afterEach(async () => {
    await lab.heal();
    await lab.ready();
  });

  it('moves the address when the ingress on its node dies, and leaves it there when that node is well again', async () => {
    const from = await lab.ready();
    const { value: to, longestOutageMs } = await lab.probed(async () => {
      await lab.inject('ingress-crash');
      return lab.movedFrom(from);
    });
    expect(longestOutageMs).toBeLessThan(500);
    await lab.heal();
    expect(await lab.ready()).toBe(to);
  });

  it('gives the address away on a drain without losing a client, and takes part again afterwards', async () => {
    const from = await lab.ready();
    const { longestOutageMs } = await lab.probed(async () => {
      await lab.inject('drain');
      await lab.movedFrom(from);
    });
    expect(longestOutageMs).toBeLessThan(100);
    expect(await lab.status(from)).toMatchObject({ fitness: { band: 3, draining: true } });
  });

  it.each(['sidecar-kill', 'sidecar-hang'] as const)(
    'loses no client to %s: another node takes over while the old one serves',
    async (fault) => {
      const from = await lab.ready();
      const { longestOutageMs } = await lab.probed(async () => {
        await lab.inject(fault);
        await lab.movedFrom(from);
      });
      expect(longestOutageMs).toBeLessThanOrEqual(50);
      expect(lab.runtimeFile(from, 'track/vip.pulse')).toBe('-240');
    },
  );

  it('goes on with the running configuration when an invalid one is offered, and shows the refusal', async () => {
    const from = await lab.ready();
    const before = await lab.status(from);
    await lab.inject('bad-config');
    await waitFor('the refusal', async () => (await lab.metric(from, 'keepalived_vip_config_rejected')) === 1);
    expect(await lab.status(from)).toMatchObject({
      holder: true,
      keepalived: {
        running: true,
        pid: (before as Record<string, Record<string, unknown>>).keepalived?.pid,
        lastCandidate: {
          result: 'rejected',
          exitCode: expect.any(Number),
          messages: expect.arrayContaining([expect.stringMatching(/no_such_keyword/)]),
        },
      },
    });
    expect(await lab.metric(from, 'keepalived_vip_config_rejected')).toBe(1);
    expect(await lab.metric(from, 'keepalived_vip_keepalived_configs_total{result="rejected"}')).toBeGreaterThanOrEqual(
      0,
    );
    expect(await lab.holders()).toEqual([from]);
  });

  it('lets one node hold the address as the last resort when the ingress is down everywhere', async () => {
    await lab.ready();
    await lab.inject('ingress-crash', 'all');
    await waitFor('every node to be sick', () => lab.allIn(BANDS.serviceFailed));
    await lab.oneHolder();
  });

  it('serves whatever node is left when two of three have died', async () => {
    const from = await lab.ready();
    await lab.inject('node-freeze', from);
    const second = await waitFor('a second holder', async () => (await lab.holders()).find((name) => name !== from));
    await lab.inject('ingress-crash', second);
    const left = await waitFor('the last node', async () =>
      (await lab.holders()).find((name) => name !== from && name !== second),
    );
    expect(lab.nodes).toContain(left);
  });

  it('applies a new check URL and a new address within 2 s of the file’s change, without a restart or a lost connection', async () => {
    const from = await lab.ready();
    const pids = JSON.stringify(lab.state.nodes);
    const second = '172.30.0.101';
    const { failed } = await lab.probed(async () => {
      const values = {
        files: [],
        set: [
          'keepalived.vipAddresses={172.30.0.100/24,172.30.0.101/24}',
          'keepalived.checkServiceUrl=http://127.0.0.1:10254/healthz?deep=1',
        ],
      };
      const { startedAt, restarted } = await upgrade(lab.name, { values, reset: false }, quiet);
      expect(restarted).toEqual([]);
      await waitFor('the new address and URL', async () => {
        const target = JSON.stringify(await lab.status(from)).includes(
          '"target":"http://127.0.0.1:10254/healthz?deep=1"',
        );
        return target && (await lab.holders(second)).length === 1;
      });
      expect(monotonicMs() - startedAt.monotonicMs).toBeLessThan(2000);
      await delay(500); // long enough for a reload that goes wrong to show
    });
    expect(failed).toBe(0);
    expect(await lab.holders()).toEqual([from]);
    expect(await lab.holders(second)).toEqual([from]);
    expect(JSON.stringify(lab.state.nodes)).toBe(pids);
  });

  it('refuses bad settings at run time and goes on with the last good ones', async () => {
    const from = await lab.ready();
    const file = `/run/keepalived-ingress-vip-lab/${lab.name}/nodes/${from}/volumes/config`;
    const { readdirSync, readFileSync, writeFileSync } = await import('node:fs');
    expect(readdirSync(file)).toContain('config.yaml');
    const good = readFileSync(`${file}/config.yaml`, 'utf8');
    writeFileSync(`${file}/config.yaml`, good.replace('virtualRouterId: 10', 'virtualRouterId: 999'));
    await waitFor('the refusal', async () => (await lab.metric(from, 'keepalived_vip_config_rejections_total')) >= 1);
    expect(await lab.status(from)).toMatchObject({
      holder: true,
      vrrp: { virtualRouterId: 10 },
      config: {
        rejected: { errors: [expect.stringMatching(/^vrrp\.virtualRouterId: Too big: expected number to be <=255/)] },
      },
    });
    writeFileSync(`${file}/config.yaml`, good);
    await waitFor('the good settings', async () => JSON.stringify(await lab.status(from)).includes('"rejected":null'));
  });

  it('does not flap in 60 s with six busy loops on the machine', { timeout: 150_000 }, async () => {
    await lab.ready();
    const before = await lab.transitions();
    const loops: ChildProcess[] = [];
    try {
      for (let count = 0; count < 6; count += 1) {
        loops.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
      }
      await delay(60_000); // the time is what is asked for
    } finally {
      for (const loop of loops) loop.kill('SIGKILL');
    }
    expect(await lab.transitions()).toEqual(before);
    expect(await lab.holders()).toHaveLength(1);
  });
});

describe.skipIf(skip)('an outage of the Kubernetes API', repeated, () => {
  const lab = new LabUnderTest({ name: 'api1', set: QUICK_API });
  lab.register();
  afterEach(async () => {
    await lab.heal();
    await waitFor('the API everywhere', () => lab.allIn(BANDS.healthy));
    await lab.ready();
  });

  it('moves nothing when it concerns every node, neither when it begins nor when it ends', async () => {
    await lab.ready();
    const before = await lab.transitions();
    await lab.inject('api-unreachable', 'all');
    await waitFor('every node to notice', () => lab.allIn(BANDS.noKubeApi));
    await lab.heal();
    await waitFor('every node to recover', () => lab.allIn(BANDS.healthy));
    expect(await lab.transitions()).toEqual(before);
  });

  it('moves the address without an outage when it concerns only the holder', async () => {
    const from = await lab.ready();
    const { longestOutageMs } = await lab.probed(async () => {
      await lab.inject('api-unreachable', from);
      await lab.movedFrom(from);
    });
    expect(longestOutageMs).toBeLessThan(100);
  });

  it('does not hinder a fail-over', async () => {
    const from = await lab.ready();
    await lab.inject('api-unreachable', 'all');
    await waitFor('every node to notice', () => lab.allIn(BANDS.noKubeApi));
    await lab.inject('ingress-crash', from);
    // The API stays away: who is hindered by that does not move at all.
    await lab.movedFrom(from);
  });

  it('leaves the address with the holder when vrrpNoPreempt is set', async () => {
    await upgrade(lab.name, { values: { files: [], set: ['keepalived.vrrpNoPreempt=true'] }, reset: false }, quiet);
    const from = await lab.ready();
    await lab.inject('api-unreachable', from);
    const noticed = async () => JSON.stringify(await lab.status(from)).includes('"consecutiveFailures":2');
    await waitFor('the holder to notice', noticed);
    await delay(API_SETTLED_MS); // by now it would have given the address away
    expect(await lab.holders()).toEqual([from]);
  });
});

describe.skipIf(skip)('other ways to run it', repeated, () => {
  describe('with an IPv4 and an IPv6 address', () => {
    const lab = new LabUnderTest({
      name: 'dual',
      set: ['keepalived.vipAddresses={172.30.0.100/24,fd00:172:30::100/64}'],
    });
    lab.register();

    it('moves both together', async () => {
      const from = await lab.ready();
      const { longestOutageMs } = await lab.probed(async () => {
        await lab.inject('ingress-crash');
        await lab.movedFrom(from);
        await lab.oneHolder();
      });
      expect(await lab.holders('172.30.0.100')).toEqual(await lab.holders('fd00:172:30::100'));
      expect(longestOutageMs).toBeLessThan(500);
    });
  });

  describe('with failback', () => {
    const lab = new LabUnderTest({ name: 'back', set: ['keepalived.failbackDelay=1'] });
    lab.register();

    it('gives the address back to the best-ranked node when that has been healthy for the delay', async () => {
      await waitFor('node1 to hold the address', async () => (await lab.holders()).join() === 'node1');
      await lab.inject('ingress-crash', 'node1');
      await lab.movedFrom('node1');
      await lab.heal();
      const { longestOutageMs } = await lab.probed(() =>
        waitFor('node1 to hold the address again', async () => (await lab.holders()).join() === 'node1'),
      );
      expect(longestOutageMs).toBeLessThan(100);
    });
  });
});
