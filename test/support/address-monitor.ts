import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { monotonicMs } from './clock.ts';

/** Thousands of addresses come at once where a node takes over for another; what finds no room is never told. */
const RECEIVE_BYTES = String(16 * 1024 * 1024);

/** An address that came to a namespace, or left it. */
export interface AddressChange {
  readonly interface: string;
  readonly address: string;
  readonly added: boolean;
}

/** What `ip -o monitor address` says in one line; undefined when it is about something else. Pure. */
export function parseAddressLine(line: string): AddressChange | undefined {
  const match = /^(Deleted )?\d+: ([^\s@]+)\S*\s+inet6? ([^/\s]+)/.exec(line);
  const [, deleted, on, address] = match ?? [];
  return on === undefined || address === undefined
    ? undefined
    : { interface: on, address, added: deleted === undefined };
}

/**
 * Follows the addresses of a network namespace as the kernel tells of them.
 * @param onChange gets each change with the moment at which it was seen (ms of CLOCK_MONOTONIC)
 * @returns the process that does it: kill it to end. Where it cannot run, nothing is told
 */
export function monitorAddresses(netns: string, onChange: (atMs: number, change: AddressChange) => void): ChildProcess {
  const monitor = spawn('ip', ['-rcvbuf', RECEIVE_BYTES, '-n', netns, '-o', 'monitor', 'address'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  monitor.on('error', () => undefined);
  createInterface({ input: monitor.stdout }).on('line', (line) => {
    const atMs = monotonicMs();
    const change = parseAddressLine(line);
    if (change !== undefined) onChange(atMs, change);
  });
  return monitor;
}
