import type { Clock, Timers } from '../../common/clock.ts';
import { LeaderElector } from '../election/leader-elector.ts';
import { reasonOf } from '../kubernetes/api-error.ts';
import type { LeaseStore } from '../kubernetes/lease-store.ts';

/** Longer than Helm needs to delete the controller when this has ended. */
const LEASE_SECONDS = 60;
const RENEW_SECONDS = 40;
const RETRY_SECONDS = 5;
const LOOK_MS = 250;

/** What stops a controller. */
export interface StopDependencies {
  /** Asks for no pod of it. */
  readonly scaleDown: () => Promise<void>;
  /** By which its replicas agree who leads. */
  readonly leases: LeaseStore;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/**
 * Stops the controller, and leads in its place, so that none of its replicas writes any more: one that holds the Lease gives it back, and
 * one that is lost lets it run out.
 * @param options.identity who leads then
 * @param options.limitMs how long this may take
 * @returns ends the lead; not called, the Lease goes with the pod that wrote it
 * @throws Error with what was in the way
 */
export async function stopController(
  { identity, limitMs }: { readonly identity: string; readonly limitMs: number },
  { scaleDown, leases, clock, timers, sleep }: StopDependencies,
): Promise<() => Promise<void>> {
  const untilMs = clock.monotonicMs() + limitMs;
  let trouble = '';
  const elector = new LeaderElector(
    { identity, durationSeconds: LEASE_SECONDS, renewSeconds: RENEW_SECONDS, retrySeconds: RETRY_SECONDS },
    {
      leases,
      clock,
      timers,
      random: () => 0,
      onTerm: () => undefined,
      onError: (error) => {
        trouble = reasonOf(error);
      },
    },
  );
  let scaled = false;
  elector.start();
  while (!elector.leading) {
    try {
      if (!scaled) await scaleDown();
      scaled = true;
      elector.observe(await leases.read());
    } catch (error) {
      trouble = reasonOf(error);
    }
    if (clock.monotonicMs() >= untilMs) {
      await elector.stop();
      throw new Error(
        `the controller did not stop within ${limitMs / 1000} s: ${trouble || leaderText(elector.leader)}`,
      );
    }
    await sleep(LOOK_MS);
  }
  return () => elector.stop();
}

function leaderText(leader: string | undefined): string {
  return leader === undefined ? 'its Lease cannot be had' : `${leader} still leads`;
}
