import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { bracketed } from '../../common/addresses.ts';
import { systemClock, systemTimers } from '../../common/clock.ts';
import { sha256 } from '../../common/digest.ts';
import { messageOf } from '../../common/errors.ts';
import { mayAsk, type PodAccess } from '../../common/kubernetes-access.ts';
import { CheckSet } from '../checks/check-set.ts';
import type { CheckSpec } from '../checks/check-spec.ts';
import type { LagGauge } from '../checks/prober.ts';
import type { ProxySettings } from '../config/control-plane.ts';
import { type Endpoint, readKeptEndpoints } from '../kubernetes/endpoint-slices.ts';
import { watchEndpoints } from '../kubernetes/endpoints-watch.ts';
import { reasonOf } from '../proxy/backend-reason.ts';
import { type BackendView, Balancer } from '../proxy/balancer.ts';
import { OldWorkers } from '../proxy/old-workers.ts';
import { planOf } from '../proxy/plan.ts';
import { accepts, refuses } from '../proxy/refusal.ts';
import { renderProxy } from '../proxy/render.ts';
import { RuntimeApi } from '../proxy/runtime-api.ts';
import { type Backend, knownBackends } from '../proxy/sections.ts';
import { type ProxyRuntime, proxyRuntimeIn } from '../runtime/runtime.ts';
import { StateCache } from '../runtime/state-cache.ts';
import type { BackendSnapshot, ProxySnapshot } from '../status/snapshot.ts';
import { logBalancer } from './balancer-log.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import type { Part } from './part.ts';
import { ProxySupervisor } from './proxy-supervisor.ts';
import { type KnownBackend, knownStates } from './virtual-services.ts';

interface ProxyOptions {
  /** The node's own address: its API server is asked while no other is known. */
  readonly nodeAddress: string;
  readonly kubeApi: PodAccess;
  readonly userAgent: string;
}

/** What is shared with the proxy's container, and what is kept for it on the node. */
export interface ProxyShared {
  readonly runtime: ProxyRuntime;
  /** What the API told last of the API servers, over a restart. */
  readonly kept: Pick<StateCache<readonly Endpoint[]>, 'load' | 'save' | 'problem'>;
}

interface ProxyDependencies extends ProxyShared {
  /** What the settings in force ask of a proxy; null for none. */
  readonly settings: () => ProxySettings | null;
  readonly lag: LagGauge;
  /** Whether the node gives its addresses away. */
  readonly draining: () => boolean;
  /** Called when other API servers are known, or another state of one. */
  readonly onBackends?: () => void;
  readonly log: Logger;
}

/** The certificate of an API server has this name, whatever its address. */
const SERVER_NAME = 'kubernetes';
/**
 * How often an API server is asked whether it is ready, at least this far apart: that it is dead is seen by HAProxy within a fraction of a
 * second, and one that is about to end says so seconds before.
 */
const READY_SECONDS = 1;
/** The kernel has this file where it speaks IPv6. */
const IPV6_FILE = '/proc/net/if_inet6';
/** How often HAProxy's supervisor is told that its servers are looked after. */
const PULSE_MS = 1000;
/** Until what could not be written is tried again. */
const RETRY_MS = 2000;

/** The proxy in front of the API servers: its configuration, its backends, and what they are asked. */
export class ControlPlaneProxy implements Part {
  readonly #options: ProxyOptions;
  readonly #dependencies: ProxyDependencies;
  readonly #balancer: Balancer;
  readonly #oldWorkers: OldWorkers;
  readonly #ready: CheckSet;
  readonly #authority: CertificateAuthority;
  readonly #supervisor: ProxySupervisor;
  #endpoints: ReturnType<typeof watchEndpoints> | undefined;
  #observed: readonly Endpoint[] = [];
  #backends: readonly Backend[] = [];
  #running = false;
  #prepared = false;
  #offering: Promise<void> = Promise.resolve();
  #retryTimer: NodeJS.Timeout | undefined;
  #pulseTimer: NodeJS.Timeout | undefined;
  #problem: string | null = null;
  #watchProblem: string | null = null;

