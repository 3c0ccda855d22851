import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { NODE_INSTANCE } from '../api/instances.ts';
import type { NodePlanSpec, NodePlanStatus } from '../api/node-plan.ts';
import { canonical } from '../common/addresses.ts';
import { systemClock } from '../common/clock.ts';
import type { PodAccess } from '../common/kubernetes-access.ts';
import { CheckSet } from './checks/check-set.ts';
import type { CheckSpec } from './checks/check-spec.ts';
import { EventLoopLag } from './checks/event-loop-lag.ts';
import { readNodeChecks } from './checks/node-checks.ts';
import { CHECK_NAMES, type CheckName, type CheckState, NOTHING_KNOWN } from './checks/types.ts';
import type { LoadedSettings, SettingsError } from './config/load.ts';
import type { DesiredInstance, Wanted } from './desired/desired.ts';
import { mergeDesired } from './desired/merge.ts';
import type { Placements } from './desired/placement.ts';
import { Cordon } from './fitness/cordon.ts';
import { Drain } from './fitness/drain.ts';
import { InstanceSet } from './instances/instance-set.ts';
import type { NodeInput } from './instances/runner.ts';
import { Configurator, type Configured } from './keepalived/configurator.ts';
import { ForeignRouterWatch } from './keepalived/foreign-router-watch.ts';
import { unseen } from './keepalived/holder.ts';
import { NotifyReader } from './keepalived/notify.ts';
import { StateInquiry } from './keepalived/state-inquiry.ts';
import { rankOf } from './kubernetes/rank.ts';
import { presentAddresses, readNetwork } from './network/network.ts';
import { DRAIN_REQUEST } from './runtime/drain-files.ts';
import { KEEPALIVED, NOTIFY_FIFO } from './runtime/keepalived-exchange.ts';
import { RunningConfiguration } from './runtime/running-configuration.ts';
import type { Runtime } from './runtime/runtime.ts';
import type { SupervisorStatus } from './runtime/supervisor-status.ts';
import { desiredByPlan } from './sources/plan/desired.ts';
import { virtualTargetProblem } from './sources/plan/health-check.ts';
import { PlanState } from './sources/plan/plan-state.ts';
import { desiredBySettings, keepalivedOptions } from './sources/settings.ts';
import { type Metrics, noMetrics } from './status/metrics.ts';
import { planStatusOf } from './status/plan-status.ts';
import { nodeProblem, nodeState, poolInstances, poolProblems } from './status/shown.ts';
import type { AgentSnapshot, CheckSnapshot, PoolSnapshot } from './status/snapshot.ts';

interface AgentOptions {
  readonly node: string;
  readonly nodeAddress: string;
  readonly version: string;
  readonly kubeApi: PodAccess;
  readonly loaded: LoadedSettings;
  /** Order of the nodes as it was last known; may be empty. */
  readonly nodes: readonly string[];
  /** Where this node's instances were found before this process began. */
  readonly placements?: Placements;
}

/** What was kept of what the API told, as far as it can be damaged. */
interface Cache {
  readonly problem: string | null;
}

interface AgentDependencies {
  readonly runtime: Runtime;
  readonly log: Logger;
  /** What events are counted into; absent: nowhere. */
  readonly metrics?: Metrics;
  /** Called when instances were found elsewhere than before, to keep that over a restart. */
  readonly onPlacements?: (placements: Placements) => void;
}

/** There can be thousands. */
const LOGGED_ADDRESSES = 20;

function isNodeCheck(key: string): key is CheckName {
  return CHECK_NAMES.some((name) => name === key);
}

