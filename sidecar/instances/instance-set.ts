import type { DesiredInstance } from '../desired/desired.ts';
import type { VrrpInstance } from '../desired/vrrp-instance.ts';
import { reviewAll } from '../fitness/fitness-controller.ts';
import type { VrrpNotification, VrrpState } from '../keepalived/notify.ts';
import type { PresentAddresses } from '../network/network.ts';
import { InstanceRunner, type RunnerDependencies } from './runner.ts';

interface InstanceSetDependencies extends RunnerDependencies {
  /** Called when an instance's VRRP state changes, before it is known what that means. */
  readonly onTransition: (instance: DesiredInstance, notification: VrrpNotification) => void;
  /** Called at each look while what keepalived said and what is on the interfaces do not fit, or it has not said anything. */
  readonly onStatesNeeded: () => void;
}

function needsStates({ holder: { state } }: InstanceRunner): boolean {
  return state.disagreement !== null || (state.holder && state.vrrp.state === 'UNKNOWN');
}

/** How often the interfaces are looked at besides keepalived's notifications. */
const POLL_MILLIS = 250;

/** Instances that are not known yet of which is kept what was said last; a plan has no more. */
const MAX_EARLY = 1000;

/** The VRRP instances of this node, which come and go with what is desired. */
export class InstanceSet {
  readonly #dependencies: InstanceSetDependencies;
  readonly #readAddresses: () => PresentAddresses;
  readonly #runners = new Map<string, InstanceRunner>();
  /** Instances that are not desired any more, but that keepalived may still run. Their gates are closed. */
  readonly #leaving = new Map<string, InstanceRunner>();
  /** What keepalived said last of instances that are not known yet, as when it ran them before this process began. */
  readonly #early = new Map<string, VrrpNotification>();
  #timer: NodeJS.Timeout | undefined;
  #present: PresentAddresses | undefined;
  /** What was on the interfaces when they were last seen. */
  #seen: PresentAddresses = new Map();
  #blind = false;

  constructor(dependencies: InstanceSetDependencies) {
    this.#dependencies = { ...dependencies, presentAddresses: () => this.#presentAddresses() };
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

  /** Makes the instances those that are desired. The gates of the others close at once: another node takes over meanwhile. */
  set(instances: readonly DesiredInstance[]): void {
    const names = new Set(instances.map(({ name }) => name));
    const before = new Map(this.#runners);
    const gone = [...before.keys()].filter((name) => !names.has(name));
    for (const name of gone) this.#closeGate(name);
    this.#runners.clear();
    for (const desired of instances) this.#runners.set(desired.name, this.#runner(desired, before));
    this.review();
    for (const name of gone) this.#dismiss(name, before.get(name));
    for (const name of names) this.#replayEarly(name);
  }

  /** Begins to look at the interfaces at an interval. */
  start(): void {
    this.#timer ??= setInterval(() => this.#poll(), POLL_MILLIS);
  }

  /** Ends looking and deciding; may be called twice. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const runner of this.all) runner.stop();
  }

  /** Decides anew for every instance; all gates that must close do so before anything else is done. */
  review(): void {
    reviewAll(this.runners.map(({ fitness }) => fitness));
  }

  /** Takes what keepalived says of an instance; of one that is not known yet it counts when it is. */
  notify(notification: VrrpNotification): void {
    const { instance, state } = notification;
    const runner = this.#runners.get(instance) ?? this.#leaving.get(instance);
    if (runner === undefined) {
      if (this.#early.size < MAX_EARLY || this.#early.has(instance)) this.#early.set(instance, notification);
      return;
    }
    if (state !== runner.holder.state.vrrp.state) this.#dependencies.onTransition(runner.desired, notification);
    runner.holder.notify(notification);
  }

  /** Takes the addresses of instances of which none are known yet: there is nothing better to look for. */
  offered(instances: readonly VrrpInstance[]): void {
    for (const instance of instances) {
      const runner = this.#runners.get(instance.name);
      if (runner !== undefined && runner.holder.state.addresses.length === 0) runner.setRunning(instance);
    }
  }

  /**
   * Takes the instances that keepalived runs from now on.
   * @returns names of instances that it has stopped running
   */
  setRunning(instances: readonly VrrpInstance[]): string[] {
    for (const instance of instances) this.#runners.get(instance.name)?.setRunning(instance);
    const running = new Set(instances.map(({ name }) => name));
    const gone = [...this.#leaving.keys()].filter((name) => !running.has(name));
    for (const name of gone) this.#leaving.delete(name);
    return gone;
  }

  /** Takes the states that keepalived was found to be in, of instances of which it has not said one. */
  learn(states: ReadonlyMap<string, VrrpState>): void {
    for (const { desired, holder } of this.all) {
      const state = states.get(desired.name);
      if (state !== undefined) holder.learn(state);
    }
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

  #dismiss(name: string, runner: InstanceRunner | undefined): void {
    if (runner === undefined) return;
    runner.stop();
    runner.holder.setGate(false);
    this.#leaving.set(name, runner);
    this.#dependencies.log.info({ instance: name }, 'instance is not wanted here any more; its gate is closed');
  }

  #runner(desired: DesiredInstance, before: ReadonlyMap<string, InstanceRunner>): InstanceRunner {
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
    const runner = new InstanceRunner({ desired, inherited: sibling?.fitness.fitness }, this.#dependencies);
    if (left !== undefined) takeOver(runner, left);
    return runner;
  }

  #poll(): void {
    for (const runner of this.all) runner.poll();
    if (this.runners.some(needsStates)) this.#dependencies.onStatesNeeded();
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

  /** The kernel is asked through a socket: without a file descriptor that is left, what was seen last goes on. */
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

/** keepalived still runs the instance: it may hold what it held, and is what it was said to be last. */
function takeOver(runner: InstanceRunner, left: InstanceRunner): void {
  const { state, priority } = left.holder.state.vrrp;
  if (state !== 'UNKNOWN') runner.holder.notify({ instance: runner.desired.name, state, priority: priority ?? 0 });
  runner.holder.setAddresses(left.holder.desired);
}
