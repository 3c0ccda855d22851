import type { Logger } from 'pino';
import type { ApiAccess } from '../../common/kubernetes-access.ts';
import { type LoadedSettings, parseSettings, SettingsError } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { type ConfigMapName, watchConfigMap } from '../kubernetes/config-map-watch.ts';

interface ReleaseSettingsOptions {
  readonly access: ApiAccess;
  /** Where the release has its settings. */
  readonly configMap: ConfigMapName;
  /** What the pod was started with, and its probes know. */
  readonly server: Settings['server'];
}

interface ReleaseSettingsDependencies {
  /** Puts the text of the settings where they are read, and follows them there. */
  readonly keep: (text: string) => Promise<void>;
  /** Called when the release's settings cannot be used. */
  readonly onRejected: (error: SettingsError, where: string) => void;
  /** Called with the first ones that can be used again. */
  readonly onRecovered: (loaded: LoadedSettings) => void;
  readonly log: Logger;
}

const KEY = 'config.yaml';

/**
 * Brings the settings of the release to a pod that no API server made: `helm upgrade` reaches static pods by it. What cannot be used, now or
 * after the next start, is not taken.
 */
export class ReleaseSettings {
  readonly #options: ReleaseSettingsOptions;
  readonly #dependencies: ReleaseSettingsDependencies;
  readonly #watch: ReturnType<typeof watchConfigMap>;
  #refused = false;

  constructor(options: ReleaseSettingsOptions, dependencies: ReleaseSettingsDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    const { log } = dependencies;
    this.#watch = watchConfigMap(
      { ...options.access, ...options.configMap },
      {
        onData: (data) => void this.#take(data[KEY] ?? ''),
        onProblem: (problem) => {
          if (problem === null) log.info('the API tells the release’s settings');
          else log.warn({ problem }, 'the release’s settings are not seen; the last ones stay in force');
        },
      },
    );
  }

  /** Begins to follow. */
  start(): void {
    this.#watch.start();
  }

  /** Ends following; may be called twice. */
  stop(): void {
    this.#watch.stop();
  }

  /** Never rejects. */
  async #take(text: string): Promise<void> {
    const { keep, onRejected, onRecovered, log } = this.#dependencies;
    const { namespace, name } = this.#options.configMap;
    try {
      const loaded = this.#checked(text);
      await keep(text);
      if (this.#refused) onRecovered(loaded);
      this.#refused = false;
    } catch (error) {
      if (!(error instanceof SettingsError)) {
        log.error({ err: error }, 'the release’s settings cannot be kept');
        return;
      }
      this.#refused = true;
      onRejected(error, `the ConfigMap ${name} in ${namespace}`);
    }
  }

  /** @throws {SettingsError} */
  #checked(text: string): LoadedSettings {
    const loaded = parseSettings(text);
    const { address, port } = this.#options.server;
    const { server } = loaded.settings;
    if (server.address === address && server.port === port) return loaded;
    const message = `is ${server.port}, and this static pod is asked on ${port}; make its manifest anew`;
    throw new SettingsError([{ path: 'server.port', message }]);
  }
}
