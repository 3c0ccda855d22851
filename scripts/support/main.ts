/** A failure to be told to the person at the terminal in its own words, without a stack. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
}

/**
 * Runs a script's body when the script was started as a command, not imported.
 * @param isMain `import.meta.main` of the script
 * @param name what messages begin with
 */
export function runMain(isMain: boolean, name: string, body: () => Promise<void>): void {
  if (!isMain) return;
  body().catch((error: unknown) => {
    process.stderr.write(`${name}: ${describe(error)}\n`);
    process.exitCode = 1;
  });
}

function describe(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
