import { type Clock, systemClock } from '../../common/clock.ts';
import type { SupervisorStatus } from '../runtime/supervisor-status.ts';
import { VRRP_STATES, type VrrpState } from './notify.ts';

interface StateInquiryDependencies {
  /** Asks the supervisor for the states of all instances; it also puts right what does not fit them. */
  readonly request: () => Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly clock?: Clock;
}

/** keepalived writes lines of log each time it is asked. */
const PAUSE_MILLIS = 2000;

/**
 * Has the supervisor ask keepalived which state its instances are in: where the sidecar was started after keepalived and was not notified,
 * and where the last notification does not fit the addresses on the interfaces.
 */
export class StateInquiry {
  readonly #dependencies: StateInquiryDependencies;
  readonly #clock: Clock;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(dependencies: StateInquiryDependencies) {
    this.#dependencies = dependencies;
    this.#clock = dependencies.clock ?? systemClock;
  }

  /** Asks, unless that was done a moment ago. Call it as often as there is a reason. */
  ask(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#askedAtMs < PAUSE_MILLIS) return;
    this.#askedAtMs = nowMs;
    this.#dependencies.request().catch(this.#dependencies.onError);
  }

  /** The states in what the supervisor says; none before it was asked: what it then says is of another time. */
  answered({ instances }: Pick<SupervisorStatus, 'instances'>): Map<string, VrrpState> {
    if (this.#askedAtMs === Number.NEGATIVE_INFINITY) return new Map();
    return new Map(
      instances.flatMap(({ name, state }) => {
        const known = VRRP_STATES.find((one) => one === state);
        return known === undefined ? [] : [[name, known] as const];
      }),
    );
  }
}
