import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inNetns } from '../support/netns.ts';
import type { AskerOptions, AskerReport } from './asker.ts';

const ASKER = join(import.meta.dirname, 'asker.ts');
/** Beside the other programs of a node, not above them. */
const NICENESS = 10;
const END_LIMIT_MS = 30_000;

/** Something that makes work until it is stopped. */
export interface Load {
  /** Ends it; gives how much was done, in units of its own. May be called twice. */
  stop(): Promise<number>;
}

async function end(children: readonly ChildProcess[]): Promise<void> {
  const running = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  const ends = running.map((child) => once(child, 'close', { signal: AbortSignal.timeout(END_LIMIT_MS) }));
  for (const child of running) child.kill('SIGKILL');
  await Promise.all(ends);
}

/**
 * Busy loops on a node: they compete for the processor with everything else there.
 * @param cgroup the node's, below each hierarchy
 * @param limitSeconds after which they end by themselves, whatever became of the test
 */
export function busyLoops(cgroup: string, count: number, limitSeconds: number): Load {
  const join = `echo $$ >/sys/fs/cgroup/cpu/${cgroup}/cgroup.procs`;
  const script = `${join}; exec nice -n ${NICENESS} timeout --foreground ${limitSeconds} sh -c 'while :; do :; done'`;
  // In a group of their own, so that timeout and its loop end together.
  const children = Array.from({ length: count }, () =>
    spawn('sh', ['-c', script], { stdio: 'ignore', detached: true }),
  );
  return {
    stop: async () => {
      for (const { pid, exitCode } of children)
        if (pid !== undefined && exitCode === null) process.kill(-pid, 'SIGKILL');
      await end(children);
      return count;
    },
  };
}

/** Somebody who asks the sidecar of a node for its metrics and status all the time. What was done: answers. */
export function asker(netns: string, options: AskerOptions): Load {
  const [program, ...args] = inNetns(netns, [process.execPath, ASKER, JSON.stringify(options)]);
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let answers = 0;
  child.on('message', (report: AskerReport) => {
    answers = report.answers;
  });
  return {
    stop: async () => {
      await end([child]);
      return answers;
    },
  };
}

/**
 * Has a node that does not hold the address leave and return all the time: its track files change with each.
 * @param runtime the pod's runtime directory, seen from outside
 */
export function trackChanges(runtime: string, everyMs: number): Load {
  const file = join(runtime, 'drain');
  let changes = 0;
  const change = () => {
    if (changes % 2 === 0) writeFileSync(file, '');
    else rmSync(file, { force: true });
    changes += 1;
  };
  const timer = setInterval(() => {
    try {
      change();
    } catch {
      clearInterval(timer); // the container has ended, as the number of changes shows
    }
  }, everyMs);
  return {
    stop: () => {
      clearInterval(timer);
      rmSync(file, { force: true });
      return Promise.resolve(changes);
    },
  };
}
