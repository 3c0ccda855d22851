import { randomUUID } from 'node:crypto';
import { constants, type FSWatcher, renameSync, watch, writeFileSync } from 'node:fs';
import { access, chmod, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseSupervisorStatus, type SupervisorStatus } from './supervisor-status.ts';

/** Names in the directory that both containers of the pod share. */
export type RuntimeFile =
  | 'candidate.conf'
  | 'supervisor.request'
  | 'supervisor.status'
  | 'notify.fifo'
  | 'drain'
  | 'drained';

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function temporaryBeside(path: string): string {
  return join(dirname(path), `.${randomUUID()}`);
}

/**
 * Replaces a file so that a reader sees the old content or the new one, never a part. Readable for all: the two containers run as
 * different users, and only they mount the volume.
 */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = temporaryBeside(path);
  await writeFile(temporary, text, { mode: 0o644 });
  await rename(temporary, path);
}

/** The directory through which the sidecar and keepalived's supervisor talk. All methods reject with the system's error. */
export class RuntimeDirectory {
  readonly path: string;
  readonly #instance: string;
  readonly #written = new Map<string, string>();
  #watcher: FSWatcher | undefined;

  constructor(options: { path: string; instance: string }) {
    this.path = options.path;
    this.#instance = options.instance;
  }

  /** Path of one of the shared files. */
  file(name: RuntimeFile): string {
    return join(this.path, name);
  }

  /** Makes what is missing, and forgets an answer to an earlier request to drain. */
  async prepare(): Promise<void> {
    const track = join(this.path, 'track');
    await mkdir(track, { recursive: true });
    // Whoever comes first makes it; the other one, another user, must be able to write as well.
    await chmod(track, 0o777).catch(() => undefined);
    await rm(this.file('drained'), { force: true });
  }

  /**
   * Writes the two track files, each only when it changed; returns whether one was written.
   * The offset goes first: a gate must not open on the priority of the past. When the gate closes, it goes first, since it is urgent.
   * Synchronous for the same reason: the directory is memory, and each trip through the thread pool is a millisecond of outage.
   */
  writeFitness(fitness: { gate: 0 | 1; offset: number }): boolean {
    const gate = { path: this.#track('gate'), text: `${fitness.gate}\n` };
    const offset = { path: this.#track('offset'), text: `${fitness.offset}\n` };
    let wrote = false;
    for (const { path, text } of fitness.gate === 0 ? [gate, offset] : [offset, gate]) {
      if (this.#written.get(path) === text) continue;
      const temporary = temporaryBeside(path);
      writeFileSync(temporary, text, { mode: 0o644 });
      renameSync(temporary, path);
      this.#written.set(path, text);
      wrote = true;
    }
    return wrote;
  }

  /** Offers a configuration to the supervisor, unless it is the one offered last. */
  async writeCandidate(text: string): Promise<boolean> {
    const path = this.file('candidate.conf');
    if (this.#written.get(path) === text) return false;
    await replaceFile(path, text);
    this.#written.set(path, text);
    await this.#requestLook();
    return true;
  }

  /** What the supervisor last said; undefined before it said anything. */
  async readSupervisorStatus(): Promise<SupervisorStatus | undefined> {
    const text = await readFile(this.file('supervisor.status'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : parseSupervisorStatus(text);
  }

  /** Whether the pod is asked to drain. */
  drainRequested(): Promise<boolean> {
    return exists(this.file('drain'));
  }

  /** Answers a request to drain. */
  async answerDrain(text: string): Promise<void> {
    await replaceFile(this.file('drained'), `${text}\n`);
  }

  /** Takes the answer back, when the request is gone. */
  async forgetDrain(): Promise<void> {
    await rm(this.file('drained'), { force: true });
  }

  /** Calls back with the name of each file that changes in the directory itself, until {@link stop}. */
  watch(onChange: (name: string) => void): void {
    this.#watcher = watch(this.path, (_event, name) => {
      if (name !== null && !name.startsWith('.')) onChange(name);
    });
  }

  /** Ends watching; may be called twice. */
  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #track(kind: 'gate' | 'offset'): string {
    return join(this.path, 'track', `${this.#instance}.${kind}`);
  }

  async #requestLook(): Promise<void> {
    const path = this.file('supervisor.request');
    try {
      const fifo = await open(path, constants.O_WRONLY | constants.O_NONBLOCK);
      await fifo.write('candidate\n').finally(() => fifo.close());
    } catch (error) {
      // No supervisor yet: it looks for a candidate when it starts, and now and then besides.
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'ENOENT' && code !== 'ENXIO' && code !== 'EAGAIN') throw error;
    }
  }
}
