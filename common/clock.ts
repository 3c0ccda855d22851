/** What time it is. */
export interface Clock {
  /** Wall clock in milliseconds since 1970, for what people read. */
  wallMs(): number;
  /** Milliseconds that only ever grow, whatever happens to the wall clock; for measuring. */
  monotonicMs(): number;
}

/** What a timer function returns and its counterpart takes; opaque to the user. */
export type TimerHandle = unknown;

/** One-shot timers. */
export interface Timers {
  setTimeout(callback: () => void, delayMs: number): TimerHandle;
  clearTimeout(handle: TimerHandle): void;
}

/** The machine's clocks. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Node's timers. */
export const systemTimers: Timers = {
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout | undefined),
};
