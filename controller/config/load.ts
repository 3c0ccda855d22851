import { parseSettingsText, readSettingsFile } from '../../common/settings-file.ts';
import { checkSettings, type Settings } from './settings.ts';

export { SettingsError } from '../../common/settings-file.ts';

/**
 * Reads settings from the text of a YAML file.
 * @throws {SettingsError} with every problem found
 */
export function parseSettings(text: string): Settings {
  return parseSettingsText(text, checkSettings);
}

/**
 * Loads the settings file.
 * @param path the file, e.g. a key of a mounted ConfigMap
 * @throws {SettingsError} also when it cannot be read
 */
export async function loadSettings(path: string): Promise<Settings> {
  return parseSettings(await readSettingsFile(path));
}
