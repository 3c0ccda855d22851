import { setTimeout as delay } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import type { NodePlanSpec } from '../../../api/node-plan.ts';
import { healFaults, injectFault } from '../../lab/fault-control.ts';
import type { FaultName } from '../../lab/fault-names.ts';
import type { HostPlan, NetworkPlan } from '../../lab/network-plan.ts';
import { writePlan } from '../../lab/node-plans.ts';
import type { LabState } from '../../lab/state.ts';
import { networkOf } from '../../lab/targets.ts';
import { AddressWatch } from '../../support/address-watch.ts';
import { monotonicMs } from '../../support/clock.ts';
import { NetnsAsker } from '../../support/netns-asker.ts';
import { Steps } from '../../support/steps.ts';
import { lostSince, ownNetwork, unreachable } from './lab-questions.ts';
import { writeSettings } from './settings-files.ts';
import type { Case } from './table.ts';
import { violationsOf } from './violations.ts';

/* One network's story: all its cases are tried, and struck by every fault. What went wrong is kept by case. */

/** An election, a configuration that is taken, a status that is written: what takes longer has gone wrong, also on a busy machine. */
const SETTLE_MS = 30_000;
/** The default route's interface is the last choice, and is waited for: an interface with the subnet may still come. */
const FIRST_SETTLE_MS = 60_000;
/** Two holders for longer than this are two too many. */
const DOUBLE_MS = 1000;
/** How long a fault lasts at least: longer than a second holder may be there. */
const FAULT_MS = 1500;
/** How far apart nodes take settings that name another interface for VRRP than those before: what they would both hold then is found. */
const APART_MS = 2000;
/** Every look has each sidecar tell its whole status. */
const EVERY_MS = 250;
/** The number within its subnet of the first virtual address; pools and settings have ranges of their own. */
const FIRST_NUMBER = { pool: 101, settings: 151 } as const;
const FIRST_ROUTER = { pool: 1, settings: 201 } as const;

/** A case with the addresses that it uses in the lab. */
export interface Attempt {
  readonly case: Case;
  /** Without prefixes. */
  readonly addresses: readonly string[];
  readonly routerId: number;
  /** Name of its pool. */
  readonly pool: string;
}

/** What a fault does to an attempt that is about the node and interface it strikes. */
type Effect = 'none' | 'loses';

interface Strike {
  readonly fault: 'link-down' | 'address-lost';
  readonly node: string;
  readonly nic: string;
}

/** What came of a network's story. */
export interface Outcome {
  /** By the id of the case. */
  readonly findings: ReadonlyMap<string, readonly string[]>;
  /** Own addresses and routes that were lost, or did not work from the start. */
  readonly losses: readonly string[];
  /** Cases, and cases that went through a fault. */
  readonly combinations: number;
}

/** Gives each case its addresses and its router id. Pure. */
export function attemptsOf(cases: readonly Case[]): Attempt[] {
  const numbers = { pool: 0, settings: 0 };
  return cases.map((each) => {
    const index = numbers[each.origin];
    numbers[each.origin] += 1;
    const { ipv4, ipv6 } = each.place;
    const subnets = { ipv4: [ipv4], ipv6: [ipv6], both: [ipv4, ipv6] }[each.families];
    const number = FIRST_NUMBER[each.origin] + index;
    return {
      case: each,
      addresses: subnets.map((subnet) => `${subnet?.prefix}${number}`),
      routerId: FIRST_ROUTER[each.origin] + (index % 50),
      pool: `p${index}`,
    };
  });
}

function nicOf(host: HostPlan, name: string) {
  const nic = host.nics.find((each) => each.name === name);
  if (nic === undefined) throw new Error(`${host.name} has no ${name}`);
  return nic;
}

/** The interface as this node is told to find it. */
function choiceOf({ case: { find, addressNic } }: Attempt, host: HostPlan): string {
  return { subnet: '', name: addressNic, mac: nicOf(host, addressNic).mac }[find];
}

