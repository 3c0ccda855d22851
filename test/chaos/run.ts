import { setTimeout as delay } from 'node:timers/promises';
import type { Clients } from '../clients/clients.ts';
import type { ClusterFaultName } from '../cluster/fault-names.ts';
import {
  applyManifest,
  deletePool,
  freeAddresses,
  holdersByAddress,
  patchPool,
  poolObject,
  waitForShares,
  waitGone,
} from '../environment/pools.ts';
import type { Site } from '../environment/site.ts';
import { AddressWatch } from '../support/address-watch.ts';
import { monotonicMs } from '../support/clock.ts';
import { holderSpans } from '../support/holdings.ts';
import { say } from '../support/print.ts';
import type { StallWatch } from '../support/stalls.ts';
import { succeeds } from '../support/succeeds.ts';
import { type Isolation, reachableSpans } from './holders.ts';
import { type AddressRound, figuresOf, type RoundFigures, violationsOf } from './judge.ts';
import { type Round, type Scene, Schedule, type Strike } from './schedule.ts';
import { ChaosServices } from './services.ts';

/** A round as it was. */
export interface RoundResult extends RoundFigures {
  readonly round: Round;
  /** From the repair until edits were in force and every node had its share again, in milliseconds. */
  readonly evenMs: number;
  /** Longest time for which the machine itself gave a core no time, in milliseconds. */
  readonly stallMs: number;
  /** Promises that were not kept, in words. */
  readonly violations: readonly string[];
}

const POOL = 'chaos';
/** Host numbers in the nodes' network that no machine has. */
const FIRST_HOST = 150;
const STEADY_ADDRESSES = 6;
const SPARE_ADDRESSES = 4;
/** Of Services: their names, and addresses that their pool always has, and at times. */
const SERVICE_NAMES = ['one', 'two', 'three', 'four', 'five', 'six'];
const FIRST_OF_SERVICES = 170;
const OF_SERVICES = 12;
const EXTRA_OF_SERVICES = 4;
/** Faults after which a node cannot be reached, or does nothing. */
const ISOLATING: readonly ClusterFaultName[] = ['link-cut', 'switch-cut', 'node-freeze'];
const EVEN_LIMIT_MS = 150_000;
const GONE_LIMIT_MS = 60_000;

/** What is to happen. */
interface ChaosOptions {
  readonly seed: number;
  /** Whether Services come and go besides. */
  readonly services?: boolean;
}

interface ChaosDependencies {
  readonly stalls: Pick<StallWatch, 'longestDuring'>;
  readonly signal: AbortSignal;
}

function servicesScene(site: Site) {
  const addresses = freeAddresses(site, FIRST_OF_SERVICES, OF_SERVICES);
  const extra = freeAddresses(site, FIRST_OF_SERVICES + OF_SERVICES, EXTRA_OF_SERVICES);
  return { names: SERVICE_NAMES, addresses, extra };
}

/** Strikes nodes and the control plane under a pool of addresses, round after round, and judges what became of the addresses. */
export class Chaos {
  readonly #site: Site;
  readonly #signal: AbortSignal;
  readonly #stalls: Pick<StallWatch, 'longestDuring'>;
  readonly #steady: readonly string[];
  readonly #all: readonly string[];
  readonly #schedule: Schedule;
  readonly #clients: Clients;
  readonly #watch = new AddressWatch();
  /** Undefined: there are none. */
  readonly #services: ChaosServices | undefined;
  /** What the pool has now. */
  #wanted: readonly string[];

  /**
   * @param site an own cluster, on which the chart with the controller is installed
   * @param seed of the schedule
   */
  constructor(site: Site, { seed, services = false }: ChaosOptions, { stalls, signal }: ChaosDependencies) {
    this.#site = site;
    this.#signal = signal;
    this.#stalls = stalls;
    this.#steady = freeAddresses(site, FIRST_HOST, STEADY_ADDRESSES);
    const spare = freeAddresses(site, FIRST_HOST + STEADY_ADDRESSES, SPARE_ADDRESSES);
    this.#all = [...this.#steady, ...spare];
    this.#wanted = this.#steady;
    this.#services = services ? new ChaosServices(site, servicesScene(site)) : undefined;
    this.#schedule = new Schedule(seed, { ...this.#scene(), spare, ...(services ? { services: SERVICE_NAMES } : {}) });
    this.#clients = site.clients(this.#steady);
  }

