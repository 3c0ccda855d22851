import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { ApiLoad, ApiLoadReport } from '../clients/api-load.ts';
import { API_SERVER_PORT, type MachinePlan } from '../cluster/plan.ts';
import { pidsOf } from '../cluster/status.ts';
import { waitForApiServers } from '../environment/api-servers.ts';
import { monotonicMs } from '../support/clock.ts';
import { INTERFACE, ip } from '../support/netns.ts';
import { processRef, signalAll, waitGone } from '../support/processes.ts';
import type { WatchedRun } from '../support/undisturbed.ts';
import { waitFor } from '../support/wait.ts';
import type { ControlPlaneSite } from './control-plane-site.ts';
import { type ControlPlaneChange, NEW_PER_SECOND_MEANWHILE, WATCHES } from './control-plane-suites.ts';

/** A change as clients saw it. */
export interface ChangeRun {
  readonly failed: number;
  /** The same by k0s's way at the same time; null where that was not asked. */
  readonly relayFailed: number | null;
  /** What the case says is timed, in ms. */
  readonly timedMs: number;
}

const LIMIT = { limitMs: 120_000, everyMs: 5 };
/** As many requests before something, and after it. */
const SOME_REQUESTS = 25;
/** Part of the even share by which one server may have more or less. */
const UNEVEN = 0.1;
/** Of few watches one more or less is no matter. */
const LEAST_DIFFERENCE = 1.5;
const MANY_WATCHES = 90;
/** Host number of an address that no machine has. */
const EXTRA_HOST = 200;
const SLICE = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes';
const REQUEST_LIMIT_MS = 10_000;

function failingsOf({ failures, gaps }: ApiLoadReport, watchesMayMove: boolean): WatchedRun<ChangeRun>['failings'] {
  const failed = failures.map(({ atMs, tookMs }) => ({ fromMs: atMs, toMs: atMs + tookMs }));
  const moved = watchesMayMove ? [] : gaps.map(({ closedAtMs, backAtMs }) => ({ fromMs: closedAtMs, toMs: backAtMs }));
  return [...failed, ...moved];
}

async function more(load: ApiLoad, count = SOME_REQUESTS): Promise<void> {
  const before = load.requests;
  await load.until('more requests', () => load.requests >= before + count);
}

/** Ends an API server in order, and waits until it is there again, with its whole share. */
async function restart(plane: ControlPlaneSite, machine: MachinePlan): Promise<void> {
  const pids = pidsOf(machine, 'kube-apiserver');
  const refs = pids.flatMap((pid) => processRef(pid) ?? []);
  signalAll(pids, 'SIGTERM');
  await waitGone(refs, LIMIT.limitMs);
  await waitForApiServers(plane.site.cluster);
  await plane.waitForShares(await plane.entry('this'), plane.machines.length);
}

/** All API servers are restarted in order, one after the other. Timed: the longest that a watch was away. */
async function rollingRestart(plane: ControlPlaneSite): Promise<WatchedRun<ChangeRun>> {
  const given = { perSecond: NEW_PER_SECOND_MEANWHILE, watches: WATCHES };
  const load = await plane.clients('this', given);
  const relayed = await plane.clients("k0s's way", given).catch(async (error: Error) => {
    await load.stop();
    throw error;
  });
  try {
    await more(load);
    for (const machine of plane.machines) await restart(plane, machine);
    await more(load);
    const report = await load.report();
    const { failures } = await relayed.report();
    const timedMs = Math.max(0, ...report.gaps.map(({ closedAtMs, backAtMs }) => backAtMs - closedAtMs));
    const run = { failed: report.failures.length, relayFailed: failures.length, timedMs };
    return { run, failings: failingsOf(report, true) };
  } finally {
    await load.stop();
    await relayed.stop();
  }
}

/** Whether every server has about its share. Pure. */
export function isEven(watching: Readonly<Record<string, number>>, servers: number): boolean {
  const counts = Object.values(watching);
  const share = counts.reduce((sum, count) => sum + count, 0) / servers;
  const allowed = Math.max(share * UNEVEN, LEAST_DIFFERENCE);
  return counts.length === servers && counts.every((count) => Math.abs(count - share) <= allowed);
}

/** An API server that was killed is started again. Timed: from when HAProxy gives it connections until watches are even. */
async function serverReturns(plane: ControlPlaneSite, run: number): Promise<WatchedRun<ChangeRun>> {
  const { name } = await plane.other('this', run);
  const holder = await plane.entry('this');
  await plane.site.cluster.inject('apiserver-stop', name);
  const load = await plane.clients('this', { perSecond: NEW_PER_SECOND_MEANWHILE, watches: MANY_WATCHES });
  try {
    await more(load);
    const back = waitFor(
      `${name} among the servers`,
      async () => {
        const up = (await plane.servers(holder)).filter(({ up: isUp, admin }) => isUp && admin === 'ready');
        return up.length === plane.machines.length && monotonicMs();
      },
      LIMIT,
    );
    const [upAtMs] = await Promise.all([back, plane.site.cluster.heal()]);
    await waitFor('an even share', () => isEven(load.watching, plane.machines.length), LIMIT);
    const timedMs = monotonicMs() - upAtMs;
    await more(load);
    const report = await load.report();
    return {
      run: { failed: report.failures.length, relayFailed: null, timedMs },
      failings: failingsOf(report, true),
    };
  } finally {
    await load.stop();
    await plane.site.cluster.heal();
  }
}

/** The addresses in the slice of the Service `kubernetes`, which can be changed; the API servers put their own back every few seconds. */
class Slice {
  readonly #url: string;
  readonly #agent: Agent;

