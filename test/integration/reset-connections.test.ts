import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { afterEach, describe, expect, it } from 'vitest';
import { Resetter } from '../../sidecar/connections/resetter.ts';
import { OpenConnections } from '../clients/open-connections.ts';
import { INGRESS_PORT } from '../lab/nginx.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { mustSkip } from '../support/needs.ts';
import { inNetns, netnsPath } from '../support/netns.ts';
import { say } from '../support/print.ts';
import { processesInNetns } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import { LAB_NEEDS, LabUnderTest } from './lab-under-test.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('clients of a node that is gone', LAB_NEEDS);
const COUNT = 40;
/** From the cut to the last client's end; 0.3 to 0.4 s of it is that nobody hears adverts any more. */
const RESET_LIMIT_MS = 500;
/** Much longer than that: who has not noticed by then waits for a time limit of its own. */
const WAIT_MS = 5000;

/** How many clients a node's sidecar tells the others of. */
function told(lab: LabUnderTest, node: string): Promise<number> {
  return lab.metric(node, 'keepalived_vip_connections_told');
}

/** Whether every node has heard of every other one. */
async function heard(lab: LabUnderTest): Promise<boolean> {
  const nodes = lab.nodes.map((node) => lab.metric(node, 'keepalived_vip_connections_nodes'));
  return (await Promise.all(nodes)).every((count) => count >= lab.nodes.length - 1);
}

/** Clients of the holder; what it has of clients of before, whose end it was not told of, ends by nginx' time limits. */
async function connected(lab: LabUnderTest, holder: string, known: boolean): Promise<OpenConnections> {
  const none = async () => !known || (await told(lab, holder)) === 0;
  await waitFor('the connections of before to be gone', none, { limitMs: 100_000, everyMs: 100 });
  const request = { address: lab.address, port: INGRESS_PORT, count: COUNT };
  const connections = await OpenConnections.open(lab.clientNetns('regular'), request);
  if (known) {
    await waitFor('every node to know the clients', async () => (await told(lab, holder)) === COUNT && heard(lab));
  }
  return connections;
}

/** Waits until another node has the address: one that is cut off keeps it, and nobody can tell it. */
function takenOver(lab: LabUnderTest, from: string): Promise<string> {
  return waitFor('another node to have the address', async () => (await lab.holders()).find((node) => node !== from));
}

