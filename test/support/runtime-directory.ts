import { join } from 'node:path';

/** Where the release's pod has its runtime directory. */
export const RUNTIME_DIRECTORY = '/run/keepalived-ingress-vip';

/** A track file of the settings' instance. @param runtime the runtime directory, as this process sees it */
export function trackFile(runtime: string, kind: 'gate' | 'offset' | 'pulse'): string {
  return join(runtime, 'track', `vip.${kind}`);
}
