import { createHash, randomUUID } from 'node:crypto';
import { constants, type FSWatcher, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import { access, chmod, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseSupervisorStatus, type SupervisorStatus } from './supervisor-status.ts';

/** Names in the directory that both containers of the pod share. */
export type RuntimeFile =
  | 'candidate.conf'
  | 'supervisor.request'
  | 'supervisor.status'
  | 'notify.fifo'
  | 'keepalived.stats'
  | 'statistics.wanted'
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
  /** Content of the track files, by path. */
  readonly #written = new Map<string, string>();
  /** Digest of the candidate: its text can be long. */
  #candidate: string | undefined;
  #watcher: FSWatcher | undefined;

  constructor(options: { path: string }) {
    this.path = options.path;
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
   * Writes the two track files of an instance, each only when it changed; returns whether one was written.
   * The offset goes first: a gate must not open on the priority of the past. When the gate closes, it goes first, since it is urgent.
   * Synchronous for the same reason: the directory is memory, and each trip through the thread pool is a millisecond of outage.
   */
  writeFitness(instance: string, { gate, offset }: { gate: 0 | 1; offset: number }): boolean {
    if (gate === 0) {
      const closed = this.closeGate(instance);
      return this.#write(this.#track(instance, 'offset'), offset) || closed;
    }
    const moved = this.#write(this.#track(instance, 'offset'), offset);
    return this.#write(this.#track(instance, 'gate'), gate) || moved;
  }

  /** Closes an instance's gate and leaves its offset for later, since that is not urgent; returns whether it was open. */
  closeGate(instance: string): boolean {
    return this.#write(this.#track(instance, 'gate'), 0);
  }

  /** Removes the track files of an instance that keepalived does not run any more. */
  removeTrackFiles(instance: string): void {
    for (const kind of ['gate', 'offset'] as const) {
      const path = this.#track(instance, kind);
      this.#written.delete(path);
      rmSync(path, { force: true });
    }
  }

  /** Names of the instances that have a gate, by whomever it was written. */
  async trackedInstances(): Promise<string[]> {
    const files = await readdir(join(this.path, 'track')).catch(() => []);
    return files.filter((file) => /^[^.].*\.gate$/.test(file)).map((file) => file.slice(0, -'.gate'.length));
  }

  /** Offers a configuration to the supervisor, unless it is the one offered last. */
  async writeCandidate(text: string): Promise<boolean> {
    const digest = createHash('sha256').update(text).digest('base64');
    if (this.#candidate === digest) return false;
    await replaceFile(this.file('candidate.conf'), text);
    this.#candidate = digest;
    await this.#requestLook();
    return true;
  }

  /** What the supervisor last said; undefined before it said anything. */
  async readSupervisorStatus(): Promise<SupervisorStatus | undefined> {
    const text = await readFile(this.file('supervisor.status'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : parseSupervisorStatus(text);
  }

  /** Asks for keepalived's statistics; they can be read when they are asked for the next time. */
  async requestStatistics(): Promise<void> {
    await writeFile(this.file('statistics.wanted'), '');
    await this.#requestLook();
  }

  /** keepalived's statistics as it wrote them last; empty before it wrote any. */
  async readStatistics(): Promise<string> {
    return readFile(this.file('keepalived.stats'), 'utf8').catch(() => '');
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

  #track(instance: string, kind: 'gate' | 'offset'): string {
    return join(this.path, 'track', `${instance}.${kind}`);
  }

  #write(path: string, value: number): boolean {
    const text = `${value}\n`;
    if (this.#written.get(path) === text) return false;
    const temporary = temporaryBeside(path);
    writeFileSync(temporary, text, { mode: 0o644 });
    renameSync(temporary, path);
    this.#written.set(path, text);
    return true;
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
