import { readFileSync } from 'node:fs';
import { trackFile } from '../support/runtime-directory.ts';

/** A healthy node's offset is that of its rank; a node of the next band has at most -31. */
const LOWEST_HEALTHY_OFFSET = -30;

/**
 * Whether a node could take over: its gate is open, its priority that of a healthy node, and its pulse is fresh; see docs/how-it-works.md.
 * @param runtime the pod's runtime directory, as this process sees it. Without the track files of the settings' instance it could not
 */
export function isFit(runtime: string): boolean {
  const read = (kind: Parameters<typeof trackFile>[1]) => Number(readFileSync(trackFile(runtime, kind), 'utf8'));
  try {
    return read('gate') === 1 && read('offset') >= LOWEST_HEALTHY_OFFSET && read('pulse') === 0;
  } catch {
    return false;
  }
}

/** Whether a page of metrics tells of checks, of which none counts failures, though it may still be called healthy. Pure. */
export function countsNoFailure(metrics: string): boolean {
  const counts = [...metrics.matchAll(/^keepalived_vip_probe_consecutive_failures\{.*\} (\d+)$/gm)];
  return counts.length > 0 && counts.every(([, count]) => count === '0');
}
