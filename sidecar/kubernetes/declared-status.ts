import type { NodePlanStatus } from '../../api/node-plan.ts';
import { saysUndeclared } from '../../api/undeclared.ts';
import { type Clock, systemClock } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';

type Send = (status: NodePlanStatus) => Promise<void>;

interface DeclaredStatusDependencies {
  /** Sends a status. @throws an error with the API server's own words when it refuses it */
  readonly send: Send;
  /** Called once, until the definition was brought up to date. */
  readonly onOlder: () => void;
  readonly clock?: Pick<Clock, 'monotonicMs'>;
}

const TRIED_EVERY_MS = 60_000;

/**
 * Sends the status of a plan also where the definition of NodePlans in the cluster does not have the field that came last: Helm does not upgrade
 * definitions, and a server-side apply with a field that the definition does not have is refused whole. While it is refused, one status in a
 * minute tries it again.
 */
export function declaredStatusSender({ send, onOlder, clock = systemClock }: DeclaredStatusDependencies): Send {
  /** When the field is tried; undefined: it was not refused. */
  let triedAgainMs: number | undefined;
  const refused = () => {
    if (triedAgainMs === undefined) onOlder();
    triedAgainMs = clock.monotonicMs() + TRIED_EVERY_MS;
  };
  const isHopeless = () => triedAgainMs !== undefined && clock.monotonicMs() < triedAgainMs;
  return async (status) => {
    const { bgpFamilies, ...rest } = status;
    if (bgpFamilies === undefined || isHopeless()) return send(rest);
    try {
      await send(status);
      triedAgainMs = undefined;
    } catch (error) {
      if (!saysUndeclared(messageOf(error), '.status.bgpFamilies')) throw error;
      refused();
      await send(rest);
    }
  };
}
