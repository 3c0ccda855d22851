import { createHash } from 'node:crypto';
import { constants, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { access, chmod, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DirectoryWatch } from '../../common/directory-watch.ts';
import { overwriteFileSync, removeTemporaries, replaceFile, replaceFileSync } from '../../common/replace-file.ts';
import { parseSupervisorStatus, type SupervisorStatus } from './supervisor-status.ts';

/** Names in the directory that both containers of the pod share. */
export type RuntimeFile =
  | 'candidate.conf'
  | 'supervisor.request'
  | 'supervisor.status'
  | 'notify.fifo'
  | 'keepalived.stats'
  | 'statistics.wanted'
  | 'states.wanted'
  | 'drain'
  | 'drained';

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** How often the track files are looked at besides: what changes them is mostly seen at once. */
const LOOK_MILLIS = 5000;

/** The directory through which the sidecar and keepalived's supervisor talk. All methods reject with the system's error. */
export class RuntimeDirectory {
  readonly path: string;
  /** What the track files shall say, by path. */
  readonly #wanted = new Map<string, string>();
  /** What they say, as far as this process has written or seen it. */
  readonly #written = new Map<string, string>();
  /** Why track files do not say what they shall. */
  readonly #failures = new Map<string, string>();
  /** Digest of the candidate: its text can be long. */
  #candidate: string | undefined;
  #watches: readonly DirectoryWatch[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { path: string }) {
    this.path = options.path;
  }

  /** Why what was decided is not in the track files; null when it is. */
  get problem(): string | null {
    const [failure] = this.#failures.values();
    return failure === undefined ? null : `what was decided does not reach the track files: ${failure}`;
  }

  /** Path of one of the shared files. */
  file(name: RuntimeFile): string {
    return join(this.path, name);
  }

  /** Makes what is missing, removes what an earlier process left half done, and forgets an answer to an earlier request to drain. */
  async prepare(): Promise<void> {
    const track = join(this.path, 'track');
    await mkdir(track, { recursive: true });
    // Whoever comes first makes it; the other one, another user, must be able to write as well.
    await chmod(track, 0o777).catch(() => undefined);
    await removeTemporaries(this.path);
    await removeTemporaries(track);
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
      for (const known of [this.#wanted, this.#written, this.#failures]) known.delete(path);
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

  /** Asks for the states of all instances, which the supervisor's status then has; it puts right what does not fit them. */
  async requestStates(): Promise<void> {
    await writeFile(this.file('states.wanted'), '');
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

  /**
   * Calls back with the name of each file that changes in the directory itself, until {@link stop}. Track files that say something else
   * than what was written, because somebody emptied or removed them, are put right, and named in the second call.
   */
  watch(onChange: (name: string) => void, onRestored: (files: readonly string[]) => void = () => undefined): void {
    this.stop();
    const onTrack = (name: string | null): void => {
      const restored = this.#restore(name === null ? [...this.#wanted.keys()] : [join(this.path, 'track', name)]);
      if (restored.length > 0) onRestored(restored);
    };
    const onFile = (name: string | null): void => {
      if (name !== null && !name.startsWith('.')) onChange(name);
    };
    this.#watches = [
      new DirectoryWatch({ path: this.path }, { onChange: onFile }),
      new DirectoryWatch({ path: join(this.path, 'track') }, { onChange: onTrack }),
    ];
    for (const watch of this.#watches) watch.start();
    this.#timer = setInterval(() => onTrack(null), LOOK_MILLIS);
    this.#timer.unref();
  }

  /** Ends watching; may be called twice. */
  stop(): void {
    for (const watch of this.#watches) watch.stop();
    this.#watches = [];
    clearInterval(this.#timer);
  }

  #track(instance: string, kind: 'gate' | 'offset'): string {
    return join(this.path, 'track', `${instance}.${kind}`);
  }

  #write(path: string, value: number): boolean {
    const text = `${value}\n`;
    this.#wanted.set(path, text);
    if (this.#written.get(path) === text) return false;
    this.#put(path, text);
    return true;
  }

  #put(path: string, text: string): void {
    // What is there is not known while this has not succeeded.
    this.#written.delete(path);
    try {
      putFileSync(path, text);
    } catch (error) {
      this.#failures.set(path, error instanceof Error ? error.message : String(error));
      throw error;
    }
    this.#failures.delete(path);
    this.#written.set(path, text);
  }

  /** Writes those of the files anew that say something else than they shall; which they were. */
  #restore(paths: readonly string[]): string[] {
    return paths.filter((path) => {
      const text = this.#wanted.get(path);
      if (text === undefined || saysAlready(path, text)) return false;
      try {
        this.#put(path, text);
        return true;
      } catch {
        // Told by `problem`, and tried again.
        return false;
      }
    });
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

function saysAlready(path: string, text: string): boolean {
  try {
    // Whatever lies there now: reading a FIFO would wait, and a device may have no end.
    return lstatSync(path).isFile() && readFileSync(path, 'utf8') === text;
  } catch {
    return false;
  }
}

/** Replaces a file; where that is not possible, overwrites it: a gate must close, full file system or not. */
function putFileSync(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    replaceFileSync(path, text);
  } catch (error) {
    try {
      overwriteFileSync(path, text);
    } catch {
      throw error;
    }
  }
}
