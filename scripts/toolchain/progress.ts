import { execa } from 'execa';
import { CommandError } from '../support/main.ts';

const REPORT_EVERY_MS = 10_000;

/** Takes one line of progress. */
export type Log = (line: string) => void;

/** Something that failed while a tool was fetched or built, in words for the person at the terminal. */
export class ToolError extends CommandError {
  override readonly name = 'ToolError';
}

/** What `runStep` runs. */
export interface Step {
  /** What is being done, such as `helm v4.3.1: building`. */
  readonly label: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly directory: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly limitSeconds: number;
}

/**
 * Runs one command that may take minutes, and says every ten seconds that it is still at it.
 * @throws ToolError with the end of what the command printed
 */
export async function runStep(step: Step, log: Log): Promise<void> {
  const started = performance.now();
  log(`${step.label} …`);
  const timer = setInterval(() => log(`${step.label} … ${elapsed(started)}`), REPORT_EVERY_MS);
  try {
    const result = await execa(step.command, step.arguments, {
      cwd: step.directory,
      env: step.environment ?? {},
      timeout: step.limitSeconds * 1000,
      forceKillAfterDelay: 5000,
      reject: false,
      all: true,
      stdin: 'ignore',
    });
    if (result.failed) {
      const why = result.timedOut
        ? `took longer than ${step.limitSeconds} s`
        : (result.code ?? `exit ${result.exitCode}`);
      throw new ToolError(`${step.label}: ${step.command} failed (${why})\n${lastLines(result.all ?? '')}`);
    }
    log(`${step.label} … done in ${elapsed(started)}`);
  } finally {
    clearInterval(timer);
  }
}

/** Time since `startedMs` (of `performance.now()`) as minutes and seconds, `1:05`. */
export function elapsed(startedMs: number, nowMs: number = performance.now()): string {
  const seconds = Math.floor((nowMs - startedMs) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function lastLines(text: string): string {
  return text.split('\n').slice(-15).join('\n');
}
