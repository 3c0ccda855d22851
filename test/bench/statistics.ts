/** Median, worst and best of a series. */
export interface Statistics {
  readonly runs: number;
  readonly bestMs: number;
  readonly medianMs: number;
  readonly worstMs: number;
}

/**
 * Sums a series up. Pure.
 * @throws RangeError when it is empty: a bench without runs has no figure
 */
export function statisticsOf(values: readonly number[]): Statistics {
  const sorted = values.toSorted((a, b) => a - b);
  const best = sorted[0];
  const worst = sorted.at(-1);
  if (best === undefined || worst === undefined) throw new RangeError('no runs');
  const middle = (sorted.length - 1) / 2;
  const low = sorted[Math.floor(middle)] ?? best;
  const high = sorted[Math.ceil(middle)] ?? worst;
  return { runs: sorted.length, bestMs: best, medianMs: (low + high) / 2, worstMs: worst };
}
