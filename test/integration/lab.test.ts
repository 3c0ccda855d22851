import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ExecaError, execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { takeDown } from '../lab/down.ts';
import { healFaults } from '../lab/fault-control.ts';
import type { FaultName } from '../lab/fault-names.ts';
import { readyMachine } from '../lab/machine.ts';
import { labDirectory, ownsNetns } from '../lab/names.ts';
import { holdersOf, labStatus, type NodeStatus } from '../lab/status.ts';
import { networkOf } from '../lab/targets.ts';
import { bringUp, waitForOneHolder } from '../lab/up.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { inNetns, listNetns, netnsPath } from '../support/netns.ts';
import { pidsInNetns } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { CHECKOUT_SUFFIX, LabUnderTest } from './lab-under-test.ts';

/** Faults of one interface: lab-networks.test.ts shows them. */
type NetworkFault = 'address-lost' | 'second-address' | 'vip-by-hand' | 'ipv6-off' | 'nic-gone';

const NEEDS = [canMakeNamespaces, command('nginx'), command('mmdebstrap'), command('curl'), command('tcpdump')];
const repeated = repeatedWhenDisturbed();
const skip = mustSkip('the lab and its faults', NEEDS);

const CHECKOUT = join(import.meta.dirname, '../..');
/** Longest time from the end of healing to exactly one holder. */
const ONE_HOLDER_LIMIT_MS = 2000;
/** Longer than two nodes can go without hearing each other's advertisements. */
const STEADY_MS = 400;
const quiet = (): void => undefined;

/** Runs a command in a namespace; gives its exit code and what it printed. */
async function run(netns: string, ...args: string[]): Promise<{ exitCode: number; stdout: string }> {
  const [program, ...rest] = inNetns(netns, args);
  const { exitCode = -1, stdout } = await execa(program, rest, { reject: false, timeout: 60_000 });
  return { exitCode, stdout };
}

async function fetches(netns: string, url: string): Promise<boolean> {
  return (await run(netns, 'curl', '-sfk', '-m', '0.5', '-o', '/dev/null', url)).exitCode === 0;
}

async function isStopped(pid: number | null): Promise<boolean> {
  return pid !== null && /^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, 'utf8'));
}

async function carrier(node: NodeStatus): Promise<boolean> {
  const { stdout } = await run(node.netns, 'ip', '-j', 'link', 'show', 'dev', node.interface);
  return !stdout.includes('NO-CARRIER');
}

