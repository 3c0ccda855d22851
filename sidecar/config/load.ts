import { sha256 } from '../../common/digest.ts';
import { parseSettingsText, readSettingsFile } from '../../common/settings-file.ts';
import { checkSettings, type Settings } from './settings.ts';

export { SettingsError } from '../../common/settings-file.ts';

/** Settings with the version by which logs, metrics and /status name them: the first 12 hex digits of the file's SHA-256. */
export interface LoadedSettings {
  readonly settings: Settings;
  readonly version: string;
}

/**
 * Reads settings from the text of a YAML file.
 * @throws {SettingsError} with every problem found
 */
export function parseSettings(text: string): LoadedSettings {
  const settings = parseSettingsText(text, checkSettings);
  return { settings, version: sha256(text).slice(0, 12) };
}

/**
 * Loads the settings file.
 * @param path the file, e.g. a key of a mounted ConfigMap
 * @throws {SettingsError} also when it cannot be read
 */
export async function loadSettings(path: string): Promise<LoadedSettings> {
  return parseSettings(await readSettingsFile(path));
}
