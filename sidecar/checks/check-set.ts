import { isDeepStrictEqual } from 'node:util';
import type { ProbeResult } from '../probes/types.ts';
import type { CheckSpec } from './check-spec.ts';
import { type CheckOptions, createCheck, type RunningSpec } from './create-check.ts';
import type { CheckEnvironment } from './running-check.ts';
import type { TripwireState } from './tripwire.ts';
import type { CheckChange, CheckState, CheckView } from './types.ts';
import type { CheckWorker } from './worker.ts';

interface CheckSetDependencies extends CheckEnvironment {
  /** Called when a check or a watched port changed sides. */
  readonly onChange: (key: string, change: CheckChange) => void;
  readonly onResult: (key: string, result: ProbeResult, state: CheckState) => void;
}

interface Entry {
  readonly spec: CheckSpec;
  readonly check: RunningSpec;
}

/** Everything that the node checks, by keys that are the caller's. A change replaces only the checks that it concerns. */
export class CheckSet {
  readonly #options: CheckOptions;
  readonly #dependencies: CheckSetDependencies;
  #entries: ReadonlyMap<string, Entry> = new Map();

  constructor(options: CheckOptions, dependencies: CheckSetDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /**
   * Makes the running checks those of the map. A check whose spec is the same as before keeps what it knows; one whose spec changed begins
   * anew.
   * @throws TypeError when a spec has a URL that cannot be asked (settings that passed their schema have none); nothing is changed then
   */
  update(specs: ReadonlyMap<string, CheckSpec>): void {
    const before = this.#entries;
    const entries = new Map(Array.from(specs, ([key, spec]) => [key, this.#entry(key, spec)]));
    this.#entries = entries;
    for (const [key, entry] of before) {
      if (entries.get(key) !== entry) entry.check.stop();
    }
    for (const [key, entry] of entries) {
      if (before.get(key) !== entry) entry.check.start();
    }
  }

  /** Stops all checks; may be called twice. */
  stop(): void {
    this.update(new Map());
  }

  /** What fitness needs to know of a check, watched ports included; undefined where there is none. */
  view(key: string): CheckView | undefined {
    return this.#entries.get(key)?.check.view;
  }

  /** The check's worker; undefined where there is none. */
  worker(key: string): CheckWorker | undefined {
    return this.#entries.get(key)?.check.worker;
  }

  /** The check's watched ports that refuse connections. */
  refusedPorts(key: string): readonly TripwireState[] {
    return this.#entries.get(key)?.check.refusedPorts ?? [];
  }

  #entry(key: string, spec: CheckSpec): Entry {
    const entry = this.#entries.get(key);
    if (isDeepStrictEqual(entry?.spec, spec) && entry !== undefined) return entry;
    const { lag, monotonicMs, onChange, onResult } = this.#dependencies;
    const dependencies = {
      lag,
      monotonicMs,
      onChange: (change: CheckChange) => onChange(key, change),
      onResult: (result: ProbeResult, state: CheckState) => onResult(key, result, state),
    };
    return { spec, check: createCheck(spec, this.#options, dependencies) };
  }
}
