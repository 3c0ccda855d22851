import { readdirSync } from 'node:fs';
import { execa } from 'execa';

const NETNS_DIRECTORY = '/run/netns';
/** Configuration commands answer in milliseconds; one that does not is stuck. */
const COMMAND_LIMIT_MS = 15_000;

/** Path at which iproute2 mounts a network namespace. */
export function netnsPath(netns: string): string {
  return `${NETNS_DIRECTORY}/${netns}`;
}

/** The words that run a program inside a network namespace; nsenter replaces itself, so the pid is the program's. */
export function inNetns(netns: string, command: readonly string[]): [string, ...string[]] {
  return ['nsenter', `--net=${netnsPath(netns)}`, '--', ...command];
}

/** Names of all network namespaces of the machine. */
export function listNetns(): string[] {
  try {
    return readdirSync(NETNS_DIRECTORY);
  } catch {
    return [];
  }
}

/**
 * Runs `ip` (in a namespace, if one is given) and gives its output. @throws Error with what ip said.
 * Out of reach of a Ctrl-C at the terminal: what makes and removes namespaces is not torn off halfway.
 */
export async function ip(args: readonly string[], netns?: string): Promise<string> {
  const where = netns === undefined ? [] : ['-n', netns];
  return (await execa('ip', [...where, ...args], { timeout: COMMAND_LIMIT_MS, detached: true })).stdout;
}

/** Runs many `ip` commands in one process, in order; the first that fails ends it. */
export async function ipBatch(commands: readonly string[], netns?: string): Promise<void> {
  const where = netns === undefined ? [] : ['-n', netns];
  const input = `${commands.join('\n')}\n`;
  await execa('ip', [...where, '-batch', '-'], { input, timeout: COMMAND_LIMIT_MS, detached: true });
}

/** Sets kernel parameters below /proc/sys inside a namespace; those that the kernel does not have are passed over. */
export async function sysctl(netns: string, values: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(values).map(([key, value]) => {
    const path = `/proc/sys/${key.replaceAll('.', '/')}`;
    return `[ ! -w ${path} ] || echo '${value}' > ${path}`;
  });
  const [program, ...args] = inNetns(netns, ['sh', '-ec', lines.join('\n')]);
  await execa(program, args, { timeout: COMMAND_LIMIT_MS });
}
