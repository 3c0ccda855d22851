import type { Logger } from 'pino';
import { problemText } from '../../common/check-document.ts';
import { systemClock } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import { readNodeChecks } from '../checks/node-checks.ts';
import type { LoadedSettings, SettingsError } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import type { AcceptedSettings } from '../sources/settings.ts';

interface SettingsDependencies {
  /** Called when settings were accepted at run time. */
  readonly reloaded: () => void;
  /** Called when settings were refused at run time. */
  readonly rejected: () => void;
  readonly log: Logger;
}

/** Settings that were refused. */
export interface Rejection {
  readonly errors: readonly string[];
  /** Wall clock in milliseconds. */
  readonly atMs: number;
}

/** The settings that are in force: the last good ones. */
export class SettingsInForce {
  readonly #dependencies: SettingsDependencies;
  readonly #apiIsKnown: boolean;
  #loaded: LoadedSettings;
  #loadedAtMs = systemClock.wallMs();
  #rejected: Rejection | null = null;
  #accepted: AcceptedSettings | undefined;

  /** @param options.apiIsKnown whether this pod knows where the API server is; else it is asked where the settings say so only */
  constructor(options: { loaded: LoadedSettings; apiIsKnown: boolean }, dependencies: SettingsDependencies) {
    this.#loaded = options.loaded;
    this.#apiIsKnown = options.apiIsKnown;
    this.#dependencies = dependencies;
  }

  get settings(): Settings {
    return this.#loaded.settings;
  }

  /** Which they are, since when, and the newest ones where those were refused. */
  get state() {
    return { version: this.#loaded.version, loadedAtMs: this.#loadedAtMs, rejected: this.#rejected };
  }

  /** The settings with what they ask to be checked. @throws when the service's CA file cannot be read, when it is asked for first */
  get accepted(): AcceptedSettings {
    this.#accepted ??= this.#acceptedOf(this.#loaded);
    return this.#accepted;
  }

  /** Applies new settings; false when they are refused, and those before stay in force. */
  accept(loaded: LoadedSettings): boolean {
    const { reloaded, log } = this.#dependencies;
    try {
      this.#accepted = this.#acceptedOf(loaded);
    } catch (error) {
      this.#refuse([`checks.service.caFile: ${messageOf(error)}`]);
      return false;
    }
    this.#loaded = loaded;
    this.#loadedAtMs = systemClock.wallMs();
    this.#rejected = null;
    reloaded();
    log.info({ config: loaded.version }, 'settings taken');
    return true;
  }

  /**
   * Notes that the newest settings cannot be used.
   * @param file where they are
   */
  refuse({ problems }: SettingsError, file: string): void {
    this.#refuse(problems.map(problemText), file);
  }

  #refuse(errors: readonly string[], file?: string): void {
    const { rejected, log } = this.#dependencies;
    this.#rejected = { errors, atMs: systemClock.wallMs() };
    rejected();
    log.error({ file, errors }, 'settings refused; the last good ones stay in force');
  }

  #acceptedOf({ settings }: LoadedSettings): AcceptedSettings {
    return { settings, checks: readNodeChecks(settings.checks, this.#apiIsKnown) };
  }
}
