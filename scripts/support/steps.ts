import { elapsed } from '../toolchain/progress.ts';

/** Runs one part of a longer run under a heading, and says how long it took; on standard error, so that standard output stays the tests' own. */
export async function step<T>(text: string, work: () => Promise<T>): Promise<T> {
  process.stderr.write(`== ${text}\n`);
  const started = performance.now();
  try {
    return await work();
  } finally {
    process.stderr.write(`== ${text}: ${elapsed(started)}\n`);
  }
}

/** True where nobody watches and nothing may be left out: the environment variable CI is set, and not to `false`. */
export function isCi(environment: NodeJS.ProcessEnv = process.env): boolean {
  return environment.CI !== undefined && environment.CI !== '' && environment.CI !== 'false';
}