  constructor(options: ProxyOptions, dependencies: ProxyDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    const { runtime, lag, draining, log } = dependencies;
    this.#ready = new CheckSet(
      { kubeApi: options.kubeApi, userAgent: options.userAgent },
      {
        lag,
        monotonicMs: () => performance.now(),
        onChange: (key, { healthy, lastResult }) => {
          void this.#balancer.poll();
          log.info({ check: key, ready: healthy, reason: lastResult?.reason }, 'an API server changed');
        },
        onResult: (key, result) => log.debug({ check: key, ...result }, 'probed'),
      },
    );
    this.#balancer = new Balancer({
      commands: new RuntimeApi({ socket: runtime.files.adminSocket }),
      refuses,
      accepts,
      ready: (address) => this.#ready.view(checkOf(address))?.healthy,
      mayRebalance: () => !draining(),
      onEvent: (event) => {
        logBalancer(log, event);
        if (event.kind === 'state' || event.kind === 'changed') dependencies.onBackends?.();
      },
      clock: systemClock,
      timers: systemTimers,
    });
    // A new worker knows of no server's state what the one before was told.
    this.#supervisor = new ProxySupervisor({ runtime, onWorker: () => void this.#balancer.poll(), log });
    this.#oldWorkers = new OldWorkers({
      master: new RuntimeApi({ socket: runtime.files.masterSocket }),
      onClosed: (worker, sessions) => log.info({ worker, sessions }, 'connections of before the reload closed'),
      timers: systemTimers,
    });
    this.#authority = new CertificateAuthority(options.kubeApi, {
      onChange: () => {
        log.info('the certificate authority of the API servers changed');
        void this.#offer();
      },
    });
  }

  /** HAProxy and the API servers that it has now; null while no settings ask for a proxy. */
  get view(): ProxySnapshot | null {
    if (!this.#running) return null;
    const { problem, backends } = this.#balancer;
    return {
      status: this.#supervisor.status,
      problem,
      watch: this.#endpoints === undefined ? null : { problem: this.#watchProblem },
      backends: backends.map((backend) => this.#shown(backend)),
    };
  }

  /** The API servers that are known, whether HAProxy has them yet or not. */
  get servers(): readonly Backend[] {
    return this.#running ? this.#backends : [];
  }

  /** The API servers that are known, and what HAProxy finds of them; undefined while it is not known yet which there are. */
  get backends(): readonly Omit<KnownBackend, 'prepared'>[] | undefined {
    return this.#backends.length === 0 ? undefined : knownStates(this.#backends, this.#balancer.backends);
  }

  /** A node may be lost: its API server gets nothing new until that is clear. Resolves when HAProxy knows. Never rejects. */
  async lost(nodeAddress: string): Promise<void> {
    if (this.#running) await this.#balancer.lost(nodeAddress);
  }

  /** What is wrong, while it lasts. */
  get problems(): readonly string[] {
    if (!this.#running) return [];
    const { problem } = this.#dependencies.kept;
    const watch =
      this.#watchProblem === null
        ? null
        : `changes of the API servers are not seen, those that were known last stay: ${this.#watchProblem}`;
    const own = [this.#problem, this.#balancer.problem, problem, watch].filter((each) => each !== null);
    return [...own, ...this.#supervisor.problems];
  }

  async start(): Promise<void> {
    if (this.#dependencies.settings() !== null) await this.#begin();
  }

  /** HAProxy goes on as it is. May be called twice. */
  stop(): void {
    this.#running = false;
    clearTimeout(this.#retryTimer);
    clearInterval(this.#pulseTimer);
    this.#authority.stop();
    this.#supervisor.stop();
    this.#endpoints?.stop();
    this.#endpoints = undefined;
    this.#balancer.stop();
    this.#oldWorkers.stop();
    this.#ready.stop();
  }

  /** Takes the settings that are in force now. Never rejects: no address waits for the proxy. */
  async change(): Promise<void> {
    const settings = this.#dependencies.settings();
    if (settings === null) this.stop();
    else if (this.#running) {
      this.#watchEndpoints(settings);
      await this.#offer();
    } else await this.#begin();
  }

  async #begin(): Promise<void> {
    const { kept, settings, log } = this.#dependencies;
    this.#running = true;
    if (this.#observed.length === 0) this.#observed = await kept.load();
    if (kept.problem !== null) log.warn({ problem: kept.problem }, 'API servers that were known are learned anew');
    await this.#authority.start();
    await this.#offer();
    const now = settings();
    if (now === null || !this.#running) return;
    this.#balancer.start();
    clearInterval(this.#pulseTimer);
    this.#pulseTimer = setInterval(() => this.#beat(), PULSE_MS).unref();
    this.#oldWorkers.start();
    await this.#supervisor.start();
    // Ended meanwhile, perhaps.
    if (this.#running) this.#watchEndpoints(now);
    else this.#supervisor.stop();
  }

  /** A text that nobody writes any more is what tells: nothing is repeated where it cannot be written. */
  #beat(): void {
    const { runtime } = this.#dependencies;
    runtime.files.writePulse(`${process.pid} ${this.#balancer.looks}\n`).catch(() => undefined);
  }

  #shown(backend: BackendView): BackendSnapshot {
    const key = checkOf(backend.address);
    const readiness = this.#ready.worker(key)?.state.lastResult?.reason ?? null;
    const why = reasonOf(backend, readiness);
    const { doubt: _, ...seen } = backend;
    return { ...seen, why, ready: this.#ready.view(key)?.healthy, readiness };
  }

  #watchEndpoints({ backends: { source } }: ProxySettings): void {
    const { kubeApi, userAgent } = this.#options;
    if (source === 'List' || !mayAsk(kubeApi)) {
      this.#endpoints?.stop();
      this.#endpoints = undefined;
      this.#watchProblem = null;
      return;
    }
    const { log } = this.#dependencies;
    this.#endpoints ??= watchEndpoints(
      { ...kubeApi, userAgent },
      {
        onEndpoints: (endpoints) => this.#accept(endpoints),
        onProblem: (problem) => {
          this.#watchProblem = problem;
          if (problem === null) log.info('the API tells the API servers');
          else log.warn({ problem }, 'changes of the API servers are not seen; those that were known last stay');
        },
      },
    );
    this.#endpoints.start();
  }

  #accept(endpoints: readonly Endpoint[]): void {
    const { kept, log } = this.#dependencies;
    // Who tells this is an API server: there is one. An empty list comes of a cluster that is being made or mended.
    if (endpoints.length === 0) return;
    this.#observed = endpoints;
    kept.save(endpoints).catch((error: unknown) => log.warn({ err: error }, 'cannot keep the API servers'));
    void this.#offer();
  }

  /** Puts into effect what the settings and what is known ask for, one after the other; later again what cannot be written. Never rejects. */
  #offer(): Promise<void> {
    this.#offering = this.#offering.then(() => this.#offerNow()).catch((error: unknown) => this.#retry(error));
    return this.#offering;
  }

  #retry(error: unknown): void {
    this.#problem = `the proxy's configuration cannot be written: ${messageOf(error)}`;
    this.#dependencies.log.error({ err: error }, 'cannot give HAProxy its configuration; it is tried again');
    clearTimeout(this.#retryTimer);
    if (this.#running) this.#retryTimer = setTimeout(() => void this.#offer(), RETRY_MS).unref();
  }

  async #offerNow(): Promise<void> {
    const { runtime, settings: settingsNow, log } = this.#dependencies;
    const settings = settingsNow();
    if (settings === null || !this.#running) return;
    const backends = knownBackends(settings, this.#observed, this.#options.nodeAddress);
    const { directory, files, process } = runtime;
    const { pem } = this.#authority;
    const ca = pem === null ? null : { file: files.ca, sha256: sha256(pem) };
    const place = { adminSocket: files.adminSocket, ca, ipv6: existsSync(IPV6_FILE) };
    // HAProxy that runs first: it must not wait for a disk.
    this.#balancer.accept(planOf(settings, backends, place));
    // Without the authority there is no credential either, as in a static pod before there is an API: nobody could be asked.
    this.#ready.update(pem === null ? new Map() : readinessChecks(settings, backends));
    const { main, backends: sections } = renderProxy(settings, backends, place);
    if (!this.#prepared) await directory.prepare();
    this.#prepared = true;
    // The candidate is checked together with these.
    if (pem !== null) await files.writeCa(pem);
    await files.writeBackends(sections);
    await process.offer(main);
    this.#problem = null;
    if (textOf(backends) !== textOf(this.#backends)) log.info({ backends: textOf(backends) }, 'API servers');
    this.#backends = backends;
    this.#dependencies.onBackends?.();
  }
}

/**
 * What there is in these directories; nothing is touched yet.
 * @param options.directory that is shared with the proxy's container
 * @param options.stateDirectory on the node's disk: it is there after a restart of the node, when no API server may be
 */
export function proxyShared(options: { readonly directory: string; readonly stateDirectory: string }): ProxyShared {
  const path = join(options.stateDirectory, 'api-servers.json');
  return {
    runtime: proxyRuntimeIn(options.directory),
    kept: new StateCache({ path, read: readKeptEndpoints, none: [] }),
  };
}

/** The part, where there is a container for it; it does nothing while no settings ask for it. */
export function createProxy(
  shared: ProxyShared | null,
  { options, ...dependencies }: { readonly options: ProxyOptions } & Omit<ProxyDependencies, keyof ProxyShared>,
): ControlPlaneProxy | null {
  return shared === null ? null : new ControlPlaneProxy(options, { ...shared, ...dependencies });
}

function checkOf(address: string): string {
  return `backend/${address}`;
}

function textOf(backends: readonly Backend[]): string {
  return backends.map(({ address, port }) => `${bracketed(address)}:${port}`).join(' ');
}

/** What API servers are asked besides what HAProxy asks them: whether they are ready, with a credential. Pure. */
function readinessChecks({ health }: ProxySettings, backends: readonly Backend[]): ReadonlyMap<string, CheckSpec> {
  const seconds = Math.max(READY_SECONDS, health.intervalSeconds);
  const timing = {
    intervalSeconds: seconds,
    timeoutSeconds: Math.max(READY_SECONDS, health.timeoutSeconds),
    failureThreshold: health.failureThreshold,
    successThreshold: health.successThreshold,
  };
  const checks = backends.map(({ address, port }) => {
    const url = `https://${bracketed(address)}:${port}/readyz`;
    return [checkOf(address), { kind: 'apiServer', url, name: SERVER_NAME, timing } as const] as const;
  });
  return new Map(checks);
}
