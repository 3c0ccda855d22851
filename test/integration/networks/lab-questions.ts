import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { type HostPlan, type NetworkPlan, ownAddresses } from '../../lab/network-plan.ts';
import { upgrade } from '../../lab/upgrade.ts';
import { AddressWatch } from '../../support/address-watch.ts';
import { monotonicMs } from '../../support/clock.ts';
import { parseAddresses } from '../../support/held-addresses.ts';
import { fetchIn, inNetns, ip } from '../../support/netns.ts';
import { wakeSupervisor } from '../../support/runtime-directory.ts';
import { Steps } from '../../support/steps.ts';
import { waitFor } from '../../support/wait.ts';
import type { LabUnderTest } from '../lab-under-test.ts';
import { settingsOf, writeSettings } from './settings-files.ts';
import { violationsOf } from './violations.ts';

/* What tests of interfaces and sources ask of a lab. */

/** For what follows from a look: what would go wrong, has gone wrong. */
const FOLLOWED_MS = 3000;
/** A take-over takes less. */
const DOUBLE_MS = 1000;
const quiet = (): void => undefined;
let looks = 0;

interface Status {
  readonly config: { readonly version: string; readonly problem: string | null };
  readonly fitness: { readonly band: number; readonly reason: string } | null;
  readonly keepalived: { readonly configSha256: string | null };
}

/** The nodes of a lab but for one. */
export function others(lab: LabUnderTest, holder: string): string[] {
  return lab.nodes.filter((name) => name !== holder);
}

export async function statusOf(lab: LabUnderTest, node: string): Promise<Status> {
  return (await lab.status(node)) as unknown as Status;
}

/** What a node's sidecar says of the settings on its network; null when all is well. */
export async function problemOf(lab: LabUnderTest, node: string): Promise<string | null> {
  return (await statusOf(lab, node)).config.problem;
}

/** Waits for a node's problem to match, or to be gone. */
export async function waitForProblem(lab: LabUnderTest, node: string, wanted: RegExp | null): Promise<void> {
  let seen: string | null = null;
  await waitFor(
    `${node} to say ${wanted ?? 'that all is well'}`,
    async () => {
      seen = await problemOf(lab, node);
      return wanted === null ? seen === null : seen !== null && wanted.test(seen);
    },
    {},
    () => `it says ${seen}`,
  );
}

/** Changes the chart's values, as `helm upgrade` without the former ones, and waits until every sidecar has them. */
export async function apply(lab: LabUnderTest, ...set: readonly string[]): Promise<void> {
  await upgrade(lab.name, { values: { files: [], set }, reset: true }, quiet);
  await untilTaken(lab, settingsOf(lab.state.release));
}

/** Waits until every sidecar has these settings. */
async function untilTaken(lab: LabUnderTest, ...settings: readonly string[]): Promise<void> {
  const has = async (node: string, index: number) =>
    (await statusOf(lab, node)).config.version === versionOf(settings[index] ?? settings[0] ?? '');
  await waitFor('every sidecar to have the settings', async () =>
    (await Promise.all(lab.nodes.map(has))).every(Boolean),
  );
}

/** Has every sidecar look at its network and every supervisor at its addresses, which each does by itself every five seconds. */
async function look(lab: LabUnderTest): Promise<void> {
  looks += 1;
  await untilTaken(lab, ...(await writeSettings(lab.name, (text) => `${text}# look ${looks}\n`)));
  for (const node of lab.nodes) wakeSupervisor(lab.runtime(node));
}

/** By what sidecars call their settings: the beginning of the file's digest. */
function versionOf(settings: string): string {
  return digest(settings).slice(0, 12);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * As `apply`, with the nodes' addresses of a subnet as peers, and waits until every keepalived speaks by unicast: until then, nodes do not hear
 * each other, and who holds an address is not who will.
 */
export async function applyPeers(lab: LabUnderTest, prefix: string, ...set: readonly string[]): Promise<void> {
  await apply(lab, ...set, peers(lab, prefix));
  const speaks = async (node: string) => {
    const candidate = `${lab.runtimeFile(node, 'candidate.conf')}\n`;
    return (
      candidate.includes('unicast_peer') && digest(candidate) === (await statusOf(lab, node)).keepalived.configSha256
    );
  };
  await waitFor('every keepalived to speak by unicast', async () =>
    (await Promise.all(lab.nodes.map(speaks))).every(Boolean),
  );
}

/** A list of addresses, one for each node, as a value of the chart. */
function peers(lab: LabUnderTest, prefix: string): string {
  const numbers = lab.network.nodes.map((_, index) => `${prefix}${11 + index}`);
  return `keepalived.unicastPeers={${numbers.join(',')}}`;
}

/** A node's own addresses and its routes, as the kernel has them. */
export async function ownNetwork(host: HostPlan): Promise<string[]> {
  const own = ownAddresses(host);
  const [addresses, ...routes] = await Promise.all([
    ip(['-j', 'address', 'show'], host.netns),
    ip(['-4', 'route', 'show', 'table', 'main'], host.netns),
    ip(['-6', 'route', 'show', 'table', 'main'], host.netns),
  ]);
  const lines = routes
    .join('\n')
    .split('\n')
    .map((line) => line.replace(/ (pref medium|linkdown)/g, '').trim());
  return [...parseAddresses(addresses).filter((address) => own.includes(address)), ...lines.filter(Boolean)];
}

/** What of a node's own addresses and routes is missing. */
export async function lostSince(before: readonly string[], host: HostPlan): Promise<string[]> {
  const present = new Set(await ownNetwork(host));
  return before.filter((each) => !present.has(each));
}

/**
 * Does something while every node's addresses are watched, and gives what nobody may ever see: two holders for over a second, or an
 * address on another interface than `nic`.
 * @param body gets what waits until every node has looked at what is there, and done what it does then
 */
export async function watched(
  lab: LabUnderTest,
  nic: string,
  body: (wait: () => Promise<void>) => Promise<void>,
): Promise<string[]> {
  const watch = await AddressWatch.start(lab.network.nodes);
  const steps = new Steps();
  steps.take(monotonicMs(), 'the watch began');
  try {
    await body(async () => {
      await look(lab);
      await delay(FOLLOWED_MS); // the time is what is asked for
    });
    const { addresses } = lab.state.release;
    return addresses.flatMap((address) =>
      violationsOf(
        watch,
        address,
        nic,
        () => DOUBLE_MS,
        (atMs) => steps.when(atMs),
      ),
    );
  } finally {
    watch.stop();
  }
}

/** What of the network does not work before anything is broken: own addresses of nodes at which a client finds no ingress, or another node's. */
export async function unreachable({ client, nodes }: NetworkPlan): Promise<string[]> {
  const said = nodes.flatMap((node) =>
    node.nics
      .flatMap(({ addresses }) => addresses)
      .map(async (own) => {
        const address = own.replace(/\/.*/, '');
        const url = `http://${address.includes(':') ? `[${address}]` : address}/`;
        return (await fetchIn(client.netns, url)).trim() === node.name
          ? []
          : [`${client.name} does not reach ${node.name} at ${address}`];
      }),
  );
  return (await Promise.all(said)).flat();
}

/** Source of a new TCP connection from a node to an address. */
export async function sourceOf(host: HostPlan, address: string, port: number): Promise<string> {
  const script = `const socket = require('node:net').connect(${port}, '${address}', () => {
    console.log(socket.localAddress);
    socket.destroy();
  })`;
  const [program, ...args] = inNetns(host.netns, [process.execPath, '-e', script]);
  return (await execa(program, args, { timeout: 60_000 })).stdout.trim();
}
