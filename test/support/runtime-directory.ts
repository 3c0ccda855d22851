import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/* A pod's runtime directory, as the kubelet makes it and the sidecar uses it. */

/** Where the release's pod has its runtime directory. */
export const RUNTIME_DIRECTORY = '/run/keepalived-ingress-vip';
/** Where it has the one that it shares with its proxy. */
export const PROXY_RUNTIME_DIRECTORY = '/run/keepalived-ingress-vip-proxy';

/** A track file of the settings' instance. @param runtime the runtime directory, as this process sees it */
export function trackFile(runtime: string, kind: 'gate' | 'offset' | 'pulse'): string {
  return join(runtime, 'track', `vip.${kind}`);
}

const SIDECAR_UID = 65532;

/** A directory as the kubelet makes an emptyDir. */
export function emptyDir(path: string): string {
  mkdirSync(path);
  chmodSync(path, 0o777);
  return path;
}

/** Writes a file into the directory as the sidecar does: its user, one step. */
export function place(runtime: string, name: string, text: string, mode = 0o644): void {
  const temporary = join(runtime, '.test');
  writeFileSync(temporary, text);
  chmodSync(temporary, mode);
  chownSync(temporary, SIDECAR_UID, SIDECAR_UID);
  renameSync(temporary, join(runtime, name));
}

/** Wakes the supervisor of a pod as the sidecar does: by a line in the FIFO. */
export function wakeSupervisor(runtime: string): void {
  try {
    const fifo = openSync(join(runtime, 'supervisor.request'), constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(fifo, 'candidate\n');
    closeSync(fifo);
  } catch {
    // No supervisor yet: it looks at its start.
  }
}

/** Offers a candidate as the sidecar does: the file, then a line in the FIFO. */
export function offer(runtime: string, text: string, mode?: number): void {
  place(runtime, 'candidate.conf', text, mode);
  wakeSupervisor(runtime);
}

/** Content of a file, empty when there is none. */
export function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
