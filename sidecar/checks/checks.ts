import { readFileSync } from 'node:fs';
import type { Settings } from '../config/settings.ts';
import type { FitnessInput } from '../fitness/fitness.ts';
import { KubernetesApiProbe } from '../probes/kubernetes-api.ts';
import { createServiceProbe } from '../probes/registry.ts';
import type { Probe, ProbeResult } from '../probes/types.ts';
import { type CheckEnvironment, createServiceCheck, RunningCheck } from './running-check.ts';
import type { TripwireState } from './tripwire.ts';
import { CHECK_NAMES, type CheckName, type CheckState } from './types.ts';
import type { CheckWorker } from './worker.ts';

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

interface ChecksDependencies extends CheckEnvironment {
  /** Called when a check or a watched port changed sides. */
  readonly onChange: (name: CheckName, state: CheckState) => void;
  readonly onResult: (name: CheckName, result: ProbeResult, state: CheckState) => void;
}

type ChecksWithCa = Settings['checks'] & { readonly ca: string | undefined };

/** Everything the node checks. A change of settings replaces only the checks that it concerns; the others keep what they know. */
export class Checks {
  readonly #options: ChecksOptions;
  readonly #dependencies: ChecksDependencies;
  readonly #running = new Map<CheckName, { readonly key: string; readonly check: RunningCheck }>();

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
    for (const { check } of this.#running.values()) check.stop();
    this.#running.clear();
  }

  /** The check's worker, when it is switched on. */
  worker(name: CheckName): CheckWorker | undefined {
    return this.#running.get(name)?.check.worker;
  }

  /** Watched ports that refuse connections. */
  refusedPorts(): readonly TripwireState[] {
    return this.#running.get('service')?.check.refusedPorts ?? [];
  }

  /** Whether the check counts as healthy, watched ports included; undefined while that is not known, or the check is off. */
  healthy(name: CheckName): boolean | undefined {
    return this.#running.get(name)?.check.view.healthy;
  }

  /** What fitness needs to know. */
  views(): FitnessInput['checks'] {
    const [service, kubelet, kubeApi] = CHECK_NAMES.map((name) => this.#running.get(name)?.check.view);
    return {
      service: service ?? { healthy: undefined, sinceMs: undefined, everFailed: false },
      ...(kubelet === undefined ? {} : { kubelet }),
      ...(kubeApi === undefined ? {} : { kubeApi }),
    };
  }

  #replace(name: CheckName, key: string | undefined, checks: ChecksWithCa): void {
    const running = this.#running.get(name);
    if (running?.key === key) return;
    running?.check.stop();
    this.#running.delete(name);
    if (key === undefined) return;
    const check = this.#create(name, checks);
    this.#running.set(name, { key, check });
    check.start();
  }

  #create(name: CheckName, { ca, ...checks }: ChecksWithCa): RunningCheck {
    const { lag, monotonicMs, onChange, onResult } = this.#dependencies;
    const dependencies = {
      lag,
      monotonicMs,
      onChange: (state: CheckState) => onChange(name, state),
      onResult: (result: ProbeResult, state: CheckState) => onResult(name, result, state),
    };
    const { userAgent } = this.#options;
    if (name === 'service') return createServiceCheck({ settings: checks.service, ca, userAgent }, dependencies);
    const probe = name === 'kubelet' ? this.#kubeletProbe(checks.kubelet) : this.#kubeApiProbe(checks.kubeApi);
    return new RunningCheck({ name, timing: checks[name] }, { ...dependencies, probe });
  }

  #kubeletProbe({ url, timeoutSeconds }: Settings['checks']['kubelet']): Probe {
    const { userAgent } = this.#options;
    return createServiceProbe({ url, timeoutSeconds, expectedStatuses: [200], host: '', ca: undefined, userAgent });
  }

  #kubeApiProbe({ url, timeoutSeconds }: Settings['checks']['kubeApi']): Probe {
    const { kubeApi, userAgent } = this.#options;
    const target = url !== '' ? url : `${kubeApi.url ?? 'https://kubernetes.default.svc'}/readyz`;
    return new KubernetesApiProbe({ ...kubeApi, url: target, timeoutSeconds, userAgent });
  }
}
