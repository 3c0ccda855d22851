import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The project's folder in the user's cache (`XDG_CACHE_HOME`, else `~/.cache`); made if missing. */
export function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = join(base, 'keepalived-ingress-vip');
  mkdirSync(folder, { recursive: true });
  return folder;
}
