import type { Probe, ProbeResult } from '../probes/types.ts';
import type { LagGauge } from './prober.ts';
import { Tripwire, type TripwireState } from './tripwire.ts';
import type { CheckChange, CheckState, CheckTiming, CheckView } from './types.ts';
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
  /** The check counts as failed when one time-out after its start nothing is known yet, also where this process is to blame for that. */
  readonly silenceFails?: boolean;
}

/** What a check asks with, and its callback. */
export interface RunningCheckDependencies extends CheckEnvironment {
  readonly probe: Probe;
  /** Called when the check or a watched port changed sides. */
  readonly onChange: (change: CheckChange) => void;
  readonly onResult: (result: ProbeResult, state: CheckState) => void;
}

/** A check that runs: its worker, and the ports that are watched besides. */
export class RunningCheck {
  readonly worker: CheckWorker;
  readonly #tripwires: readonly Tripwire[];
  readonly #silence: { readonly limitMs: number; readonly onOver: () => void } | undefined;
  #silenceTimer: NodeJS.Timeout | undefined;
  /** The first answer did not come in time. */
  #silent = false;
  #everFailed = false;
  #changedAtMs: number | undefined;

  constructor(
    { timing, refusedIsFinal = false, tripwires, silenceFails = false }: RunningCheckOptions,
    dependencies: RunningCheckDependencies,
  ) {
    const { probe, lag, monotonicMs, onChange, onResult } = dependencies;
    this.worker = new CheckWorker(
      { timing, refusedIsFinal },
      {
        probe,
        lag,
        onChange: (state) => {
          this.#endSilence();
          this.#changedAtMs = monotonicMs();
          this.#everFailed ||= state.healthy === false;
          onChange(state);
        },
        onResult,
      },
    );
    const { intervalSeconds, timeoutSeconds } = timing;
    const onOver = () => {
      this.#silent = true;
      this.#changedAtMs = monotonicMs();
      this.#everFailed = true;
      onChange(this.worker.state);
    };
    this.#silence = silenceFails ? { limitMs: timeoutSeconds * 1000, onOver } : undefined;
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
      healthy: refused || this.#silent ? false : this.worker.state.healthy,
      sinceMs: this.#changedAtMs,
      everFailed: this.#everFailed,
    };
  }

  /** Begins to probe. */
  start(): void {
    this.worker.start();
    for (const tripwire of this.#tripwires) tripwire.start();
    if (this.#silence !== undefined) this.#silenceTimer = setTimeout(this.#silence.onOver, this.#silence.limitMs);
  }

  /** Ends it; may be called twice. */
  stop(): void {
    clearTimeout(this.#silenceTimer);
    this.worker.stop();
    for (const tripwire of this.#tripwires) tripwire.stop();
  }

  #endSilence(): void {
    clearTimeout(this.#silenceTimer);
    this.#silent = false;
  }
}
