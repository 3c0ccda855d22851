import { type Logger, pino } from 'pino';
import { codeOf, messageOf } from './errors.ts';

/*
 * What a program does as a process: how it logs, how it ends, and what does not end it. For the two main.ts alone.
 */

/** As much of the log is kept while it cannot be written. */
const KEPT_LOG_BYTES = 256 * 1024;

/** Ends the process, with a sentence on standard error and code 2: what it was given does not let it go on. */
export function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

/**
 * The same, for whatever kept a program from starting.
 * @param ports which settings to change when another process has a port, e.g. `server.port`
 */
export function failToStart(error: unknown, { ports }: { readonly ports: string }): never {
  const message = messageOf(error);
  const portInUse = codeOf(error) === 'EADDRINUSE';
  fail(`ERROR: ${message}${portInUse ? `; another process has the port: set ${ports} to a free one` : ''}`);
}

/** Ends the process of a command that did what it was asked for, whatever it still keeps up. */
export function finish(): never {
  process.exit(0);
}

/**
 * The log, as JSON on standard output. That it cannot be written, because its reader is gone or a disk is full, is no reason to end.
 * @param options the level, and what every line has
 */
export function openLog({ level, base }: { level: string; base: Readonly<Record<string, unknown>> }): Logger {
  const destination = pino.destination({ dest: 1, sync: true, maxLength: KEPT_LOG_BYTES });
  destination.on('error', () => undefined);
  return pino({ level, base, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

/**
 * The last line of defence: an error of a system call that nobody waited for, such as of a socket that has no file descriptor, is logged
 * and survived: a sidecar that ends gives addresses away. Any other error is one of the program, whose state is not known then.
 */
export function surviveSystemErrors(log: Logger): void {
  process.on('uncaughtException', (error: unknown) => {
    if (error instanceof Error && 'syscall' in error && codeOf(error) !== undefined) {
      log.error({ err: error }, 'an error of the system that nothing waited for; going on');
      return;
    }
    log.fatal({ err: error }, 'an error of the program; it ends, to be started again');
    process.exit(1);
  });
}

/**
 * Ends the process on SIGTERM or SIGINT: on the first one in order, on the second at once.
 * @param stop ends all that runs
 */
export function stopOnSignal(stop: (signal: NodeJS.Signals) => Promise<void>): void {
  let stopping = false;
  const handle = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    stopping = true;
    stop(signal).then(
      () => process.exit(0),
      (error: unknown) => fail(`stopping failed: ${String(error)}`),
    );
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
}
