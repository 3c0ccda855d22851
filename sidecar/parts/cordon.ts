import type { Logger } from 'pino';
import { systemClock } from '../../common/clock.ts';
import { Cordon } from '../fitness/cordon.ts';

/**
 * Makes what keeps the node's cordon, and logs its changes.
 * @param dependencies.onChange called when the node is cordoned or no longer, before that is logged
 */
export function createCordon({ onChange, log }: { readonly onChange: () => void; readonly log: Logger }): Cordon {
  return new Cordon({
    now: systemClock.wallMs,
    onChange: ({ cordon }) => {
      onChange();
      log.info({ cordon }, typeof cordon === 'string' ? 'the node is cordoned' : 'the node is not cordoned any more');
    },
    onProblem: (problem) => {
      if (problem === null) log.info('the API tells again whether the node is cordoned');
      else log.warn({ problem }, 'cordons of this node are not seen; what was known last stays in force');
    },
  });
}
