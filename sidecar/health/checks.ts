import { readFileSync } from 'node:fs';
import type { Settings } from '../config/settings.ts';
import { KubernetesApiProbe } from '../probes/kubernetes-api.ts';
import { createServiceProbe } from '../probes/registry.ts';
import type { Probe, ProbeResult } from '../probes/types.ts';
import type { FitnessInput } from './fitness.ts';
import { Tripwire, type TripwireState } from './tripwire.ts';
import { CHECK_NAMES, type CheckName, type CheckState, type CheckTiming } from './types.ts';
import { CheckWorker, type LagGauge } from './worker.ts';

/** Where the pod finds what the API probe needs. */
export interface KubeApiAccess {
  /** Base URL of the API server inside the cluster; undefined outside of one. */
  readonly url: string | undefined;
  readonly caFile: string;
  readonly tokenFile: string;
}

interface ChecksOptions {
  readonly kubeApi: KubeApiAccess;
  readonly userAgent: string;
}

interface ChecksDependencies {
  readonly lag: LagGauge;
  readonly monotonicMs: () => number;
  /** Called when a check or a watched port changed sides. */
  readonly onChange: (name: CheckName, state: CheckState) => void;
  readonly onResult: (name: CheckName, result: ProbeResult, state: CheckState) => void;
}

/** A check that runs, with what it needs to be told from another one. */
interface RunningCheck {
  readonly key: string;
  readonly worker: CheckWorker;
  readonly tripwires: readonly Tripwire[];
  everFailed: boolean;
  changedAtMs: number | undefined;
}

type ChecksWithCa = Settings['checks'] & { readonly ca: string | undefined };

type View = FitnessInput['checks']['service'];

/** Everything the node checks. A change of settings replaces only the checks that it concerns; the others keep what they know. */
export class Checks {
  readonly #options: ChecksOptions;
  readonly #dependencies: ChecksDependencies;
  readonly #running = new Map<CheckName, RunningCheck>();

  constructor(options: ChecksOptions, dependencies: ChecksDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /**
   * Makes the running checks those of the settings.
   * @throws when the service's CA file cannot be read; nothing is changed then
   */
  update(checks: Settings['checks']): void {
    const { caFile } = checks.service;
    const ca = caFile === '' ? undefined : readFileSync(caFile, 'utf8');
    for (const name of CHECK_NAMES) {
      const wanted = checks[name];
      const enabled = !('enabled' in wanted) || wanted.enabled;
      this.#replace(name, enabled ? JSON.stringify([wanted, ca]) : undefined, { ...checks, ca });
    }
  }

  /** Stops all checks; may be called twice. */
  stop(): void {
    for (const check of this.#running.values()) stopCheck(check);
    this.#running.clear();
  }

  /** The check's worker, when it is switched on. */
  worker(name: CheckName): CheckWorker | undefined {
    return this.#running.get(name)?.worker;
  }

  /** Watched ports that refuse connections. */
  refusedPorts(): readonly TripwireState[] {
    return (this.#running.get('service')?.tripwires ?? []).map(({ state }) => state).filter(({ refused }) => refused);
  }

  /** Whether the check counts as healthy, watched ports included; undefined while that is not known, or the check is off. */
  healthy(name: CheckName): boolean | undefined {
    return this.#running.has(name) ? this.#view(name)?.healthy : undefined;
  }

  /** What fitness needs to know. */
  views(): FitnessInput['checks'] {
    const kubelet = this.#view('kubelet');
    const kubeApi = this.#view('kubeApi');
    return {
      service: this.#view('service') ?? { healthy: undefined, sinceMs: undefined, everFailed: false },
      ...(kubelet === undefined ? {} : { kubelet }),
      ...(kubeApi === undefined ? {} : { kubeApi }),
    };
  }

  #view(name: CheckName): View | undefined {
    const check = this.#running.get(name);
    if (check === undefined) return undefined;
    const portRefused = name === 'service' && this.refusedPorts().length > 0;
    return {
      healthy: portRefused ? false : check.worker.state.healthy,
      sinceMs: check.changedAtMs,
      everFailed: check.everFailed,
    };
  }

  #replace(name: CheckName, key: string | undefined, checks: ChecksWithCa): void {
    const running = this.#running.get(name);
    if (running?.key === key) return;
    if (running !== undefined) {
      stopCheck(running);
      this.#running.delete(name);
    }
    if (key !== undefined) this.#start(name, key, checks);
  }

  #start(name: CheckName, key: string, checks: ChecksWithCa): void {
    const timing: CheckTiming = checks[name];
    const worker = new CheckWorker(
      { name, timing, refusedIsFinal: name === 'service' },
      {
        probe: this.#probe(name, checks),
        lag: this.#dependencies.lag,
        onChange: (state) => {
          check.changedAtMs = this.#dependencies.monotonicMs();
          check.everFailed ||= state.healthy === false;
          this.#dependencies.onChange(name, state);
        },
        onResult: (result, state) => this.#dependencies.onResult(name, result, state),
      },
    );
    const tripwires = name === 'service' ? this.#tripwires(checks.service, worker) : [];
    const check: RunningCheck = { key, worker, tripwires, everFailed: false, changedAtMs: undefined };
    this.#running.set(name, check);
    worker.start();
    for (const tripwire of tripwires) tripwire.start();
  }

  #probe(name: CheckName, checks: ChecksWithCa): Probe {
    const { userAgent } = this.#options;
    if (name === 'kubeApi') {
      const { url, timeoutSeconds } = checks.kubeApi;
      const base = this.#options.kubeApi.url;
      const target = url !== '' ? url : `${base ?? 'https://kubernetes.default.svc'}/readyz`;
      return new KubernetesApiProbe({ ...this.#options.kubeApi, url: target, timeoutSeconds, userAgent });
    }
    if (name === 'kubelet') {
      const { url, timeoutSeconds } = checks.kubelet;
      return createServiceProbe({ url, timeoutSeconds, expectedStatuses: [200], host: '', ca: undefined, userAgent });
    }
    const { url, timeoutSeconds, expectedStatuses, host } = checks.service;
    return createServiceProbe({ url, timeoutSeconds, expectedStatuses, host, ca: checks.ca, userAgent });
  }

  /**
   * Held connections to the service's own port and to the traffic ports. A port that refuses two connections in a row counts as a failed
   * service at once, by the kernel's word and without waiting for the probe, which is asked as well.
   */
  #tripwires(
    { url, tripwire, intervalSeconds, timeoutSeconds }: Settings['checks']['service'],
    worker: CheckWorker,
  ): Tripwire[] {
    const ports = new Set([...(tripwire.enabled ? [portOf(url)] : []), ...tripwire.ports]);
    const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
    return [...ports].map((port) => {
      return new Tripwire(
        { host, port, intervalSeconds, timeoutSeconds, judged: true },
        {
          onTripped: (reason) => void worker.probeNow(reason),
          onChange: () => this.#portChanged(worker.state),
        },
      );
    });
  }

  #portChanged(state: CheckState): void {
    const check = this.#running.get('service');
    if (check !== undefined) {
      check.changedAtMs = this.#dependencies.monotonicMs();
      check.everFailed = true;
    }
    this.#dependencies.onChange('service', state);
  }
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

function stopCheck({ worker, tripwires }: RunningCheck): void {
  worker.stop();
  for (const tripwire of tripwires) tripwire.stop();
}
