import type { SettingsProblem } from './fields.ts';

/** Which field has what already: the first one keeps it. */
export class Taken {
  readonly #by = new Map<string, string>();

  /** The field that has it already, else undefined, and from now on this one has it. */
  take(what: string, field: string): string | undefined {
    const owner = this.#by.get(what);
    if (owner === undefined) this.#by.set(what, field);
    return owner;
  }
}

/** A path as a user would write it. Pure. */
export function written(path: SettingsProblem['path']): string {
  return path.map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${key}`)).join('');
}
