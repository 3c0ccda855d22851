/** Compares two texts by code units: the same everywhere, whatever the locale. Pure. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