/** The nodes' addresses among the peers; the whole list, as a user gives it. */
function peersOf({ case: { peerPlace, speaks } }: Attempt, nodes: readonly HostPlan[]): string[] {
  const subnet = peerPlace?.[speaks];
  if (subnet === undefined) return [];
  return nodes.map(({ name }) => `${subnet.prefix}${10 + Number(name.slice('node'.length))}`);
}

function planOf(id: string, attempts: readonly Attempt[], host: HostPlan, nodes: readonly HostPlan[]): NodePlanSpec {
  return {
    plan: id,
    pools: attempts.map((attempt) => ({
      name: attempt.pool,
      interface: choiceOf(attempt, host),
      failbackDelaySeconds: null,
    })),
    instances: attempts.map((attempt) => {
      const index = nodes.indexOf(host);
      const peers = peersOf(attempt, nodes).filter((_, position) => position !== index);
      return {
        name: `${attempt.pool}-0`,
        pool: attempt.pool,
        virtualRouterId: attempt.routerId,
        rank: index,
        addresses: [...attempt.addresses],
        ...(peers.length === 0 ? {} : { peers }),
      };
    }),
  };
}

/** The interface that an attempt's settings name for VRRP; where it is to be spoken elsewhere than on the address', the peers say where. */
function namedNicOf({ find, addressNic, vrrpNic }: Case): string | undefined {
  return find !== 'subnet' && vrrpNic === addressNic ? vrrpNic : undefined;
}

/**
 * Whether a pool speaks VRRP on another interface while these settings are in force. What the settings name for VRRP is meant for every
 * instance, the pools' too. Nodes take settings one after the other: until the last has them, they do not hear each other and both hold.
 */
function isMoved({ case: { peers, vrrpNic } }: Attempt, settings: Attempt): boolean {
  const named = namedNicOf(settings.case);
  return peers === 'multicast' && named !== undefined && named !== vrrpNic;
}

/** The settings' part of VRRP for an attempt. */
function vrrpOf(attempt: Attempt, host: HostPlan, nodes: readonly HostPlan[]): object {
  const choice = choiceOf(attempt, host);
  return {
    addresses: attempt.addresses,
    addressInterface: choice,
    interface: namedNicOf(attempt.case) === undefined ? '' : choice,
    unicastPeers: peersOf(attempt, nodes),
    virtualRouterId: attempt.routerId,
  };
}

type StallMs = (fromMs: number, toMs: number) => number;

interface Status {
  readonly config: { readonly problem: string | null };
  readonly pools: { readonly problems?: readonly string[] };
}

/** Tries all cases of one lab. */
export class Story {
  readonly #state: LabState;
  readonly #network: NetworkPlan;
  readonly #watch: AddressWatch;
  readonly #askers: ReadonlyMap<string, NetnsAsker>;
  readonly #stallMs: StallMs;
  readonly #findings = new Map<string, string[]>();
  readonly #losses = new Set<string>();
  readonly #steps = new Steps();
  #combinations = 0;
  #revision = 0;
  #current: Attempt | undefined;
  #signal: AbortSignal | undefined;
  #baseline = new Map<string, readonly string[]>();

  private constructor(state: LabState, watch: AddressWatch, stallMs: StallMs) {
    this.#state = state;
    this.#network = networkOf(state);
    this.#watch = watch;
    this.#askers = new Map(this.#network.nodes.map(({ name, netns }) => [name, new NetnsAsker(netns)]));
    this.#stallMs = stallMs;
  }

  /**
   * Begins the story of a lab that is up.
   * @param stallMs the longest standstill of the machine in a time, in milliseconds
   */
  static async begin(state: LabState, stallMs: StallMs): Promise<Story> {
    return new Story(state, await AddressWatch.start(networkOf(state).nodes), stallMs);
  }