  /** Makes the pool, and waits until its addresses are spread and answer. */
  async start(): Promise<void> {
    await applyManifest(this.#site, poolObject(POOL, { addresses: this.#steady, failback: { delaySeconds: 2 } }));
    this.#watch.watch(this.#site.cluster.plan.nodes);
    await this.#services?.start();
    await this.#even();
    await this.#clients.start();
  }

  /** Ends clients and observers; the pool stays. */
  async stop(): Promise<void> {
    this.#watch.stop();
    await this.#clients.stop();
  }

  /** Removes the pool. @throws Error when an address is left on a node */
  async clear(): Promise<void> {
    await this.#services?.clear();
    await deletePool(this.#site, POOL);
    await waitGone(this.#site, this.#all, GONE_LIMIT_MS);
  }

  /** Strikes, holds, repairs, and waits until all is well again. @throws Error when it does not become well */
  async round(): Promise<RoundResult> {
    const round = this.#schedule.next();
    say(`round ${round.number}: ${describeStrikes(round)}, to be held ${(round.holdMs / 1000).toFixed(1)} s`);
    const before = await holdersByAddress(this.#site);
    const beganMs = monotonicMs();
    const struck: Isolation[] = [];
    for (const strike of round.strikes) {
      await this.#pause(beganMs + strike.atMs - monotonicMs());
      struck.push(...(await this.#strike(strike)));
    }
    await this.#pause(round.holdMs);
    const isolations = await this.#reconnect(struck);
    await this.#site.cluster.heal();
    const healedMs = monotonicMs();
    await this.#even();
    const ofServices = (await this.#services?.settle()) ?? { living: [], violations: [] };
    const evenMs = monotonicMs() - healedMs;
    await this.#clients.longestOutage(beganMs);
    await this.#pause(round.pauseMs);
    const times = { beganMs, healedMs, endedMs: monotonicMs() };
    const watched = [...this.#steady, ...ofServices.living];
    const rounds = watched.map((address) => this.#seen(address, before, isolations, times));
    return {
      round,
      evenMs,
      stallMs: this.#stalls.longestDuring(times.beganMs, times.endedMs),
      ...figuresOf(rounds, times),
      violations: [...rounds.flatMap((each) => violationsOf(each, times)), ...ofServices.violations],
    };
  }

  #scene(): Omit<Scene, 'spare'> {
    const plan = this.#site.cluster.plan;
    const [controlPlane] = plan.controlPlanes;
    if (controlPlane === undefined) throw new Error('a cluster has a control plane');
    return { nodes: plan.nodes.map(({ name }) => name), controlPlane: controlPlane.name };
  }

  async #pause(ms: number): Promise<void> {
    await delay(Math.max(0, ms), undefined, { signal: this.#signal });
  }

  /** @returns the isolation that begins with it, which has no end yet */
  async #strike(strike: Strike): Promise<Isolation[]> {
    if ('edit' in strike) {
      await this.#edit(strike);
      return [];
    }
    if (!('fault' in strike)) {
      await this.#services?.strike(strike);
      return [];
    }
    const { fault, node } = strike;
    if (fault === 'controller-kill') {
      await this.#killController();
      return [];
    }
    const { injectedAt } = await this.#site.cluster.inject(fault, node);
    if (!ISOLATING.includes(fault)) return [];
    return [{ node, fromMs: injectedAt.monotonicMs, toMs: Number.POSITIVE_INFINITY }];
  }

  async #edit({ edit, address }: Extract<Strike, { edit: string }>): Promise<void> {
    this.#wanted = edit === 'add' ? [...this.#wanted, address] : this.#wanted.filter((each) => each !== address);
    await patchPool(this.#site, POOL, { addresses: this.#wanted });
  }

  /** Replicas may be on any nodes, and none where one was killed a moment ago. */
  async #killController(): Promise<void> {
    for (const node of this.#scene().nodes) {
      const killed = await succeeds(() => this.#site.cluster.inject('controller-kill', node));
      if (killed) return;
    }
    throw new Error('no controller runs on any node');
  }

  /** Repairs what isolates nodes, one after the other. @returns when each was isolated */
  async #reconnect(struck: readonly Isolation[]): Promise<Isolation[]> {
    const ended: Isolation[] = [];
    for (const { node, fromMs } of struck) {
      for (const fault of ISOLATING) await this.#site.cluster.heal({ fault, node });
      ended.push({ node, fromMs, toMs: monotonicMs() });
    }
    return ended;
  }

  /** Waits until edits are in force, and every node has its share of the pool: all of them serve then. */
  async #even(): Promise<void> {
    const nodes = this.#scene().nodes.length;
    const least = Math.floor(this.#wanted.length / nodes);
    const more = this.#wanted.length % nodes;
    const shares = Array.from({ length: nodes }, (_, index) => least + Number(index < more));
    await waitForShares(this.#site, this.#wanted, shares, EVEN_LIMIT_MS);
    const unwanted = this.#all.filter((address) => !this.#wanted.includes(address));
    await waitGone(this.#site, unwanted, GONE_LIMIT_MS);
  }

  #seen(
    address: string,
    before: ReadonlyMap<string, readonly string[]>,
    isolations: readonly Isolation[],
    { beganMs, endedMs }: { readonly beganMs: number; readonly endedMs: number },
  ): AddressRound {
    const events = this.#watch.changes(address, beganMs);
    const spans = holderSpans({ initial: before.get(address) ?? [], events, fromMs: beganMs, toMs: endedMs });
    const outages = this.#clients.outages(beganMs, { address }).filter(({ fromMs }) => fromMs < endedMs);
    return { address, spans: reachableSpans(spans, isolations), outages };
  }
}

/** A round's strikes for people, in their order. */
function describeStrikes({ strikes }: Round): string {
  const words = strikes.map((strike) => {
    if ('edit' in strike) return `${strike.edit} ${strike.address}`;
    if ('pool' in strike) return `${strike.pool} the pool of Services`;
    if ('service' in strike) return `Service ${strike.name}: ${strike.service}`;
    return strike.fault === 'controller-kill' ? strike.fault : `${strike.fault} ${strike.node}`;
  });
  return words.join(', ');
}
