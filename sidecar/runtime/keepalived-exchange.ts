import type { ProcessExchange } from './supervised-process.ts';
import { parseSupervisorStatus, type SupervisorStatus } from './supervisor-status.ts';

/** What is exchanged with keepalived's supervisor. Sidecar and supervisor of two releases may meet in a pod: these names stay as they are. */
export const KEEPALIVED: ProcessExchange<SupervisorStatus> = {
  candidate: 'candidate.conf',
  request: 'supervisor.request',
  status: 'supervisor.status',
  statistics: 'keepalived.stats',
  statisticsRequest: 'statistics.wanted',
  statesRequest: 'states.wanted',
  parseStatus: parseSupervisorStatus,
};

/** The FIFO in which keepalived notifies of changes of state (keepalived.conf(5), "vrrp_notify_fifo"). */
export const NOTIFY_FIFO = 'notify.fifo';