  /** @param signal ends the story early, with its reason as error */
  async run(attempts: readonly Attempt[], signal: AbortSignal): Promise<Outcome> {
    this.#signal = signal;
    try {
      await this.#tell(attempts);
    } finally {
      this.#watch.stop();
      for (const asker of this.#askers.values()) asker.stop();
    }
    return { findings: this.#findings, losses: [...this.#losses], combinations: this.#combinations };
  }

  async #tell(attempts: readonly Attempt[]): Promise<void> {
    const pools = attempts.filter(({ case: { origin } }) => origin === 'pool');
    const settings = attempts.filter(({ case: { origin } }) => origin === 'settings');
    for (const said of await unreachable(this.#network)) this.#losses.add(said);
    await this.#applySettings(undefined);
    for (const host of this.#network.nodes) this.#baseline.set(host.name, await ownNetwork(host));
    await this.#applyPlan(pools);
    await this.#settle(pools, 'after the plan', { limitMs: FIRST_SETTLE_MS });
    // All interfaces for the pools, which are struck together; the settings' way one after the other.
    const nics = [...new Set(attempts.flatMap(({ case: { addressNic, vrrpNic } }) => [addressNic, vrrpNic]))];
    for (const nic of nics) await this.#strikeAll(pools, nic);
    let planned: readonly Attempt[] = pools;
    // Those first that name nothing for VRRP: as long as they are told, all pools are there and must stay as they are.
    const names = (attempt: Attempt) => Number(namedNicOf(attempt.case) !== undefined);
    for (const attempt of settings.toSorted((a, b) => names(a) - names(b))) {
      planned = await this.#withdraw(planned, (pool) => isMoved(pool, attempt));
      await this.#trySettings(attempt);
    }
    this.#judge(pools);
    await this.#compareOwn('at the end');
  }

  async #trySettings(attempt: Attempt): Promise<void> {
    this.#step(`settings of ${attempt.case.id}`);
    await this.#applySettings(attempt, this.#namesAnother(attempt) ? APART_MS : 0);
    await this.#settle([attempt], 'after the settings', { limitMs: FIRST_SETTLE_MS });
    if (isStruck(attempt.case) && !this.#findings.has(attempt.case.id))
      await this.#strikeAll([attempt], attempt.case.vrrpNic);
    this.#judge([attempt]);
  }

  /** Takes pools out of the plan, and gives those that stay. */
  async #withdraw(planned: readonly Attempt[], isMeant: (pool: Attempt) => boolean): Promise<readonly Attempt[]> {
    const withdrawn = planned.filter(isMeant);
    if (withdrawn.length === 0) return planned;
    const staying = planned.filter((pool) => !withdrawn.includes(pool));
    await this.#applyPlan(staying);
    const unmet = await this.#until(withdrawn, (pool) => {
      const holders = this.#holdersText(pool);
      return holders === 'nobody' ? undefined : `held by ${holders}`;
    });
    this.#note(unmet, 'withdrawn: ');
    return staying;
  }

  /** Each fault, on the node that holds what it strikes and on one that does not. */
  async #strikeAll(attempts: readonly Attempt[], nic: string): Promise<void> {
    if (this.#network.nodes[0]?.nics.every(({ name, addresses }) => name !== nic || addresses.length === 0)) return;
    const strikes = [
      { fault: 'link-down', node: 'node1' },
      { fault: 'link-down', node: 'node1' },
      { fault: 'address-lost', node: 'node2' },
      { fault: 'address-lost', node: 'node2' },
    ] as const;
    for (const strike of strikes) await this.#strike(attempts, { ...strike, nic });
  }

  async #strike(attempts: readonly Attempt[], strike: Strike): Promise<void> {
    const { fault, node, nic } = strike;
    const label = `${fault} of ${nic} on ${node}`;
    this.#combinations += attempts.length;
    const before = new Map(attempts.map((attempt) => [attempt, this.#holder(attempt)]));
    const beganMs = monotonicMs();
    this.#step(label);
    await injectFault(this.#state.name, fault satisfies FaultName, node, nic);
    await this.#nudge();
    const unmet = await this.#until(attempts, (attempt, problems) =>
      this.#whileStruck(attempt, strike, before.get(attempt), problems),
    );
    this.#note(unmet, `${label}: `);
    await delay(Math.max(0, beganMs + FAULT_MS - monotonicMs())); // the time is what is asked for
    await this.#compareOwn(label, strike);
    this.#step(`healing ${label}`);
    await healFaults(this.#state.name);
    await this.#nudge();
    await this.#settle(attempts, `after ${label}`, { isNew: false });
    await this.#compareOwn(`after ${label}`);
  }

  /** What is not yet as it must be while a fault lasts; undefined when all is. */
  #whileStruck(
    attempt: Attempt,
    strike: Strike,
    before: string | undefined,
    problems: ReadonlyMap<string, string>,
  ): string | undefined {
    if (!attempt.case.held) return this.#unheld(attempt, problems);
    const effect = effectOf(attempt.case, strike);
    const holder = this.#holder(attempt);
    const told = problems.get(strike.node) ?? '';
    if (effect === 'none') {
      return holder === before
        ? undefined
        : `moved from ${before} to ${holder ?? 'nobody'}, though it is not concerned`;
    }
    const sound = this.#network.nodes.find(({ name }) => name !== strike.node)?.name;
    if (holder !== sound) return `held by ${this.#holdersText(attempt)}, not by ${sound}`;
    return told === '' ? `${strike.node} tells no problem` : undefined;
  }

  #unheld(attempt: Attempt, problems: ReadonlyMap<string, string>): string | undefined {
    const silent = this.#network.nodes.filter(({ name }) => (problems.get(name) ?? '') === '');
    const holders = this.#holdersText(attempt);
    if (holders !== 'nobody') return `held by ${holders}, though nothing can speak VRRP there`;
    return silent.length === 0 ? undefined : `${silent.map(({ name }) => name).join(' and ')} tells no problem`;
  }

  /** Waits until every attempt has exactly one holder and no problem, or what it must have instead. */
  async #settle(
    attempts: readonly Attempt[],
    label: string,
    { isNew = true, limitMs = SETTLE_MS }: { isNew?: boolean; limitMs?: number },
  ): Promise<void> {
    if (isNew) this.#combinations += attempts.length;
    const unmet = await this.#until(
      attempts,
      (attempt, problems) => {
        if (!attempt.case.held) return this.#unheld(attempt, problems);
        if (this.#holder(attempt) === undefined) return `held by ${this.#holdersText(attempt)}`;
        const told = [...problems].find(([, problem]) => problem !== '');
        return told === undefined ? undefined : `${told[0]} tells a problem: ${told[1]}`;
      },
      limitMs,
    );
    this.#note(unmet, `${label}: `);
  }

  /** Looks until nothing is missing; gives what is missing in the end. */
  async #until(
    attempts: readonly Attempt[],
    missing: (attempt: Attempt, problems: ReadonlyMap<string, string>) => string | undefined,
    limitMs = SETTLE_MS,
  ): Promise<Map<Attempt, string>> {
    const endMs = monotonicMs() + limitMs;
    for (;;) {
      this.#signal?.throwIfAborted();
      const problems = await this.#problems();
      const unmet = new Map<Attempt, string>();
      // What has failed is not waited for again.
      for (const attempt of attempts.filter(({ case: { id } }) => !this.#findings.has(id))) {
        const said = missing(attempt, problemsOf(attempt, problems));
        if (said !== undefined) unmet.set(attempt, said);
      }
      if (unmet.size === 0 || monotonicMs() > endMs) return unmet;
      await delay(EVERY_MS);
    }
  }

  #note(unmet: ReadonlyMap<Attempt, string>, prefix: string): void {
    for (const [{ case: each }, said] of unmet) this.#find(each.id, `${prefix}${said}`);
  }

