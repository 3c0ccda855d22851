import type { DesiredInstance } from '../desired/desired.ts';
import type { VrrpInstance } from '../desired/vrrp-instance.ts';
import { reviewAll } from '../fitness/fitness-controller.ts';
import type { VrrpNotification, VrrpState } from '../keepalived/notify.ts';
import type { PresentAddresses } from '../network/network.ts';
import { FormerNames } from './former-names.ts';
import { heirsOf } from './heirs.ts';
import { InstanceRunner, type NodeInput, type RunnerDependencies } from './runner.ts';
import { isElected, isUnknown, type Seat, yieldedSeats } from './seats.ts';

interface InstanceSetDependencies extends RunnerDependencies {
  /** Called when an instance's VRRP state changes, before it is known what that means. */
  readonly onTransition: (instance: DesiredInstance, notification: VrrpNotification) => void;
  /** Called at each poll while keepalived's states and the interfaces do not fit, or no state is known. */
  readonly onStatesNeeded: () => void;
  /** Called after it became known whether this node is elected, or that it is not any more. */
  readonly onElection: () => void;
}

function needsStates({ holder: { state } }: InstanceRunner): boolean {
  return state.disagreement !== null || (state.holder && state.vrrp.state === 'UNKNOWN');
}

/** How often the interfaces are polled besides keepalived's notifications. */
const POLL_MILLIS = 250;

/** For so many instances that are not known yet the last notification is kept; a plan has no more. */
const MAX_EARLY = 1000;

/** The VRRP instances of this node, which come and go with what is desired. */
export class InstanceSet {
  readonly #dependencies: InstanceSetDependencies;
  readonly #formerNames: FormerNames;
  readonly #readAddresses: () => PresentAddresses;
  readonly #runners = new Map<string, InstanceRunner>();
  /** Instances that are not desired any more, but that keepalived may still run. Gates are closed but of those that go on under another name. */
  readonly #leaving = new Map<string, InstanceRunner>();
  /** The last notification of instances that are not known yet, as when keepalived ran them before this process began. */
  readonly #early = new Map<string, VrrpNotification>();
  /** Names of the instances that keepalived runs; undefined while that is not known. */
  #running: ReadonlySet<string> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #present: PresentAddresses | undefined;
  /** What was on the interfaces when they were last seen. */
  #seen: PresentAddresses = new Map();
  #blind = false;

