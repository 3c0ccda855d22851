import { multicastAddress } from '../../api/instances.ts';
import { type Clock, systemClock, systemTimers, type TimerHandle, type Timers } from '../../common/clock.ts';
import { ForeignRouters, type Listening } from './foreign-routers.ts';

/** keepalived's statistics: a request is answered by the time of the next one. */
interface Statistics {
  requestStatistics(): Promise<void>;
  readStatistics(): Promise<string>;
}

interface ForeignRouterWatchDependencies {
  readonly files: Statistics;
  /** The instances that keepalived runs by multicast. */
  readonly listening: () => readonly Listening[];
  /** Called when other router ids, or groups, are used by foreign routers than before. */
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
  readonly clock?: Clock;
  readonly timers?: Timers;
}

/** For some seconds after an instance has lost its addresses: a foreign router may have taken them, and then nobody has them. */
const FAST_POLL_MILLIS = 2000;
const FAST_POLLS = 10;
/** keepalived writes a line of log each time, so not oftener than is useful. */
const SLOW_POLL_MILLIS = 60_000;

/** One period between start() and stop(). */
interface Run {
  timer: TimerHandle;
  /** Whether the timer that is set waits for the slow interval. */
  slow: boolean;
}

/**
 * Polls for foreign routers: every minute, and for some seconds after there is a reason to, every other second. Its methods may be called
 * in any order: a reason that comes before the start is as good as the start itself, which is one.
 */
export class ForeignRouterWatch {
  readonly #dependencies: ForeignRouterWatchDependencies;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #routers = new ForeignRouters();
  /** How many of the next polls are fast ones. */
  #fastPolls = 0;
  #run: Run | undefined;

  constructor(dependencies: ForeignRouterWatchDependencies) {
    this.#dependencies = dependencies;
    this.#clock = dependencies.clock ?? systemClock;
    this.#timers = dependencies.timers ?? systemTimers;
  }

  /** Router ids that foreign routers use in the group of all routers, in order. */
  get virtualRouterIds(): readonly number[] {
    return this.#routers.virtualRouterIds;
  }

  /** Multicast groups of ours in which foreign routers use router ids of ours, in order. */
  get multicastGroups(): readonly number[] {
    return this.#routers.multicastGroups;
  }

  /** What is to be done about it, in sentences; what concerns the group of all routers is the controller's business. */
  get problems(): readonly string[] {
    return this.multicastGroups.map(
      (group) =>
        `another router on the network speaks in the multicast group ${group} of Services (${multicastAddress(group, 4)}, ${multicastAddress(group, 6)}), ` +
        'with router ids of this release; give services.multicastGroup another number here or there',
    );
  }

  get #text(): string {
    return [...this.virtualRouterIds, '', ...this.multicastGroups].join();
  }

  /** Begins to poll. Does nothing when already started. */
  start(): void {
    if (this.#run !== undefined) return;
    this.#fastPolls = FAST_POLLS;
    this.#run = { timer: undefined, slow: false };
    this.#arm(this.#run);
  }

  /** Ends polling; may be called twice, and be followed by another start. */
  stop(): void {
    this.#timers.clearTimeout(this.#run?.timer);
    this.#run = undefined;
  }

  /** Polls fast for a while: an instance may have lost its addresses to a foreign router. */
  pollFast(): void {
    this.#fastPolls = FAST_POLLS;
    // A fast poll that is due, or under way, is not put off.
    if (this.#run?.slow === true) this.#arm(this.#run);
  }

  #arm(run: Run): void {
    this.#timers.clearTimeout(run.timer);
    run.slow = this.#fastPolls === 0;
    run.timer = this.#timers.setTimeout(() => void this.#poll(run), run.slow ? SLOW_POLL_MILLIS : FAST_POLL_MILLIS);
  }

  async #poll(run: Run): Promise<void> {
    run.slow = false;
    this.#fastPolls = Math.max(0, this.#fastPolls - 1);
    const { files, listening, onChange, onError } = this.#dependencies;
    try {
      const before = this.#text;
      const statistics = await files.readStatistics();
      if (run !== this.#run) return;
      this.#routers.update(statistics, listening(), this.#clock.monotonicMs());
      if (this.#text !== before) onChange();
      await files.requestStatistics();
    } catch (error) {
      onError(error);
    }
    if (run === this.#run) this.#arm(run);
  }
}