  #find(id: string, said: string): void {
    this.#findings.set(id, [...(this.#findings.get(id) ?? []), said]);
  }

  /** The one node that holds all addresses of an attempt. */
  #holder({ addresses }: Attempt): string | undefined {
    const holders = addresses.map((address) => this.#watch.holders(address).join());
    const [first = ''] = holders;
    return first !== '' && !first.includes(',') && holders.every((each) => each === first) ? first : undefined;
  }

  #holdersText({ addresses }: Attempt): string {
    const texts = addresses.map((address) => this.#watch.holders(address).join(' and ') || 'nobody');
    return [...new Set(texts)].join(', other family: ');
  }

  /** What may never have been, however short. */
  #judge(attempts: readonly Attempt[]): void {
    const limitMs = (fromMs: number, toMs: number) => DOUBLE_MS + this.#stallMs(fromMs, toMs);
    const when = (atMs: number) => this.#steps.when(atMs);
    for (const { case: each, addresses } of attempts) {
      for (const address of addresses) {
        for (const said of violationsOf(this.#watch, address, each.addressNic, limitMs, when))
          this.#find(each.id, said);
      }
    }
  }

  async #problems(): Promise<Map<string, Status | undefined>> {
    const entries = [...this.#askers].map(async ([name, asker]) => {
      const answer = await asker.ask(`${this.#state.release.sidecarUrl}/status`);
      return [name, answer === '' ? undefined : (JSON.parse(answer) as Status)] as const;
    });
    return new Map(await Promise.all(entries));
  }

  /** Everything that a node had before is there, but for what the fault on this very node took. */
  async #compareOwn(label: string, strike?: Strike): Promise<void> {
    for (const host of this.#network.nodes.filter(({ name }) => name !== strike?.node)) {
      const lost = await lostSince(this.#baseline.get(host.name) ?? [], host);
      for (const each of lost) this.#losses.add(`${label}: ${host.name} lost ${each}`);
    }
  }

  #step(what: string): void {
    this.#steps.take(monotonicMs(), what);
  }

  async #applyPlan(attempts: readonly Attempt[]): Promise<void> {
    this.#step(`a plan of ${attempts.length} pools`);
    const { nodes } = this.#network;
    await Promise.all(
      nodes.map((host) => writePlan(this.#state.name, host.name, planOf('matrix', attempts, host, nodes))),
    );
  }

  /** Gives every node settings of its own: a MAC address is another one on each. Undefined: none but the pools'. */
  async #applySettings(attempt: Attempt | undefined, apartMs = 0): Promise<void> {
    const { nodes } = this.#network;
    this.#revision += 1;
    const change = (text: string, host: HostPlan) => {
      const { vrrp, ...others } = parse(text) as { vrrp: object };
      const own = attempt === undefined ? { addresses: [], unicastPeers: [] } : vrrpOf(attempt, host, nodes);
      return `${stringify({ ...others, vrrp: { ...vrrp, ...own } })}# ${this.#revision}\n`;
    };
    await writeSettings(this.#state.name, change, apartMs);
    this.#current = attempt;
  }

  /** Whether settings name another interface for VRRP than those that are in force. */
  #namesAnother(attempt: Attempt): boolean {
    return namedNicOf(attempt.case) !== (this.#current && namedNicOf(this.#current.case));
  }

  /** The same settings once more, as a new version: the sidecar looks at its network at once. */
  async #nudge(): Promise<void> {
    await this.#applySettings(this.#current);
  }
}

