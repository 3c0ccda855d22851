/** An instant as the lab reports it. */
export interface Instant {
  /** Milliseconds of CLOCK_MONOTONIC: the same for every process and network namespace of this machine. */
  readonly monotonicMs: number;
  /** Wall clock, ISO 8601 with milliseconds. */
  readonly wall: string;
}

/** Milliseconds of CLOCK_MONOTONIC, with fractions. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** Without the digits that subtracting large numbers leaves behind: whole microseconds. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** The present instant. */
export function now(): Instant {
  return { monotonicMs: monotonicMs(), wall: new Date().toISOString() };
}

/** Puts a wall clock reading (milliseconds since 1970) of this machine on the monotonic scale. Good to a millisecond. */
export function wallToMonotonicMs(wallMs: number): number {
  return monotonicMs() - (Date.now() - wallMs);
}
