/** Something that another has already. */
export interface Conflict {
  readonly key: string;
  readonly owner: string;
}

/** Who has what: the first that claims a thing keeps it. */
export class Claims {
  readonly #owners = new Map<string, string>();

  /**
   * Claims all of some things, or none of them.
   * @returns the first that another has, with its owner; undefined when all are claimed now
   */
  claim(keys: readonly string[], owner: string): Conflict | undefined {
    for (const key of keys) {
      const other = this.#owners.get(key);
      if (other !== undefined) return { key, owner: other };
    }
    for (const key of keys) this.#owners.set(key, owner);
    return undefined;
  }
}
