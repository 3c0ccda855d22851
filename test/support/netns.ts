import { readdirSync } from 'node:fs';
import { execa } from 'execa';

const NETNS_DIRECTORY = '/run/netns';
/** Configuration commands answer in milliseconds; one that does not is stuck. */
const COMMAND_LIMIT_MS = 60_000;

/** The first interface that nodes and clients have, in most networks of the lab the only one. */
export const INTERFACE = 'eth0';

/** No waiting for duplicate address detection, no router advertisements: addresses are usable at once and stay as given. */
export const HOST_SYSCTLS = {
  'net.ipv6.conf.all.disable_ipv6': '0',
  'net.ipv6.conf.default.disable_ipv6': '0',
  'net.ipv6.conf.default.accept_dad': '0',
  'net.ipv6.conf.all.accept_dad': '0',
  'net.ipv6.conf.default.accept_ra': '0',
  // A client that opens 200 connections a second needs the ports.
  'net.ipv4.ip_local_port_range': '10000 65000',
  // But not those at which programs of a node listen, nor Kubernetes' node ports: most nodes' connections leave from higher ports, and one that
  // an API server keeps to its etcd for hours from 10270 lets no sidecar of that node begin.
  'net.ipv4.ip_local_reserved_ports': '10000-10999,30000-32767',
};

/** A plain switch: filters of the machine that hosts the lab have no say in it. */
export const SWITCH_SYSCTLS = {
  'net.bridge.bridge-nf-call-iptables': '0',
  'net.bridge.bridge-nf-call-ip6tables': '0',
  'net.bridge.bridge-nf-call-arptables': '0',
  'net.ipv6.conf.all.disable_ipv6': '1',
  'net.ipv6.conf.default.disable_ipv6': '1',
};

/** A machine in a network namespace of its own. */
export interface NamedNetns {
  readonly name: string;
  readonly netns: string;
}

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

/** Makes a network namespace. One of this name that a run left that was killed is removed first: numbers of processes, which are in names, come again. */
export async function addNetns(netns: string): Promise<void> {
  await removeNetns([netns]);
  await ip(['netns', 'add', netns]);
}

/** Removes those of the namespaces that exist, and with them what is inside. */
export async function removeNetns(names: readonly string[]): Promise<void> {
  const existing = new Set(listNetns());
  for (const name of names.filter((each) => existing.has(each))) {
    await ip(['netns', 'delete', name]);
  }
}

/** Who is there answers within milliseconds, and on a machine that stands still after seconds. */
export const REQUEST_LIMIT_SECONDS = 10;

/** Fetches a URL from inside a network namespace, whatever its status; '' when nothing answers within 10 s. */
export async function fetchIn(netns: string, url: string): Promise<string> {
  const [program, ...args] = inNetns(netns, ['curl', '-s', '-m', String(REQUEST_LIMIT_SECONDS), url]);
  return (await execa(program, args, { timeout: 2000 * REQUEST_LIMIT_SECONDS, reject: false })).stdout;
}
