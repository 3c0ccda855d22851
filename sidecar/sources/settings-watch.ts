import { dirname } from 'node:path';
import { DirectoryWatch } from '../../common/directory-watch.ts';
import { type LoadedSettings, loadSettings, SettingsError } from '../config/load.ts';

interface WatcherDependencies {
  /** Called with each new version that is valid. */
  readonly onSettings: (loaded: LoadedSettings) => void;
  /** Called when the file changed and is not usable; the last good settings stay in force. */
  readonly onRejected: (error: SettingsError) => void;
}

/**
 * Watches the settings file for changes. A ConfigMap volume is updated by swapping the symbolic link `..data` in its directory
 * (https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically), so the directory is
 * watched, not the file; a slow poll besides catches what inotify cannot see, such as a bind mount that was replaced.
 */
export class SettingsWatcher {
  readonly #path: string;
  readonly #pollSeconds: number;
  readonly #dependencies: WatcherDependencies;
  readonly #watch: DirectoryWatch;
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
    // What it does not see, the slow poll does.
    this.#watch = new DirectoryWatch({ path: dirname(options.path) }, { onChange: () => void this.#reload() });
  }

  /** Begins to watch. Does nothing when already started. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => void this.#reload(), this.#pollSeconds * 1000);
    this.#timer.unref();
    this.#watch.start();
    void this.#reload();
  }

  /** Ends watching; may be called twice, and be followed by another start. */
  stop(): void {
    this.#watch.stop();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #reload(): Promise<void> {
    this.#again = true;
    if (this.#reading) return;
    this.#reading = true;
    while (this.#again) {
      this.#again = false;
      await this.#read();
    }
    this.#reading = false;
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    const loaded = await loadSettings(this.#path).catch((error: unknown) => {
      return error instanceof SettingsError ? error : new SettingsError([{ path: '', message: String(error) }]);
    });
    if (this.#timer === undefined) return;
    if (loaded instanceof SettingsError) this.#refuse(loaded);
    else this.#accept(loaded);
  }

  #accept(loaded: LoadedSettings): void {
    this.#rejectedMessage = undefined;
    if (loaded.version === this.#version) return;
    this.#version = loaded.version;
    this.#dependencies.onSettings(loaded);
  }

  #refuse(error: SettingsError): void {
    if (error.message === this.#rejectedMessage) return;
    this.#rejectedMessage = error.message;
    // A return to the settings in force before is then a change again, and clears the report.
    this.#version = '';
    this.#dependencies.onRejected(error);
  }
}
