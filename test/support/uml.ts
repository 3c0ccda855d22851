/**
 * Runs a shell script as root on a Linux of its own, in user-mode Linux (https://docs.kernel.org/virt/uml/user_mode_linux_howto_v2.html): a
 * kernel that is a process of this machine's. For what this machine's kernel does not have, such as IPVS: it needs neither a module nor a right
 * of this machine. Both kernel and programs are Debian's, of a tree that is made once. A start takes two seconds.
 */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bind, isRunning, killContainer, startContainer } from './container.ts';
import { ensureDebianRoot } from './debian-root.ts';
import { imagePackages, supervisorBinds } from './image-root.ts';
import { addNetns, ip } from './netns.ts';
import { waitFor } from './wait.ts';

/** Besides what the keepalived image has: the kernel with its modules, what loads them, and iptables. */
const PACKAGES = ['iptables', 'kmod', 'user-mode-linux'];
/** The container's folder that is this machine's and the other Linux' at once. */
const SHARED = '/uml';
/** Of the Linux. */
const MEMORY = '512M';

/** `null` where user-mode Linux can run; Debian has it for this processor alone. */
export const canRunUml = (): string | null =>
  process.arch === 'x64' ? null : `user-mode Linux is there for x64, and this machine is ${process.arch}`;

/** Instructions of a seccomp filter (linux/bpf_common.h, linux/seccomp.h). */
const [LOAD, JUMP_IF_EQUAL, RETURN] = [0x20, 0x15, 0x06];
const [ALLOW, EINVAL] = [0x7fff_0000, 0x0005_0016];
const [PTRACE, GETREGSET, SETREGSET, X86_XSTATE] = [101, 0x4204, 0x4205, 0x202];

/**
 * Refuses ptrace(PTRACE_GETREGSET or PTRACE_SETREGSET, …, NT_X86_XSTATE), so that user-mode Linux does without: on a processor with AMX the
 * answer is larger than it has room for, and it panics.
 */
function seccompFilter(): Buffer {
  // Each is code, where to go if it is so and if not, and a number; offsets are those of struct seccomp_data.
  const program = [
    [LOAD, 0, 0, 0],
    [JUMP_IF_EQUAL, 0, 6, PTRACE],
    [LOAD, 0, 0, 16],
    [JUMP_IF_EQUAL, 1, 0, GETREGSET],
    [JUMP_IF_EQUAL, 0, 3, SETREGSET],
    [LOAD, 0, 0, 32],
    [JUMP_IF_EQUAL, 0, 1, X86_XSTATE],
    [RETURN, 0, 0, EINVAL],
    [RETURN, 0, 0, ALLOW],
  ] as const;
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code, then, otherwise, value]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(then, index * 8 + 2);
    bytes.writeUInt8(otherwise, index * 8 + 3);
    bytes.writeUInt32LE(value, index * 8 + 4);
  }
  return bytes;
}

/** What a script is run with. */
export interface UmlRun {
  /** An empty or new folder of this machine; the script has it as /uml. */
  readonly folder: string;
  /** What is run, by sh. `load MODULE…` loads modules of the kernel. */
  readonly script: string;
  readonly limitMs: number;
}

/** The container in which it runs has a network of its own, which it does not use. */
async function withNetwork<T>(run: (netns: string) => Promise<T>): Promise<T> {
  const netns = `uml-${process.pid}`;
  await addNetns(netns);
  try {
    return await run(netns);
  } finally {
    await ip(['netns', 'delete', netns]);
  }
}

/**
 * Runs a script, and waits for its end. The supervisor of keepalived is where the image has it.
 * @returns what it and the programs that it ran wrote
 * @throws Error with the end of that when it was not over in time
 */
export async function runInUml({ folder, script, limitMs }: UmlRun): Promise<string> {
  const packages = [...new Set([...imagePackages(), ...PACKAGES])];
  const root = await ensureDebianRoot({ label: 'uml-root', suite: 'trixie', packages });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'run.sh'), script);
  writeFileSync(join(folder, 'filter'), seccompFilter());
  const [output, console] = [join(folder, 'output'), join(folder, 'console')];
  rmSync(output, { force: true });
  const shared: Bind = { host: folder, container: SHARED, readOnly: false };
  const init: Bind = { host: join(import.meta.dirname, 'uml-init.sh'), container: '/uml-init.sh', readOnly: true };
  return withNetwork(async (netns) => {
    const container = await startContainer({
      netns,
      root,
      argv: [
        // Whoever waits for it may be killed meanwhile: it would take a core for ever.
        ...(['/usr/bin/timeout', '--foreground', '--signal=KILL', String(Math.ceil(limitMs / 1000))] as const),
        ...(['/usr/bin/setpriv', '--seccomp-filter', `${SHARED}/filter`, '/usr/bin/linux.uml'] as const),
        ...[`mem=${MEMORY}`, 'rootfstype=hostfs', 'rootflags=/', 'rw', 'init=/bin/sh'],
        ...['con=null', 'con0=null,fd:1', 'quiet', 'panic=-1', '--', '/uml-init.sh'],
      ],
      binds: [...supervisorBinds(), shared, init],
      tmpfs: ['/tmp'],
      env: { TMPDIR: '/tmp', HOME: '/tmp' },
      logFile: console,
    });
    try {
      await waitFor('user-mode Linux has ended', () => !isRunning(container), { limitMs, everyMs: 100 });
    } catch (error) {
      throw new Error(`it was not over within ${limitMs} ms: ${tail(output)} ${tail(console)}`, { cause: error });
    } finally {
      await killContainer(container);
    }
    return readFileSync(output, 'utf8');
  });
}

function tail(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-2000);
  } catch {
    return '';
  }
}
