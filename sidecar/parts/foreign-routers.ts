import type { Logger } from 'pino';
import type { VrrpInstance } from '../desired/vrrp-instance.ts';
import { ForeignRouterWatch } from '../keepalived/foreign-router-watch.ts';
import type { Runtime } from '../runtime/runtime.ts';

interface ForeignRoutersDependencies {
  readonly keepalived: Runtime['keepalived'];
  /** The instances that keepalived runs. */
  readonly running: () => readonly VrrpInstance[];
  /** Called when other router ids are used by foreign routers than before. */
  readonly onChange: () => void;
  readonly log: Logger;
}

/** Makes the watch for foreign routers, which logs what it finds. */
export function watchForeignRouters(dependencies: ForeignRoutersDependencies): ForeignRouterWatch {
  const { keepalived, running, onChange, log } = dependencies;
  const watch: ForeignRouterWatch = new ForeignRouterWatch({
    files: keepalived,
    listening: () => running().filter(({ unicast }) => unicast === undefined),
    onChange: () => {
      onChange();
      const { virtualRouterIds, multicastGroups } = watch;
      const text = 'another router on the network uses router ids of this release, too';
      const heard = virtualRouterIds.length + multicastGroups.length;
      if (heard === 0) log.info('no foreign router is heard any more');
      else log.warn({ virtualRouterIds, ...(multicastGroups.length === 0 ? {} : { multicastGroups }) }, text);
    },
    onError: (error) => log.warn({ err: error }, 'cannot look for foreign routers'),
  });
  return watch;
}
