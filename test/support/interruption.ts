const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Someone wants the command to end early. */
export class InterruptedError extends Error {
  /** As a shell reports a process that the signal ended. */
  readonly exitCode: number;

  constructor(signal: string, exitCode: number) {
    super(`interrupted by ${signal}`);
    this.exitCode = exitCode;
  }
}

/**
 * Lets work that must clean up after itself run under Ctrl-C: the first signal aborts `signal`, so that the work ends at its next
 * wait; later ones only say that cleaning up goes on, which takes a second or two and has limits of its own.
 * @param say told that the command is ending
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  say: (line: string) => void,
): Promise<T> {
  const controller = new AbortController();
  const interrupt = (name: string, exitCode: number) => (): void => {
    say(controller.signal.aborted ? 'still cleaning up' : `${name}: cleaning up`);
    controller.abort(new InterruptedError(name, exitCode));
  };
  const handlers = Object.entries(SIGNALS).map(([name, code]) => [name, interrupt(name, code)] as const);
  const closed = interrupt('a reader that went away', SIGNALS.SIGHUP);
  for (const [name, handler] of handlers) {
    process.on(name, handler);
  }
  process.stdout.on('error', closed);
  process.stderr.on('error', () => undefined); // the terminal is gone; cleaning up matters more than saying so
  try {
    return await work(controller.signal);
  } catch (error) {
    if (controller.signal.aborted) {
      // What fails then fails because of the signal: children at the same terminal got it too.
      throw Object.assign(controller.signal.reason as InterruptedError, { cause: error });
    }
    throw error;
  } finally {
    for (const [name, handler] of handlers) {
      process.off(name, handler);
    }
  }
}

/** The exit code for an error that ends a command. */
export function exitCodeOf(error: unknown): number {
  return error instanceof InterruptedError ? error.exitCode : 1;
}