describe.skipIf(skip)('clients of a node that is gone', repeated, () => {
  const lab = new LabUnderTest({ name: 'resets' });
  let connections: OpenConnections | undefined;
  lab.register();
  afterEach(async () => {
    connections?.close();
    await lab.heal();
    await lab.ready();
  });

  it('are reset by the node that takes the address over, whether they are idle or wait for an answer', async () => {
    const holder = await lab.ready();
    connections = await connected(lab, holder, true);
    const { injectedAt } = await lab.inject('switch-cut', holder);
    const ended = await connections.allEnded();
    const afterMs = ended.map(({ atMs }) => atMs - injectedAt.monotonicMs).toSorted((a, b) => a - b);
    const text = (ms = Number.NaN) => ms.toFixed(0);
    say(
      `clients of a node that was cut off: the first reset after ${text(afterMs[0])} ms, the last after ${text(afterMs.at(-1))} ms`,
    );
    expect(new Set(ended.map(({ code }) => code))).toEqual(new Set(['ECONNRESET']));
    expect(afterMs.at(-1)).toBeLessThan(RESET_LIMIT_MS);
    const successor = await takenOver(lab, holder);
    expect((await lab.status(successor)).resetConnections).toMatchObject({ last: { asked: COUNT, refused: 0 } });
  });

  it('are reset as well by a node that was cut off, had the address all the time and goes on with it', async () => {
    // The one that is preferred to all others is reached after as many cuts as there are nodes.
    for (let cuts = 0; cuts < lab.nodes.length; cuts++) {
      const holder = await lab.ready();
      await lab.inject('switch-cut', holder);
      const between = await takenOver(lab, holder);
      connections = await OpenConnections.open(lab.clientNetns('regular'), {
        ...{ address: lab.address, port: INGRESS_PORT, count: COUNT },
      });
      await waitFor('the clients to be told of', async () => (await told(lab, between)) >= COUNT);
      await lab.heal();
      if ((await lab.ready()) === holder) {
        const ended = await connections.allEnded();
        expect(new Set(ended.map(({ code }) => code))).toEqual(new Set(['ECONNRESET']));
        return;
      }
      connections.close();
    }
    expect.fail('no node got the address back');
  });

  it('are asked from virtual addresses alone that are here, and only where a client can be', async () => {
    const holder = await lab.ready();
    const backup = lab.nodes.find((node) => node !== holder) ?? '';
    const [vip, own, client] = [lab.address, lab.host(holder).address, lab.network.client.address];
    const ask = (node: string, ...lines: string[]) => new Resetter({ directory: lab.runtime(node) }).ask(lines);
    const good = `${vip} ${INGRESS_PORT} ${client} 4242`;
    await expect(ask(holder, good, good)).resolves.toEqual({ sent: 2, refused: 0 });
    await expect(ask(backup, good)).resolves.toEqual({ sent: 0, refused: 1 });
    const bad = [
      `${own} ${INGRESS_PORT} ${client} 4242`,
      ...['127.0.0.1', '0.0.0.0', '224.0.0.18', '255.255.255.255', '::1', '2001:db8::1'].map(
        (address) => `${vip} ${INGRESS_PORT} ${address} 4242`,
      ),
      ...['0', '65536', '-1', '1x', ''].map((port) => `${vip} ${INGRESS_PORT} ${client} ${port}`),
      ...[`${good} more`, vip, '', `${good}\0`.slice(0, 9)],
    ];
    await expect(ask(holder, ...bad)).resolves.toEqual({ sent: 0, refused: bad.length });
    await expect(ask(holder, good, 'x'.repeat(129))).rejects.toThrow('a line is too long');
    await expect(ask(holder, good)).resolves.toEqual({ sent: 1, refused: 0 });
  });

  it.each([
    ['ask', /^CapPrm:\t0+\nCapEff:\t0+$/m],
    ['list', /^CapPrm:\t0+1000\nCapEff:\t0+1000$/m],
  ])('are the business of a program that has no right but what it needs: %s', async (work, rights) => {
    const programs = processesInNetns(netnsPath(lab.host('node1').netns));
    const found = programs.filter(({ commandLine }) => commandLine.startsWith(`reset-connections ${work} `));
    expect(found).toHaveLength(1);
    const status = readFileSync(`/proc/${found[0]?.pid}/status`, 'utf8');
    expect(status).toMatch(rights);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  });

  it('are reset as well when the address is handed over in good order', async () => {
    const holder = await lab.ready();
    connections = await connected(lab, holder, true);
    await lab.inject('cordon', holder);
    const ended = await connections.allEnded();
    expect(ended).toHaveLength(COUNT);
    // The server's ends as well, which would stay until its own time limits.
    const [program, ...args] = inNetns(lab.host(holder).netns, ['ss', '-Htn', `src ${lab.address}`]);
    const left = async () => (await execa(program, args, { timeout: 10_000 })).stdout === '';
    await waitFor('the old holder to have no connection to the address', left);
  });
});

describe.skipIf(skip)('clients of a node that is gone, where nobody tells them', repeated, () => {
  const lab = new LabUnderTest({ name: 'noresets', set: ['keepalived.resetConnections.enabled=false'] });
  lab.register();

  it('wait for time limits of their own', async () => {
    const holder = await lab.ready();
    const connections = await connected(lab, holder, false);
    try {
      await lab.inject('switch-cut', holder);
      await takenOver(lab, holder);
      // What did not happen can only be waited for.
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
      say(
        `clients of a node that was cut off, told by nobody: ${connections.ended.length} of ${COUNT} noticed within ${WAIT_MS} ms`,
      );
      expect(connections.ended).toEqual([]);
    } finally {
      connections.close();
      await lab.heal();
    }
  });
});

describe.skipIf(skip)('nodes with addresses of IPv6 alone', repeated, () => {
  const lab = new LabUnderTest({ name: 'reset6', set: ['keepalived.vipAddresses={fd00:172:30::100/64}'] });
  lab.register();

  it('tell each other by IPv6 who is connected, and clients are reset', async () => {
    const holder = await lab.ready();
    const connections = await connected(lab, holder, true);
    try {
      const { injectedAt } = await lab.inject('switch-cut', holder);
      const ended = await connections.allEnded();
      const lastMs = Math.max(...ended.map(({ atMs }) => atMs)) - injectedAt.monotonicMs;
      say(`clients of an IPv6 address: the last was reset ${lastMs.toFixed(0)} ms after the cut`);
      expect(lastMs).toBeLessThan(RESET_LIMIT_MS);
    } finally {
      connections.close();
      await lab.heal();
    }
  });
});
