/** The generated parts of `docs/performance.md`; each is written by a run of its own and leaves the others alone. */
export type Part = 'lab' | 'cluster' | 'planner' | 'pools' | 'control plane' | 'services' | 'chaos';

function marks(part: Part): { begin: string; end: string } {
  return { begin: `<!-- bench: ${part} -->`, end: `<!-- end of bench: ${part} -->` };
}

/**
 * The page with one part replaced; appended where it was not there. Pure.
 * @param page text of the page; empty for a new one
 */
export function withPart(page: string, part: Part, text: string): string {
  const { begin, end } = marks(part);
  const block = `${begin}\n${text.trim()}\n${end}`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) return `${page.trim()}\n\n${block}\n`.trimStart();
  return `${page.slice(0, from)}${block}${page.slice(to + end.length)}`;
}