describe.skipIf(skip)('a fault of the lab', repeated, () => {
  const lab = new LabUnderTest({ name: 'faults' });
  lab.register();
  afterEach(() => lab.heal());

  async function node(name: string): Promise<NodeStatus> {
    const found = (await labStatus(lab.state)).nodes.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  const client = () => lab.network.client.netns;
  const api = () => `https://${lab.network.api.address}:6443/`;
  /** Whether the API server stand-in answers at all: without a token it refuses, which is an answer. */
  const reachesApi = async (netns: string) => (await run(netns, 'curl', '-sk', '-m', '0.5', api())).exitCode === 0;

  /** What is true while a fault is active, and only then. */
  const SIGNS: Readonly<Record<Exclude<FaultName, NetworkFault>, (broken: NodeStatus) => Promise<boolean>>> = {
    'ingress-crash': async ({ processes }) => processes.ingress === null,
    'ingress-hang': ({ processes }) => isStopped(processes.ingress),
    'ingress-unhealthy': async ({ netns, address }) =>
      !(await fetches(netns, 'http://127.0.0.1:10254/healthz')) && (await fetches(netns, `http://${address}/`)),
    'kubelet-down': async ({ netns }) => !(await fetches(netns, 'http://127.0.0.1:10248/healthz')),
    'api-unreachable': async ({ netns, address }) =>
      !(await reachesApi(netns)) && (await reachesApi(client())) && (await fetches(client(), `http://${address}/`)),
    'link-down': async (broken) => !(await carrier(broken)),
    'switch-cut': async (broken) => (await carrier(broken)) && !(await fetches(client(), `http://${broken.address}/`)),
    'keepalived-term': async ({ processes }) => processes.keepalived === null,
    'keepalived-kill': async ({ processes }) => processes.keepalived === null,
    'sidecar-kill': async ({ processes }) => processes.sidecar === null,
    'sidecar-hang': ({ processes }) => isStopped(processes.sidecar),
    'node-freeze': async ({ processes: { keepalived, sidecar, ingress, kubelet } }) =>
      (await Promise.all([keepalived, sidecar, ingress, kubelet].map(isStopped))).every(Boolean),
    'bad-config': async ({ name }) => lab.runtimeFile(name, 'supervisor.status').includes('result=rejected'),
    cordon: async ({ name }) => JSON.stringify(await lab.status(name)).includes('"cordoned":true'),
    drain: async ({ name }) =>
      lab.runtimeFile(name, 'drain') !== '' || existsSync(`${(await node(name)).runtimeDirectory}/drain`),
  };

  /** Faults after which the address is elsewhere. */
  const MOVING: readonly FaultName[] = [
    ...(['ingress-crash', 'ingress-hang', 'ingress-unhealthy', 'link-down', 'switch-cut', 'keepalived-term'] as const),
    ...(['keepalived-kill', 'sidecar-kill', 'sidecar-hang', 'node-freeze', 'drain', 'cordon'] as const),
  ];

  /** Since when there has been exactly one holder, once that has been so for a while: the first moment of it may be a chance. */
  async function oneHolderSince(): Promise<number> {
    let sinceMs: number | undefined;
    return waitFor(
      'exactly one holder that stays',
      async () => {
        const one = (await lab.holders()).length === 1;
        sinceMs = one ? (sinceMs ?? monotonicMs()) : undefined;
        return sinceMs !== undefined && monotonicMs() - sinceMs > STEADY_MS ? sinceMs : undefined;
      },
      { everyMs: 5 },
    );
  }

  it.each(Object.keys(SIGNS) as Exclude<FaultName, NetworkFault>[])(
    '%s does what it says, and its healing leaves exactly one holder within 2 s',
    async (fault) => {
      const from = await lab.ready();
      // What answers within a moment may take longer once.
      await waitFor(`no sign of ${fault} before`, async () => !(await SIGNS[fault](await node(from))));
      await lab.inject(fault);
      await waitFor(`the sign of ${fault}`, async () => SIGNS[fault](await node(from)));
      expect((await node(from)).faults).toEqual([fault]);
      if (MOVING.includes(fault)) {
        await waitFor('another holder', async () => (await lab.holders()).some((name) => name !== from));
      }

      const { healed, revived, healedAt } = await lab.heal();
      expect({ healed, revived }).toEqual({ healed: [{ fault, node: from }], revived: [] });
      expect((await oneHolderSince()) - healedAt.monotonicMs).toBeLessThan(ONE_HOLDER_LIMIT_MS);
      await waitFor(`no sign of ${fault}`, async () => !(await SIGNS[fault](await node(from))));
      expect(await lab.holders()).toHaveLength(1);
    },
  );

  it('is refused where it is active already, and on a node that does not exist', async () => {
    const from = await lab.ready();
    await lab.inject('kubelet-down', from);
    await expect(lab.inject('kubelet-down', from)).rejects.toThrow(/active on node\d already: heal it first/);
    await expect(lab.inject('drain', 'node9')).rejects.toThrow(/no node node9; there are: node1, node2, node3/);
    await lab.heal();
  });

  it('shows as a long outage when the product is prevented from doing anything about it', async () => {
    const from = await lab.ready();
    const { value: hurtMs, longestOutageMs } = await lab.probed(async () => {
      await lab.inject('sidecar-hang', 'all');
      const { injectedAt } = await lab.inject('ingress-crash', from);
      await delay(2000);
      expect(await lab.holders()).toEqual([from]);
      await lab.heal({ fault: 'ingress-crash' });
      const hurt = monotonicMs() - injectedAt.monotonicMs;
      await delay(500); // for the answers that end the outage
      return hurt;
    });
    expect(longestOutageMs).toBeGreaterThan(1900);
    expect(longestOutageMs).toBeLessThan(hurtMs + 1000);
    await lab.heal();
  });

  it('is seen by a newcomer, which asks the network for the address’s owner before every attempt', async () => {
    await lab.ready();
    const { newcomer } = lab.network;
    const prober = lab.prober('newcomer', [lab.address]);
    await prober.start();
    try {
      const filter = `arp[6:2] = 1 and dst host ${lab.address}`;
      const { stdout } = await run(newcomer.netns, 'timeout', '30', 'tcpdump', '-c', '40', '-nni', 'eth0', filter);
      expect(stdout.match(/who-has/g)).toHaveLength(40);
    } finally {
      await prober.stop();
    }
    const [seen] = prober.report().addresses;
    expect(seen).toMatchObject({ failed: 0, outages: [] });
    expect(seen?.attempts).toBeGreaterThanOrEqual(40);
  });
});

describe.skipIf(skip)('the lab', () => {
  const NAME = `life${CHECKOUT_SUFFIX}`;
  const owned = () => listNetns().filter((netns) => ownsNetns(NAME, netns));
  const cli = (...args: string[]) =>
    execa('npm', ['run', '-s', 'lab', '--', '--name', NAME, ...args], { cwd: CHECKOUT, timeout: 120_000 });
  const up = async () =>
    bringUp({ name: NAME, nodes: 2, values: { files: [], set: [] } }, await readyMachine(quiet), quiet);

  beforeAll(() => takeDown(NAME));
  afterAll(() => takeDown(NAME));

  it('comes up, tells its status as nothing but JSON on standard output, and goes down without a trace', async () => {
    await cli('up', '--nodes', '2');
    const { stdout } = await cli('status', '--json');
    const status = JSON.parse(stdout);
    expect(status).toMatchObject({ client: { netns: `kiv-${NAME}-client` }, addresses: ['172.30.0.100'] });
    expect(status.nodes).toHaveLength(2);
    for (const node of status.nodes) {
      expect(node).toMatchObject({
        name: expect.stringMatching(/^node[12]$/),
        netns: `kiv-${NAME}-${node.name}`,
        address: expect.stringMatching(/^172\.30\.0\.1[12]$/),
        interface: 'eth0',
        sidecarUrl: 'http://127.0.0.1:10270',
      });
      for (const pid of Object.values(node.processes) as number[]) {
        expect(pidsInNetns(netnsPath(node.netns))).toContain(pid);
      }
    }
    expect(status.nodes.flatMap((node: { holds: string[] }) => node.holds)).toEqual(['172.30.0.100']);

    await cli('down');
    expect(owned()).toEqual([]);
    expect(existsSync(labDirectory(NAME))).toBe(false);
    expect(await readFile('/proc/mounts', 'utf8')).not.toContain(labDirectory(NAME));
    for (const node of status.nodes) {
      expect(Object.values(node.processes).filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    }
  });

  it('refuses to come up twice, and leaves the first alone', async () => {
    const state = await up();
    const error = (await cli('up').catch((caught: ExecaError) => caught)) as ExecaError;
    expect(error.exitCode).toBe(1);
    expect(error.stderr).toMatch(/is up already .*`down` removes it/);
    expect((await labStatus(state)).nodes.every(({ processes }) => processes.keepalived !== null)).toBe(true);
    await takeDown(NAME);
  });

  it('goes down after parts of it were torn out, and a second time', async () => {
    const state = await up();
    process.kill(state.api.process.pid, 'SIGKILL');
    await execa('ip', ['netns', 'delete', `kiv-${NAME}-node1`], { timeout: 10_000 });
    await takeDown(NAME);
    await takeDown(NAME);
    expect(owned()).toEqual([]);
    const pids = state.nodes.flatMap(({ ingress, containers }) => [
      ingress.pid,
      ...Object.values(containers).map(({ pid }) => pid),
    ]);
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  });

  it('leaves nothing when the chart refuses the values', async () => {
    const error = (await cli('up', '--set', 'keepalived.virtualRouterId=999').catch(
      (caught: ExecaError) => caught,
    )) as ExecaError;
    expect(error.stderr).toContain('virtualRouterId');
    expect(owned()).toEqual([]);
    expect(existsSync(labDirectory(NAME))).toBe(false);
  });

  it('starts again what ended by itself when everything is healed', async () => {
    const state = await up();
    const holder = await waitForOneHolder(state);
    const node = (await labStatus(state)).nodes.find(({ name }) => name === holder);
    process.kill(node?.processes.sidecar ?? 0, 'SIGKILL');
    await waitFor('the sidecar’s end', async () =>
      (await labStatus(state)).nodes.some(({ processes }) => processes.sidecar === null),
    );
    const { healed, revived } = await healFaults(NAME);
    expect({ healed, revived }).toEqual({ healed: [], revived: [`sidecar on ${holder}`] });
    await takeDown(NAME);
  });
});

describe.skipIf(skip)('the demo', repeated, () => {
  const leftOvers = () => listNetns().filter((netns) => ownsNetns('demo', netns));
  const demo = (options: { detached?: boolean } = {}) =>
    execa('npm', ['run', '-s', 'demo', '--', '--json'], { cwd: CHECKOUT, timeout: 120_000, reject: false, ...options });

  it('shows the address moving, staying and moving again, and leaves nothing behind', async () => {
    const { stdout, stderr, exitCode } = await demo();
    expect(exitCode, stderr).toBe(0);
    const { steps, problems } = JSON.parse(stdout);
    expect(problems).toEqual([]);
    expect(steps.map(({ step }: { step: string }) => step)).toEqual([
      ...['ingress-crash', 'ingress-crash healed', 'link-down', 'link-down healed'],
    ]);
    const [crash, repaired, cut] = steps;
    // As a set: on a busy machine what is watched is seen a little after it happened, and so in another order.
    expect(new Set(crash.timeline.map(({ event }: { event: string }) => event))).toEqual(
      new Set(['fault', 'detection', 'gate written', 'address gone', 'new holder', 'first answer']),
    );
    expect([repaired.holderBefore, repaired.holderAfter]).toEqual([crash.holderAfter, crash.holderAfter]);
    expect(cut.node).toBe(crash.holderAfter);
    expect(leftOvers()).toEqual([]);
    expect(existsSync(labDirectory('demo'))).toBe(false);
  });

  it('leaves nothing behind when it is interrupted twice in the middle', async () => {
    const running = demo({ detached: true }); // a process group of its own, as a shell makes one for a command at the terminal
    const ctrlC = () => process.kill(-(running.pid ?? 0), 'SIGINT');
    await waitFor('the demo’s lab', () => existsSync(join(labDirectory('demo'), 'state.json')), { limitMs: 60_000 });
    const inside = listNetns()
      .filter((netns) => ownsNetns('demo', netns))
      .flatMap((netns) => pidsInNetns(netnsPath(netns)));
    expect(inside.length).toBeGreaterThan(0);
    ctrlC();
    await delay(30);
    ctrlC();
    const { exitCode, stdout } = await running;
    expect(exitCode).not.toBe(0);
    expect(stdout).not.toContain('"step"'); // it did not go on to its end
    await waitFor('nothing to be left', () => leftOvers().length === 0 && !existsSync(labDirectory('demo')));
    expect(inside.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  });
});

describe.skipIf(skip)('the addresses of a lab', () => {
  it('are the user’s when the values give some', async () => {
    const name = `own${CHECKOUT_SUFFIX}`;
    await takeDown(name);
    try {
      const set = ['keepalived.vipAddresses={172.30.0.200/24}'];
      const state = await bringUp({ name, nodes: 2, values: { files: [], set } }, await readyMachine(quiet), quiet);
      const holder = await waitForOneHolder(state);
      expect(state.release.addresses).toEqual(['172.30.0.200']);
      expect(await holdersOf(networkOf(state), '172.30.0.200')).toEqual([holder]);
      expect(await holdersOf(networkOf(state), '172.30.0.100')).toEqual([]);
    } finally {
      await takeDown(name);
    }
  });
});