  constructor(plane: ControlPlaneSite, machine: MachinePlan) {
    const { caFile, certFile, keyFile } = plane.files;
    const [ca, cert, key] = [caFile, certFile, keyFile].map((file) => readFileSync(file));
    this.#url = `https://${machine.ipv4}:${API_SERVER_PORT}${SLICE}`;
    this.#agent = new Agent({ ...(ca && cert && key ? { ca, cert, key } : {}), keepAlive: true });
  }

  /** Gives when the API had said that it is so, in ms of CLOCK_MONOTONIC. @throws Error when it did not */
  async put(addresses: readonly string[]): Promise<number> {
    const endpoints = addresses.map((address) => ({ addresses: [address], conditions: { ready: true } }));
    const { atMs } = await this.#ask('PATCH', { endpoints });
    return atMs;
  }

  /** Whether an address is in it now. @throws Error when the API does not say */
  async has(address: string): Promise<boolean> {
    const { body } = await this.#ask('GET');
    const { endpoints } = JSON.parse(body) as { endpoints?: readonly { addresses: readonly string[] }[] };
    return endpoints?.some(({ addresses }) => addresses.includes(address)) ?? false;
  }

  #ask(method: 'GET' | 'PATCH', content?: object): Promise<{ readonly atMs: number; readonly body: string }> {
    const headers = { 'content-type': 'application/merge-patch+json' };
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(REQUEST_LIMIT_MS);
      const asked = request(this.#url, { method, agent: this.#agent, headers, signal }, (response) => {
        const atMs = monotonicMs();
        if (response.statusCode !== 200) {
          response.resume();
          reject(new Error(`the API server says ${response.statusCode} to a ${method} of its slice`));
          return;
        }
        text(response).then((body) => resolve({ atMs, body }), reject);
      });
      asked.once('error', reject);
      asked.end(content === undefined ? undefined : JSON.stringify(content));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** What HAProxy on a node does with a server: null when it does not know it. */
async function admin(plane: ControlPlaneSite, node: string, address: string): Promise<string | null> {
  return (await plane.servers(node)).find((server) => server.address === address)?.admin ?? null;
}

interface Backends {
  readonly plane: ControlPlaneSite;
  readonly holder: string;
  /** Another address of a node, at which its API server answers too. */
  readonly extra: string;
  readonly slice: Slice;
  readonly own: readonly string[];
}

/** With a node that has one more address. */
async function withExtra<T>(plane: ControlPlaneSite, act: (backends: Backends) => Promise<T>): Promise<T> {
  const { ipv4, netns } = await plane.other('this', 0);
  const extra = ipv4.replace(/\d+$/, String(EXTRA_HOST));
  const holder = await plane.entry('this');
  const slice = new Slice(plane, plane.site.cluster.host(holder));
  await ip(['address', 'replace', `${extra}/32`, 'dev', INTERFACE], netns);
  const own = plane.machines.map((machine) => machine.ipv4);
  try {
    return await act({ plane, holder, extra, slice, own });
  } finally {
    await slice.put(own).catch(() => undefined); // the API servers do so themselves
    const forgotten = async () => (await admin(plane, holder, extra)) === null;
    await waitFor(`${extra} to be forgotten`, forgotten, { limitMs: LIMIT.limitMs, everyMs: 100 });
    await ip(['address', 'delete', `${extra}/32`, 'dev', INTERFACE], netns);
    slice.close();
  }
}

/** Changes the slice, while clients connect. Timed: from the API's answer until HAProxy does as it says. */
async function change(
  { plane, holder, extra, slice, own }: Backends,
  added: boolean,
): Promise<WatchedRun<ChangeRun> | undefined> {
  if (!added) {
    await slice.put([...own, extra]);
    await waitFor(`${extra} in use`, async () => (await admin(plane, holder, extra)) === 'ready', LIMIT);
  }
  const load = await plane.clients('this', { perSecond: NEW_PER_SECOND_MEANWHILE, watches: WATCHES });
  try {
    await more(load);
    // The API servers have put their own back meanwhile.
    if (!added && (await admin(plane, holder, extra)) !== 'ready') return undefined;
    const toldAtMs = await slice.put(added ? [...own, extra] : own);
    // An API server may put its own back before the change is in force, and then it never is.
    const inForce = async () => {
      if (((await admin(plane, holder, extra)) === 'ready') === added) return monotonicMs();
      return (await slice.has(extra)) !== added && 'put back';
    };
    const atMs = await waitFor('the change in force', inForce, LIMIT);
    if (atMs === 'put back') return undefined;
    const timedMs = atMs - toldAtMs;
    await more(load);
    const report = await load.report();
    const failed = report.failures.length + report.gaps.length;
    return { run: { failed, relayFailed: null, timedMs: Math.max(0, timedMs) }, failings: failingsOf(report, false) };
  } finally {
    await load.stop();
  }
}

const MOST_TRIES = 10;

async function backendChange(plane: ControlPlaneSite, added: boolean): Promise<WatchedRun<ChangeRun>> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const seen = await withExtra(plane, (backends) => change(backends, added));
    if (seen !== undefined) return seen;
  }
  throw new Error('the API servers put their own addresses back each time before a change was in force');
}

/** Does what a case says, while clients connect and watch. @param run its number from 0 */
export async function measureChange(
  plane: ControlPlaneSite,
  { title }: ControlPlaneChange,
  run: number,
): Promise<WatchedRun<ChangeRun>> {
  await plane.calm();
  switch (title) {
    case 'rolling restart':
      return rollingRestart(plane);
    case 'server returns':
      return serverReturns(plane, run);
    case 'backend added':
    case 'backend removed':
      return backendChange(plane, title === 'backend added');
  }
}
