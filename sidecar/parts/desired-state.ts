import type { Logger } from 'pino';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import { listedNodes } from '../config/control-plane.ts';
import type { DesiredNode } from '../desired/desired.ts';
import { mergeDesired } from '../desired/merge.ts';
import { rankOf } from '../kubernetes/rank.ts';
import { desiredByControlPlane } from '../sources/control-plane.ts';
import { desiredByPlan } from '../sources/plan/desired.ts';
import { PlanState } from '../sources/plan/plan-state.ts';
import { desiredBySettings, keepalivedOptions } from '../sources/settings.ts';
import type { Part } from './part.ts';
import type { SettingsInForce } from './settings-in-force.ts';

interface DesiredStateOptions {
  readonly node: string;
  readonly nodeAddress: string;
  /** Order of the nodes as it was last known; may be empty. */
  readonly nodes: readonly string[];
}

interface DesiredStateDependencies {
  readonly settings: Pick<SettingsInForce, 'accepted' | 'settings'>;
  /** Puts what is desired into effect. */
  readonly apply: (current: DesiredNode) => Promise<void>;
  /** Called when something changed in the status of the plan. */
  readonly onReport: () => void;
  readonly log: Logger;
}

/** What is desired of this node: whenever settings, plan or rank change, of all of them anew. */
export class DesiredState implements Part {
  readonly #options: DesiredStateOptions;
  readonly #dependencies: DesiredStateDependencies;
  /** The node's plan, as it was observed last. */
  readonly plan: PlanState;
  #nodes: readonly string[];
  #current: DesiredNode | undefined;
  #started = false;

  constructor(options: DesiredStateOptions, dependencies: DesiredStateDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#nodes = options.nodes;
    this.plan = this.#planState();
  }

  /** What is desired now: the same object until that changes. @throws when what the settings need cannot be read, before the start */
  get current(): DesiredNode {
    this.#current ??= this.#make();
    return this.#current;
  }

  /** The node's place in the order of preference. */
  get rank(): number {
    const { controlPlaneLoadBalancing } = this.#dependencies.settings.settings;
    return rankOf({ nodes: this.#nodes, addresses: listedNodes(controlPlaneLoadBalancing) }, this.#options);
  }

  /** @throws when what the settings need cannot be read */
  start(): Promise<void> {
    this.#started = true;
    return this.change();
  }

  stop(): void {
    this.#started = false;
  }

  /** Makes anew what is desired, and puts it into effect, from the start on. */
  async change(): Promise<void> {
    if (!this.#started) {
      this.#current = undefined;
      return;
    }
    this.#current = this.#make();
    await this.#dependencies.apply(this.#current);
  }

  /** Sets the order of the nodes, as listed from the API. */
  setNodes(nodes: readonly string[]): void {
    this.#nodes = nodes;
    this.#dependencies.log.info({ rank: this.rank, nodes: nodes.length }, 'rank');
    this.#changed();
  }

  #make(): DesiredNode {
    const { accepted } = this.#dependencies.settings;
    return {
      desired: mergeDesired(
        desiredBySettings(accepted, this.rank),
        desiredByControlPlane(accepted, this.rank),
        desiredByPlan(this.plan.view, accepted, this.#options.nodeAddress),
      ),
      keepalived: keepalivedOptions(accepted.settings),
    };
  }

  #planned(plan: NodePlanSpec | null): void {
    this.#dependencies.log.info({ plan: plan?.plan ?? null, instances: plan?.instances.length ?? 0 }, 'plan taken');
    this.#changed();
  }

  /** Nothing that the API says may end the process. */
  #changed(): void {
    this.change().catch((error: unknown) =>
      this.#dependencies.log.error({ err: error }, 'cannot carry out what is desired'),
    );
  }

  #planState(): PlanState {
    const { log, onReport } = this.#dependencies;
    return new PlanState({
      onPlan: (plan) => this.#planned(plan),
      onRefused: (reason) => {
        if (reason === null) log.info('the newest plan is not refused any more');
        else log.error({ reason }, 'the plan is refused; the last good one stays in force');
        onReport();
      },
      onIncomplete: (problems) => {
        if (problems.length === 0) log.info('the whole plan is carried out again');
        else log.error({ problems }, 'a part of the plan cannot be carried out; the rest is');
        onReport();
      },
      onProblem: (problem) => {
        if (problem === null) log.info('the API tells again what the node is to do for pools');
        else log.warn({ problem }, 'plans for this node are not seen; the last one stays in force');
      },
    });
  }
}
