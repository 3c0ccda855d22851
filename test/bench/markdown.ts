/** Milliseconds for a table. Pure. */
export function ms(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

/**
 * A Markdown table. Pure.
 * @param head its columns' titles, as they are to be read: `fault | runs`
 */
export function markdownTable(head: string, rows: readonly (readonly string[])[]): string {
  const line = `|${'---|'.repeat(head.split(' | ').length)}`;
  return [`| ${head} |`, line, ...rows.map((cells) => `| ${cells.join(' | ')} |`)].join('\n');
}

/** A promise that was not kept, in words; [] when it was, or nothing was promised. Pure. */
export function missedPromise(what: string, measured: number, promised: number | undefined, unit = 'ms'): string[] {
  if (promised === undefined || measured <= promised) return [];
  return [`${what} ${ms(measured)} ${unit}, promised ${promised} ${unit}`];
}

/** The end of a part of the page: what was not kept, a line each, or that everything was. Pure. */
export function verdict(missed: readonly string[], kept = 'Every promise was kept.'): string {
  return missed.length === 0 ? kept : `Promises that were not kept:\n\n${missed.map((line) => `- ${line}`).join('\n')}`;
}
