import { GROUP_VERSION } from '../../api/group.ts';
import type { NodePlanStatus } from '../../api/node-plan.ts';
import { type Clock, systemClock, systemTimers, type TimerHandle, type Timers } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import { explainRequestError } from '../../common/explain-error.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';
import { type ApiAccess, type ApiResponse, openRequests } from '../../common/kubernetes-access.ts';
import { doubled, spread } from '../../common/retry.ts';
import { NODE_PLANS } from './plan-watch.ts';

interface StatusWriterOptions {
  /** Name of the node, and of its plan. */
  readonly node: string;
}

interface StatusWriterDependencies {
  /** The status as it is now. */
  readonly status: () => NodePlanStatus;
  /** Sends it. @throws whatever kept it from being written */
  readonly send: (status: NodePlanStatus) => Promise<void>;
  /** Called with the reason when a status cannot be written, and with null when it can again. */
  readonly onProblem: (problem: string | null) => void;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** Changes come in crowds: a write waits a moment, so that the status has more than the change that came first. */
const GATHER_MILLIS = 30;
/** No two writes are closer than this. */
const SPACING_MILLIS = 1000;
const FIRST_RETRY_MILLIS = 1000;
const LONGEST_RETRY_MILLIS = 30_000;
const SEND_LIMIT_MILLIS = 10_000;
export const SIDECAR_FIELD_MANAGER = 'keepalived-ingress-vip-agent';

/**
 * Writes the status of the node's plan: on change only, at most once a second, and again later while the API is away. Nothing on the
 * node waits for it.
 */
export class StatusWriter {
  readonly #dependencies: StatusWriterDependencies;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #random: () => number;
  /** The object that is written to; undefined while there is none. */
  #object: string | undefined;
  #sent: string | undefined;
  #timer: TimerHandle;
  #waiting = false;
  #sending = false;
  #nextMs = 0;
  #failures = 0;
  #problem: string | null = null;

  constructor(dependencies: StatusWriterDependencies) {
    this.#dependencies = dependencies;
    this.#clock = dependencies.clock ?? systemClock;
    this.#timers = dependencies.timers ?? systemTimers;
    this.#random = dependencies.random ?? Math.random;
  }

  /** Takes which object there is to write to; a new one knows nothing yet. Undefined: none. */
  setObject(uid: string | undefined): void {
    if (uid === this.#object) return;
    this.#object = uid;
    this.#sent = undefined;
    this.touch();
  }

  /** Says that the status may have changed. Cheap: it is read later. */
  touch(): void {
    if (this.#waiting || this.#sending || this.#object === undefined) return;
    this.#waiting = true;
    const pauseMs = Math.max(GATHER_MILLIS, this.#nextMs - this.#clock.monotonicMs());
    this.#timer = this.#timers.setTimeout(() => {
      this.#waiting = false;
      void this.#write();
    }, pauseMs);
  }

  /** Ends writing; may be called twice, and another object begins it again. */
  stop(): void {
    this.#timers.clearTimeout(this.#timer);
    this.#waiting = false;
    this.#object = undefined;
    this.#sent = undefined;
  }

  async #write(): Promise<void> {
    const object = this.#object;
    if (object === undefined) return;
    const status = this.#dependencies.status();
    const text = JSON.stringify(status);
    if (text === this.#sent) return;
    this.#sending = true;
    try {
      await this.#dependencies.send(status);
      if (object === this.#object) this.#sent = text;
      this.#succeeded();
    } catch (error) {
      this.#failed(error);
    }
    this.#sending = false;
    // What changed meanwhile was not written.
    this.touch();
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#nextMs = this.#clock.monotonicMs() + SPACING_MILLIS;
    this.#report(null);
  }

  #failed(error: unknown): void {
    const pauseMs = doubled(this.#failures, { first: FIRST_RETRY_MILLIS, longest: LONGEST_RETRY_MILLIS });
    this.#failures += 1;
    this.#nextMs = this.#clock.monotonicMs() + spread(pauseMs, this.#random);
    this.#report(messageOf(error));
  }

  #report(problem: string | null): void {
    if ((problem === null) === (this.#problem === null)) return;
    this.#problem = problem;
    this.#dependencies.onProblem(problem);
  }
}

/**
 * Writes a status by server-side apply (https://kubernetes.io/docs/reference/using-api/server-side-apply/): only the status of the
 * object that is there, whoever wrote to it before.
 */
export function statusSender(
  access: ApiAccess,
  { node }: StatusWriterOptions,
): (status: NodePlanStatus) => Promise<void> {
  return async (status) => {
    const requests = await openRequests(access, AbortSignal.timeout(SEND_LIMIT_MILLIS));
    const request = {
      method: 'PATCH',
      path: `${NODE_PLANS}/${encodeURIComponent(node)}/status`,
      params: { fieldManager: SIDECAR_FIELD_MANAGER, force: true },
      headers: { 'Content-Type': 'application/apply-patch+yaml' },
      // JSON is YAML.
      body: JSON.stringify({ apiVersion: GROUP_VERSION, kind: 'NodePlan', metadata: { name: node }, status }),
    };
    const response = await requests.document<{ message?: string }>(request).catch((error: unknown) => {
      // Only the message: the error of an HTTP request carries its headers, and with them the token.
      throw new Error(`the status was not sent: ${explainRequestError(error)}`);
    });
    if (response.status !== HTTP_STATUS.ok && response.status !== HTTP_STATUS.created) throw refusal(response);
  };
}

function refusal({ status, body }: ApiResponse<{ message?: string }>): Error {
  const said = typeof body === 'object' && body !== null ? (body.message ?? '') : '';
  return new Error(`the API server answered ${status}${said === '' ? '' : `: ${said}`}`);
}
