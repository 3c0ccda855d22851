import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { NodePlanSpec, NodePlanStatus } from '../../../api/node-plan.ts';
import type { ApiAccess } from '../../../common/kubernetes-access.ts';
import { declaredStatusSender } from '../../kubernetes/declared-status.ts';
import { watchPlan } from '../../kubernetes/plan-watch.ts';
import { StatusWriter, statusSender } from '../../kubernetes/status-writer.ts';
import type { PlanState } from './plan-state.ts';

/** Less than the sidecar may be silent for. */
const SYNC_LIMIT_MS = 2500;
const SYNC_POLL_MS = 20;

/** The sidecar, as far as its plan goes. */
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
  readonly sidecar: Planned;
  /** Keeps the plan for the next start: null that there is none, undefined that nothing is known. */
  readonly keep: (plan: NodePlanSpec | null | undefined) => void;
  readonly log: Logger;
}

/** Follows the node's plan while the settings ask for it: applies it, keeps it for the next start, writes its status. */
export class PlanFollower {
  readonly #dependencies: PlanFollowerDependencies;
  readonly #watch: ReturnType<typeof watchPlan> | undefined;
  readonly #writer: StatusWriter | undefined;

  constructor({ access, node }: PlanFollowerOptions, dependencies: PlanFollowerDependencies) {
    this.#dependencies = dependencies;
    if (access === undefined || node === '') return;
    const { sidecar, log } = dependencies;
    const writer = new StatusWriter({
      status: () => sidecar.planStatus(),
      send: declaredStatusSender({
        send: statusSender(access, { node }),
        onOlder: () =>
          log.warn(
            'the custom resource definitions in the cluster are older than this program: the controller is not told of sessions with routers; bring them up to date with: kubectl apply --server-side -f chart/crds/',
          ),
      }),
      onProblem: (problem) => {
        if (problem === null) log.info('the status of the plan is written again');
        else log.warn({ problem }, 'cannot write the status of the plan; trying again');
      },
    });
    this.#writer = writer;
    this.#watch = watchPlan(
      { ...access, node },
      {
        onPlan: (observed) => {
          sidecar.plan.observe(observed === null ? null : observed.spec, observed?.reported);
          writer.setObject(observed?.uid);
          dependencies.keep(sidecar.plan.view.plan);
        },
        onProblem: (problem) => sidecar.plan.report(problem),
      },
    );
  }

  /**
   * Begins or ends following.
   * @param enabled whether the settings ask for it
   * @param known the plan that was in force before this process began
   */
  apply(enabled: boolean, known?: NodePlanSpec | null): void {
    const { sidecar, keep } = this.#dependencies;
    const { plan } = sidecar;
    if (!enabled) {
      this.stop();
      if (plan.view.watched) keep(undefined);
      plan.end();
      return;
    }
    plan.begin(known);
    if (this.#watch === undefined) plan.report('there is no API server to ask: this is no pod of a cluster');
    this.#watch?.start();
  }

  /** Waits until the plan was observed, but not for long: nothing on the node depends on the API. */
  async waitForSync(): Promise<void> {
    const { plan } = this.#dependencies.sidecar;
    const limit = performance.now() + SYNC_LIMIT_MS;
    while (plan.view.watched && !plan.view.synced && performance.now() < limit) await delay(SYNC_POLL_MS);
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
}
