import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import { type LoadedSettings, loadSettings, SettingsError } from './load.ts';

interface WatcherDependencies {
  /** Called with each new version that is valid. */
  readonly onSettings: (loaded: LoadedSettings) => void;
  /** Called when the file changed and is not usable; the last good settings stay in force. */
  readonly onRejected: (error: SettingsError) => void;
}

/**
 * Watches the settings file for changes. A ConfigMap volume is updated by swapping the symbolic link `..data` in its directory
 * (https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically), so the directory is
 * watched, not the file; a slow look besides catches what inotify cannot see, such as a bind mount that was replaced.
 */
export class SettingsWatcher {
  readonly #path: string;
  readonly #pollSeconds: number;
  readonly #dependencies: WatcherDependencies;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #version: string;
  #rejectedMessage: string | undefined;
  #reading = false;
  #again = false;

  constructor(options: { path: string; version: string; pollSeconds?: number }, dependencies: WatcherDependencies) {
    this.#path = options.path;
    this.#version = options.version;
    this.#pollSeconds = options.pollSeconds ?? 10;
    this.#dependencies = dependencies;
  }

  /** Begins to watch. */
  start(): void {
    if (this.#watcher !== undefined) return;
    this.#watcher = watch(dirname(this.#path), () => void this.#look());
    this.#timer = setInterval(() => void this.#look(), this.#pollSeconds * 1000);
    this.#timer.unref();
    void this.#look();
  }

  /** Ends watching; may be called twice. */
  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    do {
      this.#again = false;
      await this.#read();
    } while (this.#again);
    this.#reading = false;
  }

  async #read(): Promise<void> {
    try {
      const loaded = await loadSettings(this.#path);
      this.#rejectedMessage = undefined;
      if (loaded.version === this.#version || this.#watcher === undefined) return;
      this.#version = loaded.version;
      this.#dependencies.onSettings(loaded);
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      if (error.message === this.#rejectedMessage || this.#watcher === undefined) return;
      this.#rejectedMessage = error.message;
      // A return to the settings in force before is then a change again, and clears the report.
      this.#version = '';
      this.#dependencies.onRejected(error);
    }
  }
}
