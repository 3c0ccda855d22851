import type { Logger } from 'pino';
import { CheckSet } from '../checks/check-set.ts';
import type { CheckOptions } from '../checks/create-check.ts';
import type { LagGauge } from '../checks/prober.ts';
import { type CheckName, type CheckState, isNodeCheck, NOTHING_KNOWN } from '../checks/types.ts';
import type { Desired, DesiredCheck } from '../desired/desired.ts';
import type { JudgedCheck } from '../fitness/fitness.ts';
import type { Part } from './part.ts';

interface ChecksDependencies {
  readonly lag: LagGauge;
  /** Called when a check changed sides, before that is logged. */
  readonly onChange: () => void;
  /** Called with how long a probe of the node's own checks took. */
  readonly probed: (check: CheckName, outcome: string, durationSeconds: number) => void;
  readonly log: Logger;
}

/** The checks that run: those that were desired last, from the start on. */
export class Checks implements Part {
  readonly #set: CheckSet;
  readonly #log: Logger;
  #desired: Pick<Desired, 'checks' | 'pools'> = { checks: new Map(), pools: [] };
  #running = false;

  constructor(options: CheckOptions, { lag, onChange, probed, log }: ChecksDependencies) {
    this.#log = log;
    this.#set = new CheckSet(options, {
      lag,
      monotonicMs: () => performance.now(),
      onChange: (key, state) => {
        // First of all: on a busy node tens of milliseconds can pass between a line of log and what follows it.
        onChange();
        this.#logChange(key, state);
      },
      onResult: (key, result) => {
        log.debug({ ...this.#labels(key), ...result }, 'probed');
        if (isNodeCheck(key)) probed(key, result.outcome, result.durationSeconds);
      },
    });
  }

  /** The checks that run. */
  get set(): Pick<CheckSet, 'view' | 'worker' | 'refusedPorts'> {
    return this.#set;
  }

  /** Sets what is desired: at once when the checks run already. */
  update(desired: Pick<Desired, 'checks' | 'pools'>): void {
    this.#desired = desired;
    if (this.#running) this.#set.update(desired.checks);
  }

  start(): void {
    this.#running = true;
    this.#set.update(this.#desired.checks);
  }

  stop(): void {
    this.#running = false;
    this.#set.stop();
  }

  /** What these checks say now. */
  judge(checks: readonly DesiredCheck[]): JudgedCheck[] {
    return checks.map(({ key, effect }) => ({ effect, view: this.#set.view(key) ?? NOTHING_KNOWN }));
  }

  #logChange(key: string, { lastResult }: CheckState): void {
    const healthy = this.#set.view(key)?.healthy;
    this.#log.info({ ...this.#labels(key), healthy, reason: lastResult?.reason }, 'check changed');
  }

  /** What identifies a check in the log. */
  #labels(key: string): { readonly check: string; readonly pools?: readonly string[] } {
    if (isNodeCheck(key)) return { check: key };
    const pools = this.#desired.pools.flatMap(({ name, check }) => (check === key ? [name] : []));
    return { check: 'service', pools };
  }
}
