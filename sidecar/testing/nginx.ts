import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCommand } from '../../test/support/needs.ts';
import { Program } from '../../test/support/program.ts';

/** An nginx of its own, below a directory of its own. */
export interface Nginx {
  readonly port: number;
  /** Process ids of its workers. */
  workers(): Promise<readonly number[]>;
  /** Loads its configuration again, as a controller does after each change (SIGHUP). */
  reload(): void;
  /** SIGKILL to the master, then to its workers. */
  kill(): Promise<void>;
  /**
   * SIGKILL to the workers, then to the master, which holds the listening socket open until then: the harder case.
   * @param between what happens after the workers' end and before the master's
   */
  killWorkersFirst(between: () => Promise<unknown>): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
  /** Ends it and removes what it left. */
  remove(): Promise<void>;
}

interface NginxOptions {
  readonly port: number;
  readonly workers?: number;
  /** After `listen 127.0.0.1:PORT`. */
  readonly listen?: string;
  /** Lines within the server block. */
  readonly server?: string;
}

const LIMIT_MS = 10_000;

/** Starts an nginx that answers 200 to everything on a port of loopback, and waits until it takes connections. */
export async function startNginx({ port, workers = 2, listen = '', server = '' }: NginxOptions): Promise<Nginx> {
  const directory = mkdtempSync(join(tmpdir(), 'nginx-'));
  const configuration = join(directory, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  );
  writeFileSync(
    configuration,
    `daemon off; worker_processes ${workers}; pid ${directory}/pid; error_log stderr emerg;
     ${process.getuid?.() === 0 ? 'user root;' : ''}
     events { worker_connections 64; }
     http { access_log off; ${temporary.join(' ')}
       server { listen 127.0.0.1:${port} ${listen}; ${server} location / { return 200 "ok\\n"; } } }`,
  );
  let master: Program | undefined;

  const start = async () => {
    const child = spawn(findCommand('nginx') ?? 'nginx', ['-p', directory, '-e', 'stderr', '-c', configuration], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    master = new Program('nginx', child);
    await master.until('a first connection', () => takesConnections(port), { limitMs: LIMIT_MS, everyMs: 10 });
  };
  const running = (): Program => {
    if (master === undefined) throw new Error('nginx does not run');
    return master;
  };
  const workerPids = async () => childrenOf(running().pid);

  await start();
  return {
    port,
    start,
    workers: workerPids,
    reload: () => process.kill(running().pid, 'SIGHUP'),
    kill: async () => {
      const pids = [running().pid, ...(await workerPids())];
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      await running().closed;
    },
    killWorkersFirst: async (between) => {
      const workers = await workerPids();
      // A master that runs would start new workers, which would outlive it and go on serving.
      process.kill(running().pid, 'SIGSTOP');
      for (const pid of workers) process.kill(pid, 'SIGKILL');
      await between();
      await running().stop();
    },
    remove: async () => {
      await running().stop('SIGTERM');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
