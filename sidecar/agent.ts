import type { Logger } from 'pino';
import type { LoadedSettings, SettingsError } from './config/load.ts';
import type { Settings } from './config/settings.ts';
import { Checks, type KubeApiAccess } from './health/checks.ts';
import { Cordon } from './health/cordon.ts';
import { Drain } from './health/drain.ts';
import { EventLoopLag } from './health/event-loop-lag.ts';
import { BAND_NAMES, type Fitness, type FitnessInput } from './health/fitness.ts';
import { FitnessController } from './health/fitness-controller.ts';
import { CHECK_NAMES } from './health/types.ts';
import { Configurator } from './keepalived/configurator.ts';
import { HolderTracker } from './keepalived/holder.ts';
import type { VirtualAddress } from './keepalived/instance.ts';
import { interfaceAddresses, readNetwork } from './keepalived/network.ts';
import { NotifyReader, type VrrpNotification } from './keepalived/notify.ts';
import type { RuntimeDirectory } from './keepalived/runtime-directory.ts';
import type { SupervisorStatus } from './keepalived/supervisor-status.ts';
import { rankOf } from './kubernetes/rank.ts';
import type { Metrics } from './server/metrics.ts';
import type { AgentSnapshot, CheckSnapshot } from './server/status.ts';

interface AgentOptions {
  readonly instanceName: string;
  readonly node: string;
  readonly nodeAddress: string;
  readonly version: string;
  readonly kubeApi: KubeApiAccess;
  readonly loaded: LoadedSettings;
  /** Order of the nodes as it was last known; may be empty. */
  readonly nodes: readonly string[];
}

interface AgentDependencies {
  readonly runtime: RuntimeDirectory;
  readonly log: Logger;
}

/** How often the interface is looked at besides keepalived's notifications. */
const LOOK_SECONDS = 0.25;

const noMetrics: Metrics = {
  transition: () => undefined,
  probed: () => undefined,
  reloaded: () => undefined,
  rejected: () => undefined,
};

