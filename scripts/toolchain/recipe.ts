import { createHash } from 'node:crypto';
import type { Log } from './progress.ts';

/** Something that is installed as one folder and kept by its name, which changes with everything that went into it. */
export interface Recipe {
  /** Folder name in the store, such as `helm-v4.3.1-0a1b2c3d4e5f`. */
  readonly key: string;
  readonly version: string;
  /** What is missing on this machine to do it, in words; undefined when nothing is. */
  readonly obstacle: () => Promise<string | undefined>;
  /** Does the work; what it leaves in `folder` is the result. */
  readonly install: (folder: string, log: Log) => Promise<void>;
}

/** Twelve digits that change with every part. */
export function fingerprint(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12);
}
