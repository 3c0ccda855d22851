import { type Clock, systemClock, systemTimers, type TimerHandle, type Timers } from '../../common/clock.ts';
import { ForeignRouters, type Listening } from './foreign-routers.ts';

/** Where keepalived's statistics come from: those that were asked for are there when the next are asked for. */
interface Statistics {
  requestStatistics(): Promise<void>;
  readStatistics(): Promise<string>;
}

interface ForeignRouterWatchDependencies {
  readonly files: Statistics;
  /** The instances that keepalived runs by multicast. */
  readonly listening: () => readonly Listening[];
  /** Called when other router ids are used by foreign routers than before. */
  readonly onChange: (virtualRouterIds: readonly number[]) => void;
  readonly onError: (error: unknown) => void;
  readonly clock?: Clock;
  readonly timers?: Timers;
}

/** After an instance has lost its addresses it may be that a foreign router took them away, and then nobody has them. */
const HURRIED_MILLIS = 2000;
const HURRIED_LOOKS = 10;
/** keepalived writes a line of log each time, so not oftener than is useful. */
const CALM_MILLIS = 60_000;

/** One period between start() and stop(). */
interface Run {
  timer: TimerHandle;
  /** Whether the timer that is set waits for the calm interval. */
  calm: boolean;
}

/**
 * Looks for foreign routers: every minute, and for some seconds after there is a reason to, every other second. Its methods may be called
 * in any order: a reason that comes before the start is as good as the start itself, which is one.
 */
export class ForeignRouterWatch {
  readonly #dependencies: ForeignRouterWatchDependencies;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #routers = new ForeignRouters();
  /** Looks that are still to be made in a hurry. */
  #hurried = 0;
  #run: Run | undefined;

  constructor(dependencies: ForeignRouterWatchDependencies) {
    this.#dependencies = dependencies;
    this.#clock = dependencies.clock ?? systemClock;
    this.#timers = dependencies.timers ?? systemTimers;
  }

  /** Router ids that foreign routers use, in order. */
  get virtualRouterIds(): readonly number[] {
    return this.#routers.virtualRouterIds;
  }

  /** Begins to look. Does nothing when already started. */
  start(): void {
    if (this.#run !== undefined) return;
    this.#hurried = HURRIED_LOOKS;
    this.#run = { timer: undefined, calm: false };
    this.#arm(this.#run);
  }

  /** Ends looking; may be called twice, and be followed by another start. */
  stop(): void {
    this.#timers.clearTimeout(this.#run?.timer);
    this.#run = undefined;
  }

  /** Says that an instance may have lost its addresses to a foreign router. */
  hurry(): void {
    this.#hurried = HURRIED_LOOKS;
    // A hurried look that is due, or under way, is not put off.
    if (this.#run?.calm === true) this.#arm(this.#run);
  }

  #arm(run: Run): void {
    this.#timers.clearTimeout(run.timer);
    run.calm = this.#hurried === 0;
    run.timer = this.#timers.setTimeout(() => void this.#look(run), run.calm ? CALM_MILLIS : HURRIED_MILLIS);
  }

  async #look(run: Run): Promise<void> {
    run.calm = false;
    this.#hurried = Math.max(0, this.#hurried - 1);
    const { files, listening, onChange, onError } = this.#dependencies;
    try {
      const before = this.virtualRouterIds.join();
      const statistics = await files.readStatistics();
      if (run !== this.#run) return;
      this.#routers.look(statistics, listening(), this.#clock.monotonicMs());
      if (this.virtualRouterIds.join() !== before) onChange(this.virtualRouterIds);
      await files.requestStatistics();
    } catch (error) {
      onError(error);
    }
    if (run === this.#run) this.#arm(run);
  }
}
