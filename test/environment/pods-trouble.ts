import { say } from '../support/print.ts';
import type { Site } from './site.ts';

const COMMAND_LIMIT_MS = 20_000;
const EVENTS_SHOWN = 20;

/**
 * Says what is known of pods that do not get ready: where they are, what the kubelets tell of them, and the last words of every container, also of
 * the one before a restart. For a test that is about to fail: whatever cannot be asked is said as that.
 * @param selector of labels, as kubectl's `-l` takes it
 */
export async function tellOfPods(site: Site, namespace: string, selector: string): Promise<void> {
  const of = ['-n', namespace, '-l', selector];
  const states =
    'jsonpath={range .items[*]}{.metadata.name}{" "}{.status.containerStatuses[*].state}{" last "}{.status.containerStatuses[*].lastState}{"\\n"}{end}';
  const logs = ['logs', ...of, '--all-containers', '--prefix', '--tail=8', '--max-log-requests=50'];
  await tell(site, 'all pods of the namespace', ['get', 'pods', '-n', namespace, '-o', 'wide']);
  await tell(site, 'their containers', ['get', 'pods', ...of, '-o', states]);
  await tell(site, 'events', ['get', 'events', '-n', namespace, '--sort-by=.lastTimestamp'], EVENTS_SHOWN);
  await tell(site, 'logs', logs);
  await tell(site, 'logs before the last restart', [...logs, '--previous']);
}

async function tell(site: Site, what: string, args: readonly string[], lastLines?: number): Promise<void> {
  const found = await site.kubectl(args, { timeout: COMMAND_LIMIT_MS, reject: false, all: true }).catch(String);
  const lines = found.trim().split('\n');
  say(`${what}:\n${lines.slice(lastLines === undefined ? 0 : -lastLines).join('\n')}`);
}