  constructor(dependencies: InstanceSetDependencies) {
    this.#formerNames = new FormerNames(dependencies.files);
    this.#dependencies = {
      ...dependencies,
      files: this.#formerNames,
      inputOf: (instance) => ({ ...dependencies.inputOf(instance), ...this.#yielding(instance) }),
      presentAddresses: () => this.#presentAddresses(),
    };
    this.#readAddresses = dependencies.presentAddresses;
  }

  /** The instances that are desired, in the order in which they were asked for. */
  get runners(): readonly InstanceRunner[] {
    return [...this.#runners.values()];
  }

  /** Every instance that may hold addresses, also those on their way out. */
  get all(): readonly InstanceRunner[] {
    return [...this.#runners.values(), ...this.#leaving.values()];
  }

  /** Whether this node holds an address of any instance. */
  get holder(): boolean {
    return this.all.some(({ holder }) => holder.state.holder);
  }

  /** A desired instance by its name. */
  get(name: string): InstanceRunner | undefined {
    return this.#runners.get(name);
  }

  /** Sets the desired instances. The gates of all others close at once, so that another node takes over, unless they only change their names. */
  set(instances: readonly DesiredInstance[]): void {
    const names = new Set(instances.map(({ name }) => name));
    const before = new Map(this.#runners);
    const gone = [...before.keys()].filter((name) => !names.has(name));
    const heirs = this.#heirs(instances);
    const renamed = new Set(Array.from(heirs.values(), ({ name }) => name));
    for (const [to, { name: from }] of heirs) this.#formerNames.rename(from, to);
    this.#formerNames.forget(names);
    for (const name of gone) if (!renamed.has(name)) this.#closeGate(name);
    this.#runners.clear();
    for (const desired of instances) {
      const former = before.get(heirs.get(desired.name)?.name ?? '');
      this.#runners.set(desired.name, this.#runner(desired, before, former));
    }
    this.review();
    for (const name of gone) this.#dismiss(name, before.get(name), renamed.has(name));
    for (const name of names) this.#replayEarly(name);
  }

  /** Begins to poll the interfaces. */
  start(): void {
    this.#timer ??= setInterval(() => this.#poll(), POLL_MILLIS);
  }

  /** Ends polling and deciding; may be called twice. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const runner of this.all) runner.stop();
  }

  /** Decides anew for every instance; all gates that must close do so before anything else is done. */
  review(): void {
    reviewAll(this.runners.map(({ fitness }) => fitness));
  }

  /** Applies a notification of keepalived; that of an instance which is not known yet waits until it is. */
  notify(notification: VrrpNotification): void {
    const { instance, state } = notification;
    const runner = this.#runners.get(instance) ?? this.#leaving.get(instance);
    if (runner === undefined) {
      if (this.#early.size < MAX_EARLY || this.#early.has(instance)) this.#early.set(instance, notification);
      return;
    }
    const changes = state !== runner.holder.state.vrrp.state;
    if (changes) this.#dependencies.onTransition(runner.desired, notification);
    runner.holder.notify(notification);
    if (changes && runner.desired.elects !== undefined) this.#reviewElection();
  }

  /** Whether this node is elected for what goes by a name; undefined where that is not known yet. */
  isElected(elects: string): boolean | undefined {
    return isElected(this.#seats, elects);
  }

  get #seats(): Seat[] {
    return this.runners.flatMap(({ desired: { name, elects, rank }, holder: { state } }) => {
      // What keepalived does not run any more it says nothing of.
      const runs = this.#running?.has(name) !== false;
      return elects === undefined ? [] : [{ name, elects, rank, state: runs ? state.vrrp.state : 'FAULT' }];
    });
  }

  #yielding({ name, elects }: DesiredInstance): Pick<NodeInput, 'yields'> {
    return elects !== undefined && yieldedSeats(this.#seats, elects).has(name) ? { yields: true } : {};
  }

  /** Who has one seat leaves the others. */
  #reviewElection(): void {
    reviewAll(this.runners.filter(({ desired }) => desired.elects !== undefined).map(({ fitness }) => fitness));
    this.#dependencies.onElection();
  }

  /** Sets the addresses of instances that run without a known configuration to those of the offered one: nothing better is known. */
  offered(instances: readonly VrrpInstance[]): void {
    for (const instance of instances) {
      const runner = this.#runners.get(instance.name);
      if (runner !== undefined && runner.holder.state.addresses.length === 0) runner.setRunning(instance);
    }
  }

  /**
   * Sets the instances that keepalived runs from now on.
   * @returns names of instances that it has stopped running
   */
  setRunning(instances: readonly VrrpInstance[]): string[] {
    for (const instance of instances) this.#runners.get(instance.name)?.setRunning(instance);
    const running = new Set(instances.map(({ name }) => name));
    const gone = [...this.#leaving.keys()].filter((name) => !running.has(name));
    for (const name of gone) this.#leaving.delete(name);
    this.#formerNames.forget(gone);
    this.#running = running;
    if (this.#seats.length > 0) this.#reviewElection();
    return gone;
  }

  /** Sets the states that keepalived reports when asked, of instances of which it has notified of none. */
  learn(states: ReadonlyMap<string, VrrpState>): void {
    const unknown = this.#seats.filter(isUnknown);
    for (const { desired, holder } of this.all) {
      const state = states.get(desired.name);
      if (state !== undefined) holder.learn(state);
    }
    if (this.#seats.filter(isUnknown).length < unknown.length) this.#reviewElection();
  }

  #replayEarly(name: string): void {
    const early = this.#early.get(name);
    this.#early.delete(name);
    if (early !== undefined) this.notify(early);
  }

  #closeGate(name: string): void {
    try {
      this.#dependencies.files.closeGate(name);
    } catch (error) {
      // keepalived takes the instance away in a moment, gate or not.
      this.#dependencies.log.error({ err: error, instance: name }, 'cannot close the gate of an instance that goes');
    }
  }

  #dismiss(name: string, runner: InstanceRunner | undefined, renamed: boolean): void {
    if (runner === undefined) return;
    runner.stop();
    if (!renamed) runner.holder.setGate(false);
    this.#leaving.set(name, runner);
    const what = renamed ? 'goes on under another name' : 'is not wanted here any more; its gate is closed';
    this.#dependencies.log.info({ instance: name }, `instance ${what}`);
  }

  /** Also of one whose name another has at once, as where plans in between were never seen. */
  #heirs(instances: readonly DesiredInstance[]): ReadonlyMap<string, DesiredInstance> {
    return heirsOf(
      Array.from(this.#runners.values(), ({ desired }) => desired),
      instances,
    );
  }

  /** @param former the instance that it was under another name */
  #runner(
    desired: DesiredInstance,
    before: ReadonlyMap<string, InstanceRunner>,
    former: InstanceRunner | undefined,
  ): InstanceRunner {
    const { name, failbackGroup } = desired;
    const kept = before.get(name);
    if (kept !== undefined) {
      kept.desired = desired;
      return kept;
    }
    const left = this.#leaving.get(name);
    this.#leaving.delete(name);
    const isSibling = (other: InstanceRunner) => other.desired.failbackGroup === failbackGroup;
    const sibling = failbackGroup === undefined ? undefined : [...before.values()].find(isSibling);
    const inherited = (former ?? sibling)?.fitness.fitness;
    const runner = new InstanceRunner({ desired, inherited }, this.#dependencies);
    if (former !== undefined) runner.goOnAs(former);
    const last = former ?? left;
    if (last !== undefined) takeOver(runner, last);
    return runner;
  }

  #poll(): void {
    for (const runner of this.all) runner.poll();
    const asks = this.runners.some(needsStates) || this.#seats.some(isUnknown);
    if (asks) this.#dependencies.onStatesNeeded();
  }

  /** Read once for all who ask at the same moment. */
  #presentAddresses(): PresentAddresses {
    if (this.#present === undefined) {
      this.#present = this.#readInterfaces();
      queueMicrotask(() => {
        this.#present = undefined;
      });
    }
    return this.#present;
  }

  /** Reads the interfaces. That needs a socket: while the process has no file descriptor left, what was read last stays in force. */
  #readInterfaces(): PresentAddresses {
    try {
      this.#seen = this.#readAddresses();
      this.#blind = false;
    } catch (error) {
      if (!this.#blind) this.#dependencies.log.error({ err: error }, 'cannot look at the interfaces; trying again');
      this.#blind = true;
    }
    return this.#seen;
  }
}

/** Gives a new runner the state of the one before: keepalived still runs the instance, and may hold its addresses. */
function takeOver(runner: InstanceRunner, left: InstanceRunner): void {
  const { state, priority } = left.holder.state.vrrp;
  if (state !== 'UNKNOWN') runner.holder.notify({ instance: runner.desired.name, state, priority: priority ?? 0 });
  runner.holder.setAddresses(left.holder.desired);
}
