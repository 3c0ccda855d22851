import { CommandError } from './main.ts';

/**
 * A text with the part between two lines of its own replaced. Pure.
 * @param file what the text is called, for the error
 * @throws CommandError when one of the lines is not there, or not in this order
 */
export function withMarkedPart(
  text: string,
  { file, name, body }: { readonly file: string; readonly name: string; readonly body: string },
): string {
  const [begin, end] = [`<!-- ${name}: begin (npm run generate) -->`, `<!-- ${name}: end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new CommandError(`${file} lacks the lines "${begin}" and "${end}"`);
  return `${text.slice(0, from)}${begin}\n\n${body}\n\n${text.slice(to)}`;
}
