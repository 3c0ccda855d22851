import { TemplateError } from './value.ts';

/** A part of an action. Strings are without quotes, variables with their `$`, fields without their dot. */
export interface Token {
  readonly kind: 'space' | 'string' | 'number' | 'variable' | 'field' | 'word' | 'symbol';
  readonly text: string;
}

/** A part of a file: text as it is, or an action between braces. */
export type Segment =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly Token[] };

/** What trim markers take away (text/template, "Text and spaces"). */
const SPACE = '[ \\t\\r\\n]';
const OPEN = /\{\{(-(?=[ \t\r\n]))?/g;
const COMMENT = new RegExp(`${SPACE}*/[*].*?[*]/(${SPACE}-)?\\}\\}`, 'sy');
const CLOSE = new RegExp(`(${SPACE}-)?\\}\\}`, 'y');
const TOKENS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['space', /[ \t\r\n]+/y],
  ['string', /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ['number', /[-+]?[0-9]+(?:[.][0-9]+)?/y],
  ['variable', /[$][A-Za-z0-9_]*/y],
  ['field', /[.][A-Za-z_][A-Za-z0-9_]*/y],
  ['word', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['symbol', /:=|[=|().,]/y],
];

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(source);
}

function contentOf(kind: Token['kind'], text: string): string {
  if (kind === 'field') return text.slice(1);
  if (kind !== 'string') return text;
  return text.startsWith('`') ? text.slice(1, -1) : (JSON.parse(text) as string);
}

function tokenAt(source: string, at: number): { readonly token: Token; readonly end: number } {
  for (const [kind, pattern] of TOKENS) {
    const found = matchAt(pattern, source, at);
    if (found !== null) return { token: { kind, text: contentOf(kind, found[0]) }, end: at + found[0].length };
  }
  throw new TemplateError(`cannot be read: ${source.slice(at, at + 20)}`);
}

/** Reads an action, from behind its opening braces. */
function actionAt(source: string, begin: number): { tokens: Token[]; end: number; trims: boolean } {
  const comment = matchAt(COMMENT, source, begin);
  if (comment !== null) return { tokens: [], end: begin + comment[0].length, trims: comment[1] !== undefined };
  const tokens: Token[] = [];
  for (let at = begin; ; ) {
    const close = matchAt(CLOSE, source, at);
    if (close !== null) return { tokens: trimmed(tokens), end: at + close[0].length, trims: close[1] !== undefined };
    const { token, end } = tokenAt(source, at);
    tokens.push(token);
    at = end;
  }
}

function trimmed(tokens: Token[]): Token[] {
  const isSpace = (token: Token | undefined) => token?.kind === 'space';
  const from = isSpace(tokens[0]) ? 1 : 0;
  return tokens.slice(from, isSpace(tokens.at(-1)) ? -1 : undefined);
}

const BEGIN = new RegExp(`^${SPACE}+`);
const END = new RegExp(`${SPACE}+$`);

/**
 * Divides a file of Go templates into texts and actions (https://pkg.go.dev/text/template). Pure.
 * @throws {TemplateError} when an action cannot be read
 */
export function split(source: string): readonly Segment[] {
  const segments: Segment[] = [];
  let at = 0;
  let trims = false;
  const addText = (text: string) => {
    if (text !== '') segments.push({ kind: 'text', text });
  };
  for (;;) {
    const open = matchAt(OPEN, source, at);
    const before = source.slice(at, open?.index);
    const text = trims ? before.replace(BEGIN, '') : before;
    if (open === null) {
      addText(text);
      return segments;
    }
    addText(open[1] === undefined ? text : text.replace(END, ''));
    const action = actionAt(source, open.index + open[0].length);
    segments.push({ kind: 'action', tokens: action.tokens });
    ({ end: at, trims } = action);
  }
}
