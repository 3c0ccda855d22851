import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { BANDS } from '../../api/bands.ts';
import { prepareNode } from '../lab/node-objects.ts';
import { labStatus } from '../lab/status.ts';
import { upgrade } from '../lab/upgrade.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { waitFor } from '../support/wait.ts';
import { LabUnderTest } from './lab-under-test.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('cordons in the lab', [canMakeNamespaces, command('nginx'), command('mmdebstrap')]);
/** The kernel notices after twenty seconds that nobody is at the other end of a connection. */
const SILENCE_LIMIT = { limitMs: 60_000 };
/** From the API's knowing to another holder. */
const HAND_OVER_LIMIT_MS = 2000;
/** Longer than an election takes. */
const STEADY_MS = 1000;
const MEBIBYTE = 1024 * 1024;
const quiet = (): void => undefined;

interface Status {
  readonly fitness: { readonly band: number; readonly drainReasons: readonly string[] } | null;
  readonly cordon: { readonly watched: boolean; readonly cordoned?: boolean | null; readonly heard?: boolean };
}

describe.skipIf(skip)('a cordon', repeated, () => {
  const lab = new LabUnderTest({ name: 'cordon' });
  lab.register();
  afterEach(async () => {
    await lab.heal();
    await lab.ready();
  });

  const status = async (node: string) => (await lab.status(node)) as unknown as Status;
  const every = async (holds: (status: Status) => boolean, nodes: readonly string[] = lab.nodes) =>
    (await Promise.all(nodes.map(status))).every(holds);
  const isCordoned = ({ cordon, fitness }: Status) => cordon.cordoned === true && fitness?.band === BANDS.draining;
  const isWell = ({ cordon, fitness }: Status) => cordon.cordoned === false && fitness?.band === BANDS.healthy;
  /** Waits as long as something would need to move, and expects that nothing did. */
  async function expectSteady(holder: string, transitions: Record<string, string[]>): Promise<void> {
    await delay(STEADY_MS); // the time is what is asked for
    expect(await lab.holders()).toEqual([holder]);
    expect(await lab.transitions()).toEqual(transitions);
  }

  it('moves the address off its node without an outage, and its end moves nothing', async () => {
    const from = await lab.ready();
    const { value: to, longestOutageMs } = await lab.probed(async () => {
      const sinceMs = monotonicMs();
      await lab.inject('cordon');
      const next = await lab.movedFrom(from);
      expect(monotonicMs() - sinceMs).toBeLessThan(HAND_OVER_LIMIT_MS);
      return next;
    });
    expect(longestOutageMs).toBeLessThanOrEqual(50);
    expect(await status(from)).toMatchObject({
      fitness: { band: 3, draining: true, drainReasons: ['cordoned'] },
      cordon: { watched: true, cordoned: true, reason: 'cordoned', heard: true, problem: null },
    });
    expect(await lab.metric(from, 'keepalived_vip_cordoned')).toBe(1);
    expect(await lab.metric(to, 'keepalived_vip_cordoned')).toBe(0);

    const transitions = await lab.transitions();
    await lab.heal({ fault: 'cordon' });
    await waitFor('the end of the cordon', async () => isWell(await status(from)));
    await expectSteady(to, transitions);
  });

  it('moves nothing where every node is cordoned', async () => {
    const holder = await lab.ready();
    const transitions = await lab.transitions();
    await lab.inject('cordon', 'all');
    await waitFor('every node to know', () => every(isCordoned));
    await expectSteady(holder, transitions);
    await lab.heal({ fault: 'cordon' });
    await waitFor('every node to know the end', () => every(isWell));
    await expectSteady(holder, transitions);
  });

  it('of every node does not keep a pod that stops from handing over first', async () => {
    const from = await lab.ready();
    await lab.inject('cordon', 'all');
    await waitFor('every node to know', () => every(isCordoned));
    const { longestOutageMs } = await lab.probed(async () => {
      await lab.inject('drain', from);
      expect(await lab.holders()).not.toContain(from);
    });
    expect(longestOutageMs).toBeLessThanOrEqual(50);
    expect((await status(from)).fitness?.drainReasons).toEqual(['requested', 'cordoned']);
  });

  // Long because a connection whose other end is gone is noticed after 20 s: keep-alive of TCP.
  it('lasts while the API is away, also for a sidecar that restarts, and its end is seen when the API is back', async () => {
    const holder = await lab.ready();
    const node = lab.nodes.find((name) => name !== holder) ?? '';
    await lab.inject('cordon', node);
    await waitFor('the cordon', async () => isCordoned(await status(node)));
    await lab.inject('api-unreachable', node);
    await waitFor('the silence', async () => (await status(node)).cordon.heard === false, SILENCE_LIMIT);
    expect(isCordoned(await status(node))).toBe(true);
    expect(await lab.metric(node, 'keepalived_vip_cordon_watch_up')).toBe(0);

    await lab.inject('sidecar-kill', node);
    await lab.heal({ fault: 'sidecar-kill' });
    await waitFor('the new sidecar', async () => (await lab.ask(node, '/status')) !== '');
    await waitFor('its first decision', async () => (await status(node)).fitness !== null);
    expect(isCordoned(await status(node))).toBe(true);

    await lab.heal({ fault: 'cordon' });
    expect(isCordoned(await status(node))).toBe(true);
    await lab.heal({ fault: 'api-unreachable' });
    await waitFor('the end of the cordon', async () => (await status(node)).cordon.cordoned === false, SILENCE_LIMIT);
    expect(await lab.holders()).toEqual([holder]);
  });

  it('counts only while the values say so, without a restart', async () => {
    const from = await lab.ready();
    const pids = JSON.stringify(lab.state.nodes);
    const set = async (value: boolean) => {
      const values = { files: [], set: [`keepalived.drainOnCordon=${value}`] };
      expect((await upgrade(lab.name, { values, reset: false }, quiet)).restarted).toEqual([]);
    };
    const other = lab.nodes.find((name) => name !== from) ?? '';
    await lab.inject('cordon', other);
    await waitFor('the cordon', async () => isCordoned(await status(other)));
    const transitions = await lab.transitions();
    await set(false);
    await waitFor('its end', () => every(({ cordon, fitness }) => !cordon.watched && fitness?.band === BANDS.healthy));
    await lab.inject('cordon', from);
    await expectSteady(from, transitions);
    await lab.heal({ fault: 'cordon', node: other });
    await set(true);
    await lab.movedFrom(from);
    expect(JSON.stringify(lab.state.nodes)).toBe(pids);
  });

  it('is watched within 96 MiB, however often the node’s kubelet reports', async () => {
    const node = await lab.ready();
    for (let report = 0; report < 100; report += 1) {
      await (await prepareNode(lab.name, node))();
      await delay(10); // a hundred reports in a second or two, against six in a minute
    }
    const pid = (await labStatus(lab.state)).nodes.find(({ name }) => name === node)?.processes.sidecar;
    const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
    process.stdout.write(`resident memory: ${(resident / MEBIBYTE).toFixed(1)} MiB\n`);
    expect(resident).toBeLessThanOrEqual(96 * MEBIBYTE);
    expect((await status(node)).cordon).toMatchObject({ cordoned: false, heard: true });
  });
});
