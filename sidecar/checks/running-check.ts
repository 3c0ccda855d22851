import type { Probe, ProbeResult } from '../probes/types.ts';
import type { LagGauge } from './prober.ts';
import { Tripwire, type TripwireState } from './tripwire.ts';
import type { CheckState, CheckTiming, CheckView } from './types.ts';
import { CheckWorker } from './worker.ts';

/** What every check of a node shares. */
export interface CheckEnvironment {
  readonly lag: LagGauge;
  readonly monotonicMs: () => number;
}

interface RunningCheckOptions {
  readonly timing: CheckTiming;
  /** A refusal that was refused again fails the check at once, whatever the threshold. */
  readonly refusedIsFinal?: boolean;
  /** Ports to hold a connection to; one that refuses two connections in a row fails the check by itself. */
  readonly tripwires?: { readonly host: string; readonly ports: Iterable<number> };
}

/** What a check asks with, and its callback. */
export interface RunningCheckDependencies extends CheckEnvironment {
  readonly probe: Probe;
  /** Called when the check or a watched port changed sides. */
  readonly onChange: (state: CheckState) => void;
  readonly onResult: (result: ProbeResult, state: CheckState) => void;
}

/** A check that runs: its worker, and the ports that are watched besides. */
export class RunningCheck {
  readonly worker: CheckWorker;
  readonly #tripwires: readonly Tripwire[];
  #everFailed = false;
  #changedAtMs: number | undefined;

  constructor(
    { timing, refusedIsFinal = false, tripwires }: RunningCheckOptions,
    dependencies: RunningCheckDependencies,
  ) {
    const { probe, lag, monotonicMs, onChange, onResult } = dependencies;
    this.worker = new CheckWorker(
      { timing, refusedIsFinal },
      {
        probe,
        lag,
        onChange: (state) => {
          this.#changedAtMs = monotonicMs();
          this.#everFailed ||= state.healthy === false;
          onChange(state);
        },
        onResult,
      },
    );
    const { intervalSeconds, timeoutSeconds } = timing;
    this.#tripwires = [...(tripwires?.ports ?? [])].map((port) => {
      return new Tripwire(
        { host: tripwires?.host ?? '', port, intervalSeconds, timeoutSeconds, judged: true },
        {
          onTripped: (reason) => void this.worker.probeNow(reason),
          onChange: () => {
            this.#changedAtMs = monotonicMs();
            this.#everFailed = true;
            onChange(this.worker.state);
          },
        },
      );
    });
  }

  /** Watched ports that refuse connections. */
  get refusedPorts(): readonly TripwireState[] {
    return this.#tripwires.map(({ state }) => state).filter(({ refused }) => refused);
  }

  /** What fitness needs to know, watched ports included. */
  get view(): CheckView {
    const refused = this.#tripwires.some(({ state }) => state.refused);
    return {
      healthy: refused ? false : this.worker.state.healthy,
      sinceMs: this.#changedAtMs,
      everFailed: this.#everFailed,
    };
  }

  /** Begins to probe. */
  start(): void {
    this.worker.start();
    for (const tripwire of this.#tripwires) tripwire.start();
  }

  /** Ends it; may be called twice. */
  stop(): void {
    this.worker.stop();
    for (const tripwire of this.#tripwires) tripwire.stop();
  }
}