/** The settings' cases that are struck by faults: every list of peers at every place, found by subnet. */
function isStruck({ find, families, place }: Case): boolean {
  return (
    find === 'subnet' && families === (place.ipv6 === undefined ? 'ipv4' : place.ipv4 === undefined ? 'ipv6' : 'both')
  );
}

/** Whether a node that is struck goes on holding the address. */
function effectOf({ vrrpNic, addressNic, speaks, peers, find, place }: Case, { fault, nic }: Strike): Effect {
  if (fault === 'link-down') return nic === vrrpNic || nic === addressNic ? 'loses' : 'none';
  // By multicast IPv6 speaks from its link-local address, which stays.
  const isMute = nic === vrrpNic && (speaks === 'ipv4' || peers !== 'multicast');
  // An address that belongs to an interface by its subnet is better on a node that has the subnet.
  const isAstray = nic === addressNic && find === 'subnet' && place.own;
  return isMute || isAstray ? 'loses' : 'none';
}

/** What each node says of one attempt. */
function problemsOf(attempt: Attempt, statuses: ReadonlyMap<string, Status | undefined>): Map<string, string> {
  const entries = [...statuses].map(([node, status]) => {
    if (status === undefined) return [node, 'the sidecar does not answer'] as const;
    if (attempt.case.origin === 'settings') return [node, status.config.problem ?? ''] as const;
    const about = new RegExp(`(?<![\\w-])${attempt.pool}(?![\\w])`);
    return [node, (status.pools.problems ?? []).filter((problem) => about.test(problem)).join('; ')] as const;
  });
  return new Map(entries);
}
