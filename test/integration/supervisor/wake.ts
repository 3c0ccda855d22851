import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Wakes the supervisor of a pod as the sidecar does: by a line in the FIFO. @param runtime the pod's runtime directory */
export function wakeSupervisor(runtime: string): void {
  try {
    const fifo = openSync(join(runtime, 'supervisor.request'), constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(fifo, 'candidate\n');
    closeSync(fifo);
  } catch {
    // No supervisor yet: it looks at its start.
  }
}
