import type { Logger } from 'pino';
import { familyOf, HOST_PREFIX_LENGTH } from '../../common/addresses.ts';
import type { DesiredLoopback } from '../desired/desired.ts';
import { LOOPBACK, type VirtualAddress } from '../desired/vrrp-instance.ts';
import { type Fitness, type FitnessInput, servesElected, sharesIn } from '../fitness/fitness.ts';
import { FitnessController, reviewAll } from '../fitness/fitness-controller.ts';
import { type HeldAddress, HolderTracker } from '../keepalived/holder.ts';
import type { PresentAddresses } from '../network/network.ts';

/** How often lo is looked at. */
const POLL_MILLIS = 250;

interface LoopbackDependencies {
  /** What the node contributes to a decision. */
  readonly inputOf: (desired: DesiredLoopback) => Pick<FitnessInput, 'checks' | 'draining' | 'cordoned'>;
  readonly presentAddresses: () => PresentAddresses;
  /** Whether this node is elected for what goes by a name; undefined where that is not known yet. */
  readonly isElected: (name: string) => boolean | undefined;
  /** Called when it is to be decided anew what is asked for. */
  readonly onDecided: () => void;
  /** Called after anything changed that is shown. */
  readonly onChange: () => void;
  readonly log: Logger;
}

/** What is known of addresses that are to be on lo. */
export interface LoopbackView {
  readonly name: string;
  readonly pool: string;
  /** Undefined before the first decision. */
  readonly fitness: Fitness | undefined;
  /** Whether the addresses are to be on lo; undefined before the first decision. */
  readonly serves: boolean | undefined;
  /** Whether this node is elected, null while that is not known; absent: nobody is elected for them. */
  readonly elected?: boolean | null;
  readonly addresses: readonly HeldAddress[];
}

function onLo(address: string): VirtualAddress {
  const family = familyOf(address);
  return { address, family, prefixLength: HOST_PREFIX_LENGTH[family], interface: LOOPBACK, found: 'name' };
}

/** Addresses that go by one name: whether the node is fit for them, and which are there. */
class Member {
  readonly fitness: FitnessController;
  readonly holder: HolderTracker;
  readonly #isElected: LoopbackDependencies['isElected'];
  #desired: DesiredLoopback;

  constructor(desired: DesiredLoopback, dependencies: LoopbackDependencies) {
    const { inputOf, presentAddresses, isElected, onDecided, onChange, log } = dependencies;
    this.#isElected = isElected;
    const { name, pool } = desired;
    this.#desired = desired;
    this.holder = new HolderTracker({
      presentAddresses,
      onChange: ({ holder }) => {
        log.info({ pool, of: name, holder }, 'addresses on lo');
        onChange();
      },
      onAddresses: onChange,
    });
    this.fitness = new FitnessController({
      collect: (nowMs) => ({
        ...inputOf(this.#desired),
        ...{ nowMs, holder: false, rank: 0, policy: this.#desired.policy },
      }),
      // All that is asked for is in one file, which is written for all of them.
      apply: () => undefined,
      onChange: (fitness) => {
        onDecided();
        log.info({ pool, of: name, reason: fitness.reason, serves: this.serves }, 'fitness for lo changed');
        onChange();
      },
      onError: (error) => log.error({ err: error }, 'cannot decide what is to be on lo; trying again'),
      now: () => performance.now(),
    });
    this.desired = desired;
  }

  get desired(): DesiredLoopback {
    return this.#desired;
  }

  /** Whether the addresses are to be on lo; undefined while that cannot be said. */
  get serves(): boolean | undefined {
    const { fitness } = this.fitness;
    if (fitness === undefined) return undefined;
    if (this.#desired.elected !== true) return sharesIn(fitness);
    return servesElected(fitness) ? this.#isElected(this.#desired.name) : false;
  }

  set desired(desired: DesiredLoopback) {
    this.#desired = desired;
    this.holder.setAddresses(desired.addresses.map(onLo));
  }
}

/** What of the desired addresses is to be on lo by what is known. */
export interface AskedOnLo {
  /** The node is fit for these. */
  readonly fit: readonly string[];
  /** Whether it is fit and elected for these is not known yet: what was said of them stands. */
  readonly undecided: readonly string[];
}

/** Addresses that this node is to have on lo: each by itself is there while the node is fit to serve it, and elected where that is asked for. */
export class LoopbackSet {
  readonly #dependencies: LoopbackDependencies;
  readonly #members = new Map<string, Member>();
  /** What is not desired any more, but still there. */
  #leaving: Member[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(dependencies: LoopbackDependencies) {
    this.#dependencies = dependencies;
  }

  /** Those that are desired, in their order, and then those on their way out. */
  get views(): readonly LoopbackView[] {
    const leaving = new Set(this.#leaving);
    return this.#all.map((member) => {
      const { fitness } = member.fitness;
      const serves = leaving.has(member) ? false : member.serves;
      const { name, pool, elected } = member.desired;
      const election = elected === true ? { elected: this.#dependencies.isElected(name) ?? null } : {};
      return { name, pool, fitness, serves, ...election, addresses: member.holder.state.addresses };
    });
  }

  /** Whether one of the addresses is on lo. */
  get holder(): boolean {
    return this.#all.some(({ holder }) => holder.state.holder);
  }

  /** What is to be there. */
  get asked(): AskedOnLo {
    const fit: string[] = [];
    const undecided: string[] = [];
    for (const { desired, serves } of this.#members.values()) {
      if (serves === undefined) undecided.push(...desired.addresses);
      else if (serves) fit.push(...desired.addresses);
    }
    return { fit, undecided };
  }

  /** Sets what is desired. */
  set(desired: readonly DesiredLoopback[]): void {
    const before = new Map(this.#members);
    this.#members.clear();
    for (const each of desired) {
      const known = before.get(each.name);
      before.delete(each.name);
      if (known !== undefined) known.desired = each;
      this.#members.set(each.name, known ?? new Member(each, this.#dependencies));
    }
    for (const gone of before.values()) {
      gone.fitness.stop();
      this.#leaving.push(gone);
    }
    this.review();
  }

  /** Decides anew, and has it asked for. */
  review(): void {
    reviewAll(Array.from(this.#members.values(), ({ fitness }) => fitness));
    this.#dependencies.onDecided();
  }

  /** Begins to look at lo. */
  start(): void {
    this.#timer ??= setInterval(() => this.poll(), POLL_MILLIS);
  }

  /** Ends looking and deciding; may be called twice. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const { fitness } of this.#all) fitness.stop();
  }

  /** Looks at lo, now. */
  poll(): void {
    for (const { holder } of this.#all) holder.poll();
    this.#leaving = this.#leaving.filter(({ holder }) => holder.state.holder);
  }

  get #all(): Member[] {
    return [...this.#members.values(), ...this.#leaving];
  }
}
