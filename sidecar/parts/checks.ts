import type { Logger } from 'pino';
import { CheckSet } from '../checks/check-set.ts';
import type { CheckOptions } from '../checks/create-check.ts';
import { EndpointCounts } from '../checks/endpoint-counts.ts';
import { HeldPools } from '../checks/held-pools.ts';
import type { LagGauge } from '../checks/prober.ts';
import { type CheckChange, type CheckName, type CheckView, isNodeCheck, NOTHING_KNOWN } from '../checks/types.ts';
import type { Desired, DesiredCheck } from '../desired/desired.ts';
import type { JudgedCheck } from '../fitness/fitness.ts';
import type { EndpointCount } from '../fitness/several-endpoints.ts';
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
  readonly #held = new HeldPools((key) => this.#set.view(key));
  readonly #counts = new EndpointCounts(() => performance.now());
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
        const noted = [this.#held.count(key, result), this.#counts.note(key, result)];
        if (noted.includes(true)) onChange();
        log.debug({ ...this.#labels(key), ...result }, 'probed');
        if (isNodeCheck(key)) probed(key, result.outcome, result.durationSeconds);
      },
    });
  }

  /** The checks that run. */
  get set(): Pick<CheckSet, 'view' | 'worker' | 'refusedPorts'> {
    return this.#set;
  }

  /** What connections held to the endpoints of a pool say; undefined where none are. */
  heldEndpoints(pool: string): CheckView | undefined {
    return this.#held.view(pool);
  }

  /** Sets what is desired: at once when the checks run already. */
  update(desired: Pick<Desired, 'checks' | 'pools'>): void {
    this.#desired = desired;
    this.#held.update(desired.pools);
    this.#counts.keepOnly(desired.checks);
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
    return checks.map(({ key, effect, heldOf }) => {
      const view = heldOf === undefined ? this.#set.view(key) : this.#held.view(heldOf);
      return { effect, view: view ?? NOTHING_KNOWN };
    });
  }

  /** How many endpoints there are by the checks of which one asks for that; undefined: nothing is known, or none does. */
  endpointsOf(checks: readonly DesiredCheck[]): EndpointCount | undefined {
    return checks.map(({ key }) => this.#counts.get(key)).find((count) => count !== undefined);
  }

  #logChange(key: string, { lastResult }: CheckChange): void {
    const healthy = this.#set.view(key)?.healthy;
    this.#log.info({ ...this.#labels(key), healthy, reason: lastResult?.reason }, 'check changed');
  }

  /** What identifies a check in the log. */
  #labels(key: string): { readonly check: string; readonly pools?: readonly string[] } {
    if (isNodeCheck(key)) return { check: key };
    const { pools } = this.#desired;
    const local = pools.flatMap(({ name, localEndpoints }) => (localEndpoints === key ? [name] : []));
    if (local.length > 0) return { check: 'localEndpoints', pools: local };
    const held = pools.flatMap(({ name, heldEndpoints = [] }) => (heldEndpoints.includes(key) ? [name] : []));
    if (held.length > 0) return { check: 'heldEndpoint', pools: held };
    return { check: 'service', pools: pools.flatMap(({ name, check }) => (check === key ? [name] : [])) };
  }
}
