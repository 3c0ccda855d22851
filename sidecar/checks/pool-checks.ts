import type { ProbeResult } from '../probes/types.ts';
import {
  type CheckEnvironment,
  type CheckView,
  createServiceCheck,
  type RunningCheck,
  type ServiceSettings,
} from './running-check.ts';
import type { CheckState } from './types.ts';
import type { CheckWorker } from './worker.ts';

interface PoolChecksDependencies extends CheckEnvironment {
  /** Called when a check or its port changed sides, with the pools that it is for. */
  readonly onChange: (pools: readonly string[], state: CheckState) => void;
  readonly onResult: (pools: readonly string[], result: ProbeResult) => void;
}

/** Checks of the services behind pools: one for each distinct health check, shared by the pools that ask for the same. */
export class PoolChecks {
  readonly #userAgent: string;
  readonly #dependencies: PoolChecksDependencies;
  /** By what they check. */
  readonly #running = new Map<string, RunningCheck>();
  #keys: ReadonlyMap<string, string> = new Map();

  constructor(options: { userAgent: string }, dependencies: PoolChecksDependencies) {
    this.#userAgent = options.userAgent;
    this.#dependencies = dependencies;
  }

  /**
   * Makes the running checks those of the pools; a check that stays keeps what it knows.
   * @param pools what to check by the pool's name; pools that the node's own service check is for are left out
   */
  update(pools: ReadonlyMap<string, ServiceSettings>): void {
    this.#keys = new Map([...pools].map(([pool, settings]) => [pool, JSON.stringify(settings)]));
    const wanted = new Map([...pools.values()].map((settings) => [JSON.stringify(settings), settings]));
    for (const [key, check] of this.#running) {
      if (wanted.has(key)) continue;
      check.stop();
      this.#running.delete(key);
    }
    for (const [key, settings] of wanted) {
      if (!this.#running.has(key)) this.#start(key, settings);
    }
  }

  /** Stops all checks; may be called twice. */
  stop(): void {
    this.update(new Map());
  }

  /** What fitness needs to know of a pool's own check; undefined where it has none. */
  view(pool: string): CheckView | undefined {
    return this.#check(pool)?.view;
  }

  /** The worker of a pool's own check; undefined where it has none. */
  worker(pool: string): CheckWorker | undefined {
    return this.#check(pool)?.worker;
  }

  #check(pool: string): RunningCheck | undefined {
    return this.#running.get(this.#keys.get(pool) ?? '');
  }

  #start(key: string, settings: ServiceSettings): void {
    const { lag, monotonicMs, onChange, onResult } = this.#dependencies;
    const check = createServiceCheck(
      { settings, ca: undefined, userAgent: this.#userAgent },
      {
        lag,
        monotonicMs,
        onChange: (state) => onChange(this.#poolsOf(key), state),
        onResult: (result) => onResult(this.#poolsOf(key), result),
      },
    );
    this.#running.set(key, check);
    check.start();
  }

  #poolsOf(key: string): string[] {
    return [...this.#keys].filter(([, other]) => other === key).map(([pool]) => pool);
  }
}
