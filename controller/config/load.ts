import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { checkSettings, type Settings, type SettingsProblem } from './settings.ts';

/** A settings file that cannot be used; `problems` has one entry for each thing that is wrong. */
export class SettingsError extends Error {
  readonly code = 'SETTINGS_INVALID';
  readonly problems: readonly SettingsProblem[];

  constructor(problems: readonly SettingsProblem[], options?: ErrorOptions) {
    super(problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n'), options);
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

/**
 * Reads settings from the text of a YAML file.
 * @throws {SettingsError} with every problem found
 */
export function parseSettings(text: string): Settings {
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) {
    throw new SettingsError(
      document.errors.map((error) => ({ path: '', message: `not YAML: ${error.message.trim()}` })),
    );
  }
  const result = checkSettings(document.toJS());
  if (!result.ok) throw new SettingsError(result.problems);
  return result.settings;
}

/**
 * Loads the settings file.
 * @param path the file, e.g. a key of a mounted ConfigMap
 * @throws {SettingsError} also when it cannot be read
 */
export async function loadSettings(path: string): Promise<Settings> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SettingsError([{ path: '', message: `the settings file cannot be read: ${why}` }], { cause });
  }
  return parseSettings(text);
}
