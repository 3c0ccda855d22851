import type { Logger } from 'pino';
import type { NodePlanSpec, NodePlanStatus } from '../../../api/node-plan.ts';
import type { ApiAccess } from '../../../common/kubernetes-access.ts';
import { PlanWatch } from '../../kubernetes/plan-watch.ts';
import { StatusWriter, statusSender } from '../../kubernetes/status-writer.ts';
import type { StateCache } from '../../runtime/state-cache.ts';
import type { PlanState } from './plan-state.ts';

/** What is kept of the plan: null that there was none, undefined that nothing is known. */
export type PlanCache = StateCache<NodePlanSpec | null | undefined>;

/** The agent, as far as its plan goes. */
interface Planned {
  readonly plan: PlanState;
  planStatus(): NodePlanStatus;
}

interface PlanFollowerOptions {
  /** Undefined outside of a cluster. */
  readonly access: ApiAccess | undefined;
  readonly node: string;
}

interface PlanFollowerDependencies {
  readonly agent: Planned;
  readonly cache: PlanCache;
  readonly log: Logger;
}

/** Follows the node's plan while the settings ask for it: tells the agent, keeps it for the next start, writes its status. */
export class PlanFollower {
  readonly #dependencies: PlanFollowerDependencies;
  readonly #watch: PlanWatch | undefined;
  readonly #writer: StatusWriter | undefined;

  constructor({ access, node }: PlanFollowerOptions, dependencies: PlanFollowerDependencies) {
    this.#dependencies = dependencies;
    if (access === undefined || node === '') return;
    const { agent, log } = dependencies;
    const writer = new StatusWriter({
      status: () => agent.planStatus(),
      send: statusSender(access, { node }),
      onProblem: (problem) => {
        if (problem === null) log.info('the status of the plan is written again');
        else log.warn({ problem }, 'cannot write the status of the plan; trying again');
      },
    });
    this.#writer = writer;
    this.#watch = new PlanWatch(
      { ...access, node },
      {
        onPlan: (told) => {
          agent.plan.tell(told === null ? null : told.spec, told?.reported);
          writer.setObject(told?.uid);
          this.#keep(agent.plan.view.plan);
        },
        onProblem: (problem) => agent.plan.report(problem),
      },
    );
  }

  /**
   * Begins or ends following.
   * @param enabled whether the settings ask for it
   * @param known the plan that was in force before this process began
   */
  apply(enabled: boolean, known?: NodePlanSpec | null): void {
    const { plan } = this.#dependencies.agent;
    if (!enabled) {
      this.stop();
      if (plan.view.watched) this.#keep(undefined);
      plan.end();
      return;
    }
    plan.begin(known);
    if (this.#watch === undefined) plan.report('there is no API server to ask: this is no pod of a cluster');
    this.#watch?.start();
  }

  /** Says that what is reported may have changed. */
  touch(): void {
    this.#writer?.touch();
  }

  /** Ends following and writing; the plan stays in force. May be called twice. */
  stop(): void {
    this.#watch?.stop();
    this.#writer?.stop();
  }

  #keep(plan: NodePlanSpec | null | undefined): void {
    const { cache, log } = this.#dependencies;
    cache.save(plan).catch((error: unknown) => log.warn({ err: error }, 'cannot keep the plan'));
  }
}
