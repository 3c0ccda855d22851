import { readFileSync } from 'node:fs';
import { inNetns } from './netns.ts';
import { isAlive, listensInNetnsOf, type ProcessRef, startDetached } from './processes.ts';
import { waitFor } from './wait.ts';

/** A server that is to run in a network namespace. */
export interface ServerOptions {
  /** As a failure shall call it. */
  readonly what: string;
  readonly netns: string;
  readonly command: readonly string[];
  readonly logFile: string;
  readonly port: number;
  readonly limitMs: number;
}

/** Starts a server that outlives this process, and waits until it listens. @throws Error with what it said when it ended before */
export async function startServer({
  what,
  netns,
  command,
  logFile,
  port,
  limitMs,
}: ServerOptions): Promise<ProcessRef> {
  const ref = await startDetached(inNetns(netns, command), logFile);
  const listens = () => {
    if (isAlive(ref)) return listensInNetnsOf(ref.pid, port);
    throw new Error(`${what} ended at once: ${readFileSync(logFile, 'utf8').trim()}`);
  };
  await waitFor(`${what} on port ${port}`, listens, { limitMs, everyMs: 5 });
  return ref;
}