/**
 * The node agent: checks, fitness, keepalived's configuration and the holder's state, tied together in one direction. It neither listens
 * nor reads the environment.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #runtime: RuntimeDirectory;
  readonly #log: Logger;
  readonly #lag: EventLoopLag;
  readonly #checks: Checks;
  readonly #drain: Drain;
  /** Takes what the Kubernetes API tells of the node. */
  readonly cordon: Cordon;
  readonly #fitness: FitnessController;
  readonly #holder: HolderTracker;
  readonly #configurator: Configurator;
  readonly #notify: NotifyReader;
  #metrics: Metrics = noMetrics;
  #loaded: LoadedSettings;
  #loadedAtMs = Date.now();
  #rejected: AgentSnapshot['config']['rejected'] = null;
  #supervisor: SupervisorStatus | undefined;
  #nodes: readonly string[];
  #lagTakenAtMs = 0;
  /** A configuration that keepalived has not taken yet. */
  #offered: { readonly sha256: string; readonly addresses: readonly VirtualAddress[] } | undefined;

  constructor(options: AgentOptions, { runtime, log }: AgentDependencies) {
    this.#options = options;
    this.#runtime = runtime;
    this.#log = log;
    this.#loaded = options.loaded;
    this.#nodes = options.nodes;
    this.#lag = new EventLoopLag({ sampleMillis: 50 });
    this.#checks = new Checks(
      { kubeApi: options.kubeApi, userAgent: `keepalived-ingress-vip/${options.version}` },
      {
        lag: this.#lag,
        monotonicMs: () => performance.now(),
        onChange: (name, state) => {
          // First of all: on a busy node tens of milliseconds can pass between a line of log and what follows it.
          this.#fitness.review();
          log.info(
            { check: name, healthy: this.#checks.healthy(name), reason: state.lastResult?.reason },
            'check changed',
          );
        },
        onResult: (name, result) => {
          log.debug({ check: name, ...result }, 'probed');
          this.#metrics.probed(name, result.outcome, result.durationSeconds);
        },
      },
    );
    this.#drain = new Drain({
      holder: () => this.#holder.state.holder,
      onChange: (draining) => {
        this.#fitness.review();
        log.info({ draining, reasons: this.#drain.reasons }, draining ? 'draining' : 'no longer draining');
      },
    });
    this.cordon = new Cordon({
      now: () => Date.now(),
      onChange: ({ cordon }) => {
        this.#fitness.review();
        log.info({ cordon }, typeof cordon === 'string' ? 'the node is cordoned' : 'the node is not cordoned any more');
      },
      onProblem: (problem) => {
        if (problem === null) log.info('the API tells again whether the node is cordoned');
        else log.warn({ problem }, 'cordons of this node are not seen; what was known last stays in force');
      },
    });
    this.#fitness = new FitnessController({
      collect: (nowMs) => this.#collect(nowMs),
      apply: (fitness) => {
        if (runtime.writeFitness(fitness))
          log.info({ gate: fitness.gate, offset: fitness.offset }, 'track files written');
      },
      onChange: (fitness) => this.#fitnessChanged(fitness),
      onError: (error) => log.error({ err: error }, 'cannot write the track files; trying again'),
      now: () => performance.now(),
    });
    this.#holder = new HolderTracker(
      { intervalSeconds: LOOK_SECONDS },
      {
        interfaceAddresses,
        now: () => Date.now(),
        onChange: (state) => {
          this.#fitness.review();
          const { holder, vrrp, disagreement } = state;
          log.info({ holder, vrrp: vrrp.state, priority: vrrp.priority, disagreement }, 'holder state');
        },
      },
    );
    this.#configurator = new Configurator(
      {
        instanceName: options.instanceName,
        node: options.node,
        nodeAddress: options.nodeAddress,
        runtimeDirectory: runtime.path,
        settings: options.loaded.settings,
      },
      {
        readNetwork,
        offer: (config) => runtime.writeCandidate(config),
        onOffered: (instance, sha256) => {
          this.#offered = { sha256, addresses: instance.addresses };
          // What ran before this process started is not known: there is nothing better to look for.
          if (this.#holder.state.addresses.length === 0) this.#holder.setAddresses(instance.addresses);
          log.info(
            { interface: instance.interface, addresses: instance.addresses.map(({ address }) => address) },
            'config offered',
          );
        },
        onProblem: (message) =>
          log.error({ problem: message }, 'the settings cannot be carried out on this node; trying again'),
      },
    );
    this.#notify = new NotifyReader(
      { path: runtime.file('notify.fifo') },
      { onNotification: (notification) => this.#notified(notification) },
    );
  }

  /** Connects the metrics that the agent counts into. */
  useMetrics(metrics: Metrics): void {
    this.#metrics = metrics;
  }

  /** Begins: configuration offered, checks running. */
  async start(): Promise<void> {
    await this.#runtime.prepare();
    this.#lag.start();
    this.#runtime.watch((name) => {
      this.#directoryChanged(name).catch((error: unknown) =>
        this.#log.error({ err: error, file: name }, 'cannot follow a change'),
      );
    });
    await this.#notify.open();
    await this.#configurator.start();
    this.#holder.start();
    await this.#readSupervisor();
    const draining = await this.#runtime.drainRequested();
    if (draining) this.#drain.begin('requested');
    // Not before it is known what the first decision rests on besides: after a restart on the holder a decision that took the node for
    // a backup would lower its priority below that of a better-ranked backup.
    this.#checks.update(this.#loaded.settings.checks);
    if (draining) await this.#drainAndAnswer();
  }

  /** Moves the address away if it is here, within the settings' limit. */
  async drain(reason: string): Promise<void> {
    this.#drain.begin(reason);
    const outcome = await this.#drain.waitUntilMoved(this.#loaded.settings.drain.timeoutSeconds);
    this.#log.info({ outcome }, 'drained');
  }

  /** Ends everything; track files and configuration stay as they are. May be called twice. */
  async stop(): Promise<void> {
    this.#checks.stop();
    this.#configurator.stop();
    this.#holder.stop();
    this.#fitness.stop();
    this.#notify.stop();
    this.#runtime.stop();
    this.#lag.stop();
  }

  /** Takes new settings while running. A problem leaves the last good ones in force and is reported. */
  async update(loaded: LoadedSettings): Promise<void> {
    try {
      this.#checks.update(loaded.settings.checks);
    } catch (error) {
      this.#reject([`checks.service.caFile: ${error instanceof Error ? error.message : String(error)}`]);
      return;
    }
    this.#loaded = loaded;
    this.#loadedAtMs = Date.now();
    this.#rejected = null;
    this.#metrics.reloaded();
    this.#log.info({ config: loaded.version }, 'settings taken');
    await this.#configurator.update(loaded.settings);
    this.#fitness.review();
  }

  /** Reports settings that cannot be used; the last good ones stay in force. */
  settingsRejected(error: SettingsError): void {
    this.#reject(error.message.split('\n'));
  }

  /** Takes the order of the nodes that the API tells. */
  setNodes(nodes: readonly string[]): void {
    this.#nodes = nodes;
    this.#log.info({ rank: this.#rank, nodes: nodes.length }, 'rank');
    this.#fitness.review();
  }

  /** Longest standstill of the event loop since the last call, in milliseconds. */
  takeLagMillis(): number {
    const sinceMs = this.#lagTakenAtMs;
    this.#lagTakenAtMs = performance.now();
    return this.#lag.maxSince(sinceMs);
  }

  /** What is known now. */
  snapshot(): AgentSnapshot {
    const checks: AgentSnapshot['checks'] = Object.fromEntries(
      CHECK_NAMES.map((name) => [name, this.#checkSnapshot(name)]).filter(([, check]) => check !== undefined),
    );
    return {
      node: this.#options.node,
      version: this.#options.version,
      holder: this.#holder.state,
      fitness: this.#fitness.fitness,
      rank: this.#rank,
      drainReasons: this.#drain.reasons,
      cordon: this.cordon.state,
      checks,
      refusedPorts: this.#checks.refusedPorts(),
      settings: this.#loaded.settings,
      config: {
        version: this.#loaded.version,
        loadedAtMs: this.#loadedAtMs,
        rejected: this.#rejected,
        problem: this.#configurator.problem,
      },
      supervisor: this.#supervisor,
    };
  }

  get #rank(): number {
    return rankOf(this.#nodes, this.#options.node, this.#options.nodeAddress);
  }

  #checkSnapshot(name: (typeof CHECK_NAMES)[number]): CheckSnapshot | undefined {
    const worker = this.#checks.worker(name);
    if (worker === undefined) return undefined;
    return { target: worker.target, timing: worker.timing, state: worker.state, healthy: this.#checks.healthy(name) };
  }

  #collect(nowMs: number): FitnessInput {
    const { vrrp, lastResort } = this.#loaded.settings;
    return {
      nowMs,
      checks: this.#checks.views(),
      draining: this.#drain.draining,
      cordoned: this.cordon.cordoned,
      holder: this.#holder.state.holder,
      rank: this.#rank,
      policy: {
        noPreempt: vrrp.noPreempt,
        failbackDelaySeconds: vrrp.failbackDelaySeconds,
        lastResort,
        kubeApiSettleSeconds: kubeApiSettleSeconds(this.#loaded.settings),
      },
    };
  }

  #fitnessChanged({ band, gate, priority }: Fitness): void {
    this.#holder.setGate(gate === 1);
    this.#log.info({ band, reason: BAND_NAMES[band], gate, priority }, 'fitness changed');
  }

  #notified(notification: VrrpNotification): void {
    if (notification.instance !== this.#options.instanceName) return;
    if (notification.state !== this.#holder.state.vrrp.state) this.#metrics.transition(notification.state);
    this.#holder.notify(notification);
  }

  async #directoryChanged(name: string): Promise<void> {
    if (name === 'notify.fifo') await this.#notify.open();
    else if (name === 'supervisor.status') await this.#readSupervisor();
    else if (name === 'drain') await this.#drainOnRequest();
  }

  async #readSupervisor(): Promise<void> {
    const before = this.#supervisor;
    const status = await this.#runtime.readSupervisorStatus();
    this.#supervisor = status;
    const offered = this.#offered;
    if (offered !== undefined && status?.runningSha256 === offered.sha256) {
      this.#offered = undefined;
      this.#holder.setAddresses(offered.addresses);
    }
    if (status?.result !== 'rejected' || status.rejectedTotal === before?.rejectedTotal) return;
    this.#log.error(
      { exitCode: status.exitCode, messages: status.messages },
      'keepalived refused a configuration; the last good one runs on',
    );
  }

  async #drainOnRequest(): Promise<void> {
    if (!(await this.#runtime.drainRequested())) {
      this.#drain.end('requested');
      await this.#runtime.forgetDrain();
      return;
    }
    if (!this.#drain.reasons.includes('requested')) await this.#drainAndAnswer();
  }

  async #drainAndAnswer(): Promise<void> {
    await this.drain('requested');
    await this.#runtime.answerDrain(this.#holder.state.holder ? 'limit reached, the address is still here' : 'moved');
  }

  #reject(errors: readonly string[]): void {
    this.#rejected = { errors, atMs: Date.now() };
    this.#metrics.rejected();
    this.#log.error({ errors }, 'settings refused; the last good ones stay in force');
  }
}

/**
 * The longest time by which two nodes can differ in noticing that the API went away or came back: one interval and one time-out, one
 * time-out more where a node asked again because it had lagged itself, plus what VRRP takes to spread it.
 */
function kubeApiSettleSeconds({ checks: { kubeApi }, vrrp }: Settings): number {
  return kubeApi.intervalSeconds + 2 * kubeApi.timeoutSeconds + Math.max(1, 4 * vrrp.advertIntervalSeconds);
}