/**
 * The node agent: checks, fitness, keepalived's configuration and the holder's state, tied together in one direction. What concerns the
 * node is here once; what concerns a VRRP instance is in the set of instances. It neither listens nor reads the environment.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #runtime: Runtime;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #lag: EventLoopLag;
  readonly #checks: CheckSet;
  /** The settings' checks by name, as they were when the settings were taken. */
  #nodeChecks: ReadonlyMap<CheckName, CheckSpec> = new Map();
  /** Whether checks run: they begin when all that the first decision rests on besides is known. */
  #checking = false;
  readonly #drain: Drain;
  /** Takes what the Kubernetes API tells of the node. */
  readonly cordon: Cordon;
  /** Takes what the Kubernetes API tells of the node's plan. */
  readonly plan: PlanState;
  readonly #instances: InstanceSet;
  readonly #configurator: Configurator;
  readonly #notify: NotifyReader;
  readonly #foreign: ForeignRouterWatch;
  readonly #inquiry: StateInquiry;
  #onReport: () => void = () => undefined;
  #loaded: LoadedSettings;
  #loadedAtMs = systemClock.wallMs();
  #rejected: AgentSnapshot['config']['rejected'] = null;
  #supervisor: SupervisorStatus | undefined;
  #notifyProblem: string | null = null;
  #caches: readonly Cache[] = [];
  #nodes: readonly string[];
  #lagTakenAtMs = 0;
  #started = false;
  /** What is desired by settings and plan; the instances are those. Undefined before the start. */
  #wanted: Wanted | undefined;
  readonly #running = new RunningConfiguration<Configured>();

  constructor(options: AgentOptions, { runtime, log, metrics, onPlacements }: AgentDependencies) {
    this.#options = options;
    this.#runtime = runtime;
    this.#log = log;
    this.#metrics = metrics ?? noMetrics;
    this.#loaded = options.loaded;
    this.#nodes = options.nodes;
    this.#lag = new EventLoopLag({ sampleMillis: 50 });
    this.#checks = new CheckSet(
      { kubeApi: options.kubeApi, userAgent: `keepalived-ingress-vip/${options.version}` },
      {
        lag: this.#lag,
        monotonicMs: () => performance.now(),
        onChange: (key, state) => this.#checkChanged(key, state),
        onResult: (key, result) => {
          log.debug({ ...this.#checkLabels(key), ...result }, 'probed');
          if (isNodeCheck(key)) this.#metrics.probed(key, result.outcome, result.durationSeconds);
        },
      },
    );
    this.#drain = new Drain({
      holder: () => this.#instances.holder,
      onChange: (draining) => {
        this.#instances.review();
        log.info({ draining, reasons: this.#drain.reasons }, draining ? 'draining' : 'no longer draining');
      },
    });
    this.cordon = new Cordon({
      now: systemClock.wallMs,
      onChange: ({ cordon }) => {
        this.#instances.review();
        log.info({ cordon }, typeof cordon === 'string' ? 'the node is cordoned' : 'the node is not cordoned any more');
      },
      onProblem: (problem) => {
        if (problem === null) log.info('the API tells again whether the node is cordoned');
        else log.warn({ problem }, 'cordons of this node are not seen; what was known last stays in force');
      },
    });
    this.plan = new PlanState({
      onPlan: (plan) => this.#planned(plan),
      onRefused: (reason) => {
        if (reason === null) log.info('the newest plan is not refused any more');
        else log.error({ reason }, 'the plan is refused; the last good one stays in force');
        this.#onReport();
      },
      onIncomplete: (problems) => {
        if (problems.length === 0) log.info('the whole plan is carried out again');
        else log.error({ problems }, 'a part of the plan cannot be carried out; the rest is');
        this.#onReport();
      },
      onProblem: (problem) => {
        if (problem === null) log.info('the API tells again what the node is to do for pools');
        else log.warn({ problem }, 'plans for this node are not seen; the last one stays in force');
      },
    });
    this.#instances = new InstanceSet({
      files: runtime.tracks,
      inputOf: (instance) => this.#inputOf(instance),
      presentAddresses,
      onTransition: (instance, { state }) => {
        this.#metrics.transition(instance, state);
        if (state === 'BACKUP') this.#foreign.hurry();
      },
      onDoubt: () => this.#inquiry.ask(),
      onChange: () => this.#onReport(),
      log,
    });
    this.#configurator = new Configurator(
      {
        node: options.node,
        nodeAddress: options.nodeAddress,
        runtimeDirectory: runtime.directory.path,
        ...(options.placements === undefined ? {} : { placements: options.placements }),
      },
      {
        wanted: () => this.#wanted,
        readNetwork,
        putOn: () => this.#putOn(),
        ...(onPlacements === undefined ? {} : { onPlacements }),
        offer: (config) => runtime.keepalived.offer(config),
        onConfigured: (configured, offered) => this.#configuredAs(configured, offered),
        onProblem: ({ instance, message }) =>
          log.error({ instance, problem: message }, 'an instance cannot run on this node as it should; trying again'),
        onChange: () => {
          this.#instances.review();
          this.#onReport();
        },
      },
    );
    this.#inquiry = new StateInquiry({
      request: () => runtime.keepalived.requestStates(),
      onError: (error) => log.warn({ err: error }, 'cannot ask for the states of instances'),
    });
    this.#foreign = new ForeignRouterWatch({
      files: runtime.keepalived,
      listening: () => (this.#running.current?.instances ?? []).filter(({ unicast }) => unicast === undefined),
      onChange: (virtualRouterIds) => this.#heardForeign(virtualRouterIds),
      onError: (error) => log.warn({ err: error }, 'cannot look for foreign routers'),
    });
    this.#notify = new NotifyReader(
      { path: runtime.directory.file(NOTIFY_FIFO) },
      {
        onNotification: (notification) => this.#instances.notify(notification),
        onProblem: (problem) => {
          this.#notifyProblem = problem;
          if (problem === null) log.info('keepalived is heard again');
          else log.error({ problem }, 'what keepalived says cannot be read; trying again');
          this.#onReport();
        },
      },
    );
  }

  #heardForeign(virtualRouterIds: readonly number[]): void {
    this.#onReport();
    const text = 'another router on the network uses router ids of this release, too';
    if (virtualRouterIds.length === 0) this.#log.info('no foreign router is heard any more');
    else this.#log.warn({ virtualRouterIds }, text);
  }

  /** Takes the caches that what is known began with, once they were loaded; one that is damaged is told once, and shown until it is whole. */
  useCaches(caches: readonly Cache[]): void {
    this.#caches = caches;
    for (const { problem } of caches) {
      if (problem !== null)
        this.#log.warn({ problem }, 'what was kept for this start cannot be used; it is learned anew');
    }
  }

  /** Connects who reports {@link planStatus}: called whenever it may have changed, to be looked at later. */
  useReporter(onReport: () => void): void {
    this.#onReport = onReport;
  }

  /** Begins: configuration offered, checks running. A plan that is known must have been told before. */
  async start(): Promise<void> {
    this.#nodeChecks = readNodeChecks(this.#loaded.settings.checks);
    const { directory, tracks, drains } = this.#runtime;
    await directory.prepare();
    await tracks.prepare();
    await drains.takeBackAnswer();
    this.#lag.start();
    directory.watch((name) => {
      this.#directoryChanged(name).catch((error: unknown) =>
        this.#log.error({ err: error, file: name }, 'cannot follow a change'),
      );
    });
    tracks.watch((files) =>
      this.#log.warn({ files }, 'track files said something else than was decided; written anew'),
    );
    await this.#notify.open();
    this.#started = true;
    this.#desire();
    await this.#configurator.start();
    this.#instances.start();
    await this.#readSupervisor();
    this.#foreign.start();
    await this.#removeStrayFiles();
    const draining = await drains.requested();
    if (draining) this.#drain.begin('requested');
    // Not before it is known what the first decision rests on besides: after a restart on the holder a decision that took the node for
    // a backup would lower its priority below that of a better-ranked backup.
    this.#checking = true;
    this.#checks.update(this.#wanted?.desired.checks ?? new Map());
    if (draining) await this.#drainAndAnswer();
  }

  /** Moves every address away that is here, within the settings' limit. */
  async drain(reason: string): Promise<void> {
    this.#drain.begin(reason);
    const outcome = await this.#drain.waitUntilMoved(this.#loaded.settings.drain.timeoutSeconds);
    this.#log.info({ outcome }, 'drained');
  }

  /** Ends everything; track files and configuration stay as they are. May be called twice. */
  async stop(): Promise<void> {
    this.#started = false;
    this.#foreign.stop();
    this.#checks.stop();
    this.#configurator.stop();
    this.#instances.stop();
    this.#notify.stop();
    this.#runtime.directory.stop();
    this.#runtime.tracks.stop();
    this.#lag.stop();
  }

  /** Takes new settings while running. A problem leaves the last good ones in force and is reported. */
  async update(loaded: LoadedSettings): Promise<void> {
    try {
      this.#nodeChecks = readNodeChecks(loaded.settings.checks);
    } catch (error) {
      this.#reject([`checks.service.caFile: ${error instanceof Error ? error.message : String(error)}`]);
      return;
    }
    this.#loaded = loaded;
    this.#loadedAtMs = systemClock.wallMs();
    this.#rejected = null;
    this.#metrics.reloaded();
    this.#log.info({ config: loaded.version }, 'settings taken');
    this.#desire();
    await this.#configurator.look();
    this.#instances.review();
  }

  /**
   * Reports settings that cannot be used; the last good ones stay in force.
   * @param file where they are
   */
  settingsRejected(error: SettingsError, file: string): void {
    this.#reject(
      error.problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)),
      file,
    );
  }

  /** Takes the names of nodes by their addresses, as the API tells them: none of these can be a virtual one. */
  setNodesByAddress(nodesByAddress: ReadonlyMap<string, string>): void {
    void this.#configurator.setNodesByAddress(nodesByAddress);
  }

  /** Takes the order of the nodes that the API tells. */
  setNodes(nodes: readonly string[]): void {
    this.#nodes = nodes;
    this.#log.info({ rank: this.#rank, nodes: nodes.length }, 'rank');
    if (this.#started) this.#desire();
  }

  /** Longest standstill of the event loop since the last call, in milliseconds. */
  takeLagMillis(): number {
    const sinceMs = this.#lagTakenAtMs;
    this.#lagTakenAtMs = performance.now();
    return this.#lag.maxSince(sinceMs);
  }

  /** What the controller is told of the plan. */
  planStatus(): NodePlanStatus {
    return planStatusOf({
      version: this.#options.version,
      observedPlan: this.#running.current?.plan ?? null,
      instances: poolInstances(this.#instances.all).map(({ pool, fitness, holder }) => {
        return { pool, band: fitness?.band, addresses: holder.addresses };
      }),
      foreignRouterIds: this.#foreign.virtualRouterIds,
      ownAddresses: this.#configurator.ownAddresses,
      problems: this.#planProblems(),
    });
  }

  /** What is known now. */
  snapshot(): AgentSnapshot {
    const checks: AgentSnapshot['checks'] = Object.fromEntries(
      CHECK_NAMES.map((name) => [name, this.#checkSnapshot(name)]).filter(([, check]) => check !== undefined),
    );
    return {
      node: this.#options.node,
      version: this.#options.version,
      ...nodeState(this.#instances.runners, unseen(this.#loadedAtMs)),
      rank: this.#rank,
      drainReasons: this.#drain.reasons,
      cordon: this.cordon.state,
      checks,
      refusedPorts: this.#checks.refusedPorts('service'),
      settings: this.#loaded.settings,
      config: {
        version: this.#loaded.version,
        loadedAtMs: this.#loadedAtMs,
        rejected: this.#rejected,
        problem: nodeProblem(this.#configurator.problems),
      },
      supervisor: this.#supervisor,
      problems: this.#ownProblems(),
      undelivered: this.#runtime.tracks.problem,
      foreignRouterIds: this.#foreign.virtualRouterIds,
      plan: { ...this.plan.view, observed: this.#running.current?.plan ?? null, problems: this.#planProblems() },
      pools: this.#poolSnapshots(),
      instances: poolInstances(this.#instances.runners),
    };
  }

  get #rank(): number {
    return rankOf(this.#nodes, this.#options.node, this.#options.nodeAddress);
  }

  /** Gates and offsets first: they are there when keepalived reads of the instances, which is looked at afterwards. */
  #desire(): void {
    const { settings } = this.#loaded;
    const taken = { settings, checks: this.#nodeChecks };
    const desired = mergeDesired(desiredBySettings(taken, this.#rank), desiredByPlan(this.plan.view, taken));
    this.#wanted = { desired, keepalived: keepalivedOptions(settings) };
    if (this.#checking) this.#checks.update(desired.checks);
    this.#instances.set(desired.instances);
  }

  #inputOf({ name, checks }: DesiredInstance): NodeInput {
    return {
      draining: this.#drain.draining,
      cordoned: this.cordon.cordoned,
      incomplete: this.#configurator.isIncomplete(name),
      checks: checks.map(({ key, effect }) => ({ effect, view: this.#checks.view(key) ?? NOTHING_KNOWN })),
    };
  }

  #checkChanged(key: string, state: CheckState): void {
    // First of all: on a busy node tens of milliseconds can pass between a line of log and what follows it.
    this.#instances.review();
    const healthy = this.#checks.view(key)?.healthy;
    this.#log.info({ ...this.#checkLabels(key), healthy, reason: state.lastResult?.reason }, 'check changed');
  }

  /** What tells a check from others in the log. */
  #checkLabels(key: string): { readonly check: string; readonly pools?: readonly string[] } {
    if (isNodeCheck(key)) return { check: key };
    const pools = this.#wanted?.desired.pools ?? [];
    return { check: 'service', pools: pools.flatMap(({ name, check }) => (check === key ? [name] : [])) };
  }

  /** Gates and offsets first: they are there when keepalived reads of the instances. */
  #planned(plan: NodePlanSpec | null): void {
    this.#log.info({ plan: plan?.plan ?? null, instances: plan?.instances.length ?? 0 }, 'plan taken');
    if (!this.#started) return;
    this.#desire();
    void this.#configurator.look();
  }

  #configuredAs(configured: Configured, offered: boolean): void {
    this.#instances.offered(configured.instances);
    if (offered) {
      const { instances } = configured;
      const addresses = instances.flatMap((instance) => instance.addresses.map(({ address }) => address));
      this.#log.info(
        {
          interface: instances[0]?.interface,
          instances: instances.length,
          count: addresses.length,
          addresses: addresses.slice(0, LOGGED_ADDRESSES),
        },
        'config offered',
      );
    }
    if (this.#running.offer(configured)) this.#runs();
  }

  /** keepalived runs another configuration of this process than before. */
  #runs(): void {
    for (const name of this.#instances.taken(this.#running.current?.instances ?? [])) this.#removeTrackFiles(name);
    this.#onReport();
  }

  /** The addresses that may be on an interface because of this release: the supervisor's list, and what keepalived runs. */
  async #putOn(): Promise<ReadonlySet<string> | undefined> {
    const status = await this.#runtime.keepalived.readStatus();
    if (status === undefined) return undefined;
    const running = (this.#running.current?.instances ?? []).flatMap(({ addresses }) => addresses);
    return new Set([...status.listed, ...running].map(({ address }) => canonical(address)));
  }

  #removeTrackFiles(name: string): void {
    try {
      this.#runtime.tracks.remove(name);
    } catch (error) {
      this.#log.warn({ err: error, instance: name }, 'cannot remove track files');
    }
  }

  /** Files of instances that went while no sidecar ran. */
  async #removeStrayFiles(): Promise<void> {
    const wanted = new Set(this.#instances.all.map(({ desired }) => desired.name));
    for (const name of await this.#runtime.tracks.instances()) {
      // Those of the node's own instance stay: so it was before there were others, and its pulse is everybody's.
      if (!wanted.has(name) && name !== NODE_INSTANCE) this.#removeTrackFiles(name);
    }
  }

  /** What is wrong with this process itself, not with what it looks after. */
  #ownProblems(): string[] {
    const notify = this.#notifyProblem;
    return [
      ...this.#caches.map(({ problem }) => problem),
      this.#runtime.tracks.problem,
      notify === null ? null : `what keepalived says cannot be read: ${notify}`,
    ].filter((problem) => problem !== null);
  }

  #planProblems(): string[] {
    const { refused, problems } = this.plan.view;
    const supervisor = this.#supervisor;
    const target = virtualTargetProblem(this.#loaded.settings.checks.service.url, this.plan.plan);
    return [
      ...(target === undefined ? [] : [target]),
      ...(refused === null ? [] : [`the plan is refused: ${refused}`]),
      ...problems,
      ...poolProblems(this.#configurator.problems),
      ...(supervisor?.result === 'rejected'
        ? [`keepalived refused the configuration: ${supervisor.messages.join('; ')}`]
        : []),
      ...this.#ownProblems(),
    ];
  }

  #checkSnapshot(name: (typeof CHECK_NAMES)[number]): CheckSnapshot | undefined {
    const worker = this.#checks.worker(name);
    if (worker === undefined) return undefined;
    return {
      target: worker.target,
      timing: worker.timing,
      state: worker.state,
      healthy: this.#checks.view(name)?.healthy,
    };
  }

  #poolSnapshots(): PoolSnapshot[] {
    return (this.#wanted?.desired.pools ?? []).map(({ name, check }) => {
      const worker = this.#checks.worker(check);
      return {
        name,
        check: { target: worker?.target, state: worker?.state, own: !isNodeCheck(check) },
        healthy: this.#checks.view(check)?.healthy,
      };
    });
  }

  async #directoryChanged(name: string): Promise<void> {
    if (name === NOTIFY_FIFO) await this.#notify.open();
    else if (name === KEEPALIVED.status) await this.#readSupervisor();
    else if (name === DRAIN_REQUEST) await this.#drainOnRequest();
  }

  async #readSupervisor(): Promise<void> {
    const before = this.#supervisor;
    const status = await this.#runtime.keepalived.readStatus();
    this.#supervisor = status;
    if (this.#running.report(status?.runningSha256)) this.#runs();
    if (status !== undefined) this.#instances.learn(this.#inquiry.answered(status));
    // What may be on the interfaces because of this release decides which addresses are the node's own.
    if (!isDeepStrictEqual(status?.listed, before?.listed)) await this.#configurator.look();
    if (status?.result !== before?.result) this.#onReport();
    if (status?.result !== 'rejected' || status.rejectedTotal === before?.rejectedTotal) return;
    this.#log.error(
      { exitCode: status.exitCode, messages: status.messages },
      'keepalived refused a configuration; the last good one runs on',
    );
  }

  async #drainOnRequest(): Promise<void> {
    if (!(await this.#runtime.drains.requested())) {
      this.#drain.end('requested');
      await this.#runtime.drains.takeBackAnswer();
      return;
    }
    if (!this.#drain.reasons.includes('requested')) await this.#drainAndAnswer();
  }

  async #drainAndAnswer(): Promise<void> {
    await this.drain('requested');
    const answer = this.#instances.holder ? 'limit reached, the address is still here' : 'moved';
    await this.#runtime.drains.answer(answer).catch((error: unknown) => {
      this.#log.error({ err: error, answer }, 'cannot answer the request to drain');
    });
  }

  #reject(errors: readonly string[], file?: string): void {
    this.#rejected = { errors, atMs: systemClock.wallMs() };
    this.#metrics.rejected();
    this.#log.error({ file, errors }, 'settings refused; the last good ones stay in force');
  }
}
