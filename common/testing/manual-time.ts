import { setImmediate } from 'node:timers/promises';
import type { Clock, TimerHandle, Timers } from '../clock.ts';

/** A clock and timers that a test moves by hand. */
export class ManualTime implements Clock, Timers {
  readonly #timers = new Map<number, { readonly atMs: number; readonly callback: () => void }>();
  #nowMs = 0;
  #lastId = 0;

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimeout(callback: () => void, delayMs: number): TimerHandle {
    this.#lastId += 1;
    this.#timers.set(this.#lastId, { atMs: this.#nowMs + Math.max(0, delayMs), callback });
    return this.#lastId;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(Number(handle));
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets time pass, calling each timer at its time, with what follows from it before the next. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await setImmediate();
    for (let id = this.#next(endMs); id !== undefined; id = this.#next(endMs)) {
      const timer = this.#timers.get(id);
      this.#timers.delete(id);
      this.#nowMs = Math.max(this.#nowMs, timer?.atMs ?? 0);
      timer?.callback();
      await setImmediate();
    }
    this.#nowMs = endMs;
  }

  /** Lets time pass without calling any timer, as when the process gets no CPU. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  #next(endMs: number): number | undefined {
    const due = [...this.#timers].filter(([, { atMs }]) => atMs <= endMs);
    return due.sort(([, a], [, b]) => a.atMs - b.atMs)[0]?.[0];
  }
}
