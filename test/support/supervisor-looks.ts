import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bind } from './container.ts';
import { supervisorBinds } from './image-root.ts';

/**
 * How often the supervisor looks around without being woken. Never: what it does, it does because it was woken, by the FIFO, a signal or the
 * end of its process, however long the machine takes. Often: a test of what it does at a look does not wait for it. As shipped: the rest.
 */
export type Looks = 'never' | 'often' | 'as shipped';

const SECONDS = { never: 600, often: 1 } as const;
/** The part that says it. */
const EVENTS = 'events.sh';
const CONSTANT = /^readonly POLL_SECONDS=\d+/m;

/**
 * What puts another time between looks into a container.
 * @param folder where its file is made
 * @throws Error when the supervisor does not say any more, in the way that is known here, how often it looks
 */
export function eventsWithLooks(looks: Looks, folder: string): Bind[] {
  if (looks === 'as shipped') return [];
  const parts = supervisorBinds().find((bind) => existsSync(join(bind.host, EVENTS)));
  const text = parts === undefined ? '' : readFileSync(join(parts.host, EVENTS), 'utf8');
  if (parts === undefined || !CONSTANT.test(text))
    throw new Error(`no part ${EVENTS} of the supervisor has a line ${CONSTANT}: tests cannot say when it looks`);
  const host = join(folder, `events-${looks}.sh`);
  writeFileSync(host, text.replace(CONSTANT, `readonly POLL_SECONDS=${SECONDS[looks]}`));
  return [{ host, container: join(parts.container, EVENTS), readOnly: true }];
}
