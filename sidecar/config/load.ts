import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { checkSettings, type Settings, type SettingsProblem } from './settings.ts';

/** Settings with the version by which logs, metrics and /status name them: the first 12 hex digits of the file's SHA-256. */
export interface LoadedSettings {
  readonly settings: Settings;
  readonly version: string;
}

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
export function parseSettings(text: string): LoadedSettings {
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) {
    throw new SettingsError(
      document.errors.map((error) => ({ path: '', message: `not YAML: ${error.message.trim()}` })),
    );
  }
  const result = checkSettings(document.toJS());
  if (!result.ok) throw new SettingsError(result.problems);
  return { settings: result.settings, version: createHash('sha256').update(text).digest('hex').slice(0, 12) };
}

/**
 * Loads the settings file.
 * @param path the file, e.g. a key of a mounted ConfigMap
 * @throws {SettingsError} also when it cannot be read
 */
export async function loadSettings(path: string): Promise<LoadedSettings> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SettingsError([{ path: '', message: `the settings file cannot be read: ${why}` }], { cause });
  }
  return parseSettings(text);
}
