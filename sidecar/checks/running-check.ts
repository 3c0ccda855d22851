import type { Settings } from '../config/settings.ts';
import type { FitnessInput } from '../fitness/fitness.ts';
import { createServiceProbe } from '../probes/registry.ts';
import type { Probe, ProbeResult } from '../probes/types.ts';
import { Tripwire, type TripwireState } from './tripwire.ts';
import type { CheckName, CheckState, CheckTiming } from './types.ts';
import { CheckWorker, type LagGauge } from './worker.ts';

/** A check of a service, as the settings have it. */
export type ServiceSettings = Settings['checks']['service'];

/** What fitness needs to know of a check. */
export type CheckView = FitnessInput['checks']['service'];

/** What every check of a node shares. */
export interface CheckEnvironment {
  readonly lag: LagGauge;
  readonly monotonicMs: () => number;
}

interface RunningCheckOptions {
  readonly name: CheckName;
  readonly timing: CheckTiming;
  /** Ports to hold a connection to; one that refuses two connections in a row fails the check by itself. */
  readonly tripwires?: { readonly host: string; readonly ports: Iterable<number> };
}

interface RunningCheckDependencies extends CheckEnvironment {
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

  constructor({ name, timing, tripwires }: RunningCheckOptions, dependencies: RunningCheckDependencies) {
    const { probe, lag, monotonicMs, onChange, onResult } = dependencies;
    this.worker = new CheckWorker(
      { name, timing, refusedIsFinal: name === 'service' },
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

interface ServiceCheckOptions {
  readonly settings: ServiceSettings;
  /** PEM text of the service's CA; undefined: its certificate is not verified. */
  readonly ca: string | undefined;
  readonly userAgent: string;
}

/**
 * The check of a service: its URL, and held connections to its port and to the traffic ports. A port that refuses two connections in a
 * row counts as a failed service at once, by the kernel's word and without waiting for the probe, which is asked as well.
 */
export function createServiceCheck(
  { settings, ca, userAgent }: ServiceCheckOptions,
  dependencies: Omit<RunningCheckDependencies, 'probe'>,
): RunningCheck {
  const { url, timeoutSeconds, expectedStatuses, host, tripwire } = settings;
  const ports = new Set([...(tripwire.enabled ? [portOf(url)] : []), ...tripwire.ports]);
  return new RunningCheck(
    { name: 'service', timing: settings, tripwires: { host: new URL(url).hostname.replace(/^\[|\]$/g, ''), ports } },
    { ...dependencies, probe: createServiceProbe({ url, timeoutSeconds, expectedStatuses, host, ca, userAgent }) },
  );
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}
