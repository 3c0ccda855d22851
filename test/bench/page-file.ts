import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Part, withPart } from './page.ts';

const PAGE = join(import.meta.dirname, '../../docs/performance.md');

/** Replaces one part of docs/performance.md and leaves the others. */
export async function writePart(part: Part, text: string): Promise<void> {
  await writeFile(PAGE, withPart(await readFile(PAGE, 'utf8'), part, text));
}

/** The date, as the page tells it. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}
