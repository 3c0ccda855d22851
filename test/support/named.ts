/**
 * The thing of this name.
 * @param kind what it is, for the error
 * @param shown the name as the error has it
 * @throws Error that lists the names when there is none
 */
export function named<T extends { readonly name: string }>(
  kind: string,
  things: readonly T[],
  name: string,
  shown = name,
): T {
  const found = things.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = things.map((each) => each.name).join(', ');
  throw new Error(`there is no ${kind} ${shown}; there are: ${names}`);
}

/** One of the known names: a key of a table. @throws Error that lists them when there is none of this name */
export function knownName<Name extends string>(
  kind: string,
  known: Readonly<Record<Name, unknown>>,
  name: string,
): Name {
  const things = (Object.keys(known) as Name[]).map((each) => ({ name: each }));
  return named(kind, things, name, JSON.stringify(name)).name;
}
