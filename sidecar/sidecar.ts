import type { NodePlanStatus } from '../api/node-plan.ts';
import type { LoadedSettings, SettingsError } from './config/load.ts';
import type { Settings } from './config/settings.ts';
import type { Cordon } from './fitness/cordon.ts';
import { unknownHolder } from './keepalived/holder.ts';
import type { Part } from './parts/part.ts';
import { createParts, type Parts, type PartsDependencies, type PartsOptions } from './parts/parts.ts';
import { redirectProblem } from './parts/redirects.ts';
import type { PlanState } from './sources/plan/plan-state.ts';
import { type Known, reportOf, snapshotOf } from './status/assemble.ts';
import { noMetrics } from './status/metrics.ts';
import type { SidecarSnapshot } from './status/snapshot.ts';

interface SidecarDependencies
  extends Pick<PartsDependencies, 'runtime' | 'log'>,
    Partial<Omit<PartsDependencies, 'runtime' | 'log'>> {
  /** What of the state that was kept for this start is damaged, and not whole again yet. */
  readonly damaged?: () => readonly string[];
}

/** For callers that need none of these. */
const nobodyListens = {
  metrics: noMetrics,
  onReport: () => undefined,
  onPlacements: () => undefined,
  proxy: null,
  bgp: null,
  damaged: () => [],
};

/** The parts in the order in which they begin; they end in the opposite one. */
function inOrder(parts: Parts): readonly Part[] {
  return [
    parts.lag,
    parts.files,
    parts.notifications,
    // The instances are there before the configuration that has them. A plan that is known must have been observed before.
    parts.desired,
    parts.configuration,
    parts.instances,
    parts.supervisor,
    parts.foreign,
    parts.cleaner,
    parts.drains,
    ...(parts.proxy === null ? [] : [parts.proxy]),
    // Not before it is known what the first decision rests on besides: after a restart on the holder a decision that took the node for
    // a backup would lower its priority below that of a better-ranked backup.
    parts.checks,
    parts.loopback,
    parts.redirection,
    parts.realServers,
    parts.virtualServers,
    parts.connections,
    parts.drains.firstAnswer,
    parts.certificates,
    ...(parts.bgp === null ? [] : [parts.bgp]),
  ];
}

/** The sidecar: its parts, and in which order they begin. It neither listens nor reads the environment. */
export class Sidecar {
  readonly #options: PartsOptions;
  readonly #dependencies: Required<SidecarDependencies>;
  readonly #parts: Parts;
  #lagCollectedAtMs = 0;

  constructor(options: PartsOptions, dependencies: SidecarDependencies) {
    this.#options = options;
    this.#dependencies = { ...nobodyListens, ...dependencies };
    this.#parts = createParts(options, this.#dependencies);
  }

  /** Begins: configuration offered, checks running. */
  async start(): Promise<void> {
    for (const part of inOrder(this.#parts)) await part.start?.();
  }

  /** Ends everything; track files and configuration stay as they are. May be called twice. */
  stop(): void {
    for (const part of inOrder(this.#parts).toReversed()) part.stop?.();
  }

  /** Moves every address away that is here, within the settings' limit. */
  drain(reason: string): Promise<void> {
    return this.#parts.drains.drain(reason);
  }

  /** The node's cordon, which the watch of the Kubernetes API updates. */
  get cordon(): Cordon {
    return this.#parts.cordon;
  }

  /** The node's plan, which the watch of the Kubernetes API updates. */
  get plan(): PlanState {
    return this.#parts.desired.plan;
  }

  /** The settings in force. */
  get settings(): Settings {
    return this.#parts.settings.settings;
  }

  /** Applies new settings while running. A problem leaves the last good ones in force and is reported. */
  async update(loaded: LoadedSettings): Promise<void> {
    const { settings, desired, instances, loopback, proxy } = this.#parts;
    if (!settings.accept(loaded)) return;
    await desired.change();
    await proxy?.change();
    instances.review();
    loopback.review();
  }

  /**
   * Reports settings that cannot be used; the last good ones stay in force.
   * @param file where they are
   */
  settingsRejected(error: SettingsError, file: string): void {
    this.#parts.settings.refuse(error, file);
  }

  /** Sets the order of the nodes, as listed from the API. */
  setNodes(nodes: readonly string[]): void {
    this.#parts.desired.setNodes(nodes);
  }

  /** Sets the names of nodes by their addresses, as listed from the API: none of these can be a virtual one. */
  setNodesByAddress(nodesByAddress: ReadonlyMap<string, string>): void {
    void this.#parts.configuration.setNodesByAddress(nodesByAddress);
  }

  /** Longest standstill of the event loop since the last call, in milliseconds. */
  collectLagMillis(): number {
    const sinceMs = this.#lagCollectedAtMs;
    this.#lagCollectedAtMs = performance.now();
    return this.#parts.lag.maxSince(sinceMs);
  }

  /** The status of the plan, for the controller. */
  planStatus(): NodePlanStatus {
    return reportOf(this.#known());
  }

  /** What is known now. */
  snapshot(): SidecarSnapshot {
    return snapshotOf(this.#known());
  }

  #known(): Known {
    const { node, version } = this.#options;
    const { settings, desired, configuration, notifications, ...parts } = this.#parts;
    const trackProblem = this.#dependencies.runtime.tracks.problem;
    const notifyProblem = notifications.problem;
    const controlPlane = parts.certificates.view;
    const problems = [
      ...this.#dependencies.damaged(),
      ...(parts.proxy?.problems ?? []),
      ...parts.certificates.problems,
      ...parts.foreign.problems,
      trackProblem,
      notifyProblem === null ? null : `what keepalived says cannot be read: ${notifyProblem}`,
      redirectProblem(parts.supervisor.status?.redirects),
      parts.virtualServers.problem,
      ...parts.realServers.problems,
      ...parts.loopback.problems,
      parts.connections.view?.problem ?? null,
    ];
    return {
      ...{ node, version, trackProblem },
      settings: settings.settings,
      config: settings.state,
      rank: desired.rank,
      plan: desired.plan.view,
      desired: desired.current.desired,
      checks: parts.checks.set,
      heldEndpoints: (pool) => parts.checks.heldEndpoints(pool),
      instances: parts.instances,
      loopback: parts.loopback.views,
      unknownHolder: unknownHolder(settings.state.loadedAtMs),
      drainReasons: parts.drains.reasons,
      cordon: parts.cordon.state,
      observedPlan: configuration.observedPlan,
      unresolved: configuration.outcome.problems,
      ownAddresses: configuration.outcome.ownAddresses,
      supervisor: parts.supervisor.status,
      foreignRouterIds: parts.foreign.virtualRouterIds,
      connections: parts.connections.view,
      proxy: parts.proxy?.view ?? null,
      bgp: parts.bgp?.view ?? null,
      bgpFamilies: parts.bgp?.families ?? null,
      controlPlane:
        controlPlane === null
          ? null
          : { ...controlPlane, conditions: [controlPlane.condition, ...parts.virtualServers.conditions] },
      problems: problems.filter((problem) => problem !== null),
    };
  }
}
