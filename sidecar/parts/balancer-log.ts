import type { Logger } from 'pino';
import type { BalancerEvent } from '../proxy/balancer.ts';

/** Writes what happened to HAProxy's servers into the log. */
export function logBalancer(log: Logger, event: BalancerEvent): void {
  switch (event.kind) {
    case 'changed':
      log.info({ server: event.server, commands: event.commands }, `backend ${event.what}`);
      return;
    case 'refused':
      log.error({ commands: event.commands, answer: event.answer }, 'HAProxy refused a change; it is tried again');
      return;
    case 'state':
      log.warn({ server: event.server, up: event.up, check: event.check }, event.up ? 'backend up' : 'backend down');
      return;
    case 'closed':
      log.info({ servers: event.servers, sessions: event.sessions, why: event.why }, 'connections closed');
      return;
    case 'unreachable':
      if (event.problem === null) log.info('HAProxy answers');
      else log.warn({ problem: event.problem }, 'HAProxy does not answer; it goes on with what it knows');
  }
}
