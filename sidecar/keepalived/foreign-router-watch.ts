import { type Clock, systemClock, systemTimers, type TimerHandle, type Timers } from '../health/clock.ts';
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

/** Looks for foreign routers: every minute, and for some seconds after there is a reason to, every other second. */
export class ForeignRouterWatch {
  readonly #dependencies: ForeignRouterWatchDependencies;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #routers = new ForeignRouters();
  #hurried = 0;
  #timer: TimerHandle;
  #started = false;

  constructor(dependencies: ForeignRouterWatchDependencies) {
    this.#dependencies = dependencies;
    this.#clock = dependencies.clock ?? systemClock;
    this.#timers = dependencies.timers ?? systemTimers;
  }

  /** Router ids that foreign routers use, in order. */
  get virtualRouterIds(): readonly number[] {
    return this.#routers.virtualRouterIds;
  }

  /** Begins to look. */
  start(): void {
    this.#started = true;
    this.hurry();
  }

  /** Ends looking; may be called twice. */
  stop(): void {
    this.#started = false;
    this.#timers.clearTimeout(this.#timer);
  }

  /** Says that an instance may have lost its addresses to a foreign router. */
  hurry(): void {
    const waits = this.#hurried === 0;
    this.#hurried = HURRIED_LOOKS;
    if (this.#started && waits) this.#arm();
  }

  #arm(): void {
    this.#timers.clearTimeout(this.#timer);
    const delayMs = this.#hurried > 0 ? HURRIED_MILLIS : CALM_MILLIS;
    this.#timer = this.#timers.setTimeout(() => void this.#look(), delayMs);
  }

  async #look(): Promise<void> {
    this.#hurried = Math.max(0, this.#hurried - 1);
    const { files, listening, onChange, onError } = this.#dependencies;
    try {
      const before = this.virtualRouterIds.join();
      this.#routers.look(await files.readStatistics(), listening(), this.#clock.monotonicMs());
      if (this.virtualRouterIds.join() !== before) onChange(this.virtualRouterIds);
      await files.requestStatistics();
    } catch (error) {
      onError(error);
    }
    if (this.#started) this.#arm();
  }
}
