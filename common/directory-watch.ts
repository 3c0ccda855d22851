import { type FSWatcher, watch } from 'node:fs';

interface DirectoryWatchDependencies {
  /** Called with the name of each file that is made, replaced, changed or removed in the directory itself; null when it is not known. */
  readonly onChange: (name: string | null) => void;
  /** Called when nothing can be seen any more, once, and with null when something can again. */
  readonly onProblem?: (error: unknown) => void;
}

/** inotify has its limits per user (inotify(7)), which others on the node use up as well; they may be free again later. */
const RETRY_MILLIS = 5000;

/**
 * Watches a directory, for as long as it takes: where the system refuses (no inotify instance or file descriptor is left, the directory
 * is gone), it is tried again. Whoever uses it polls now and then besides.
 */
export class DirectoryWatch {
  readonly #path: string;
  readonly #dependencies: DirectoryWatchDependencies;
  #started = false;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #blind = false;

  constructor(options: { path: string }, dependencies: DirectoryWatchDependencies) {
    this.#path = options.path;
    this.#dependencies = dependencies;
  }

  /** Begins to watch. Does nothing when already started. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#open();
  }

  /** Ends watching; may be called twice, and be followed by another start. */
  stop(): void {
    this.#started = false;
    clearTimeout(this.#timer);
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #open(): void {
    try {
      const watcher = watch(this.#path, (_event, name) => this.#dependencies.onChange(name));
      this.#watcher = watcher;
      watcher.on('error', (error) => {
        if (this.#watcher === watcher) this.#failed(error);
      });
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (!this.#blind) return;
    this.#blind = false;
    this.#dependencies.onProblem?.(null);
    // What happened meanwhile was not seen.
    this.#dependencies.onChange(null);
  }

  #failed(error: unknown): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#timer = setTimeout(() => this.#open(), RETRY_MILLIS);
    this.#timer.unref();
    if (this.#blind) return;
    this.#blind = true;
    this.#dependencies.onProblem?.(error);
  }
}
