import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import {
  Composer,
  CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  visit,
} from 'yaml';
import type { CheckedDocument, DocumentProblem } from './check-document.ts';
import { problemText } from './check-document.ts';
import { messageOf } from './errors.ts';

/*
 * Reading a settings file, whoever's. The file comes from outside: whatever lies at its path and whatever is in it, the outcome is settings
 * or a SettingsError, soon, since a process that hangs or dies over a file moves an address.
 */

/** A file with every problem in it would be as long as it likes. */
const MAX_PROBLEMS = 50;
const MAX_PROBLEM_LENGTH = 500;

/** A settings file that cannot be used; `problems` has one entry of one line for each thing that is wrong. */
export class SettingsError extends Error {
  readonly code = 'SETTINGS_INVALID';
  readonly problems: readonly DocumentProblem[];

  constructor(problems: readonly DocumentProblem[], options?: ErrorOptions) {
    const shown = problems.slice(0, MAX_PROBLEMS).map(({ path, message }) => ({
      path: escapedLine(path),
      message: escapedLine(message),
    }));
    const left = problems.length - shown.length;
    if (left > 0) shown.push({ path: '', message: `and ${left} more` });
    super(shown.map(problemText).join('\n'), options);
    this.name = 'SettingsError';
    this.problems = shown;
  }
}

/** A text that may come from the file, as it may appear in a line of log. */
function escapedLine(text: string): string {
  const escaped = text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, escapeCharacter);
  return escaped.length <= MAX_PROBLEM_LENGTH ? escaped : `${escaped.slice(0, MAX_PROBLEM_LENGTH)}…`;
}

function escapeCharacter(character: string): string {
  if (character === '\n') return '\\n';
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function refusal(message: string, cause?: unknown): SettingsError {
  return new SettingsError([{ path: '', message }], cause === undefined ? undefined : { cause });
}

/** Thousands of addresses fit; reading more would hold the process up for longer than it may be silent. */
const MAX_BYTES = 128 * 1024;
/** Settings are four levels deep. Beyond some hundreds the parser's own recursion ends the process. */
const MAX_DEPTH = 32;
/** Keys of one mapping are compared with each other, and anchors are. */
const MAX_KEYS = 1000;
const MAX_ANCHORS = 100;

/**
 * Reads a settings file, which need not be one: a FIFO, a directory or a device in its place is refused, without waiting for it.
 * @param path the file, e.g. a key of a mounted ConfigMap
 * @throws {SettingsError} when it cannot be read
 */
export async function readSettingsFile(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    // Opening a FIFO would wait for somebody who writes.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return decode(await readAll(file, path));
  } catch (error) {
    if (error instanceof SettingsError) throw error;
    throw refusal(`the settings file cannot be read: ${messageOf(error)}`, error);
  } finally {
    await file?.close().catch(() => undefined);
  }
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return 'a directory';
  return stat.isFIFO() ? 'a FIFO' : 'a device';
}

async function readAll(file: FileHandle, path: string): Promise<Buffer> {
  const stat = await file.stat();
  if (!stat.isFile()) {
    throw refusal(`the settings file cannot be read: ${path} is ${kindOf(stat)}; put a file there`);
  }
  const buffer = Buffer.alloc(MAX_BYTES + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
    length += bytesRead;
    if (length > MAX_BYTES) {
      throw refusal(`the settings file cannot be read: it is longer than ${MAX_BYTES} bytes; shorten it`);
    }
    if (bytesRead === 0) return buffer.subarray(0, length);
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw refusal('the settings file is not UTF-8 text; save it as such', error);
  }
}

/**
 * Reads settings from the text of a YAML file.
 * @param text the file's content
 * @param check makes settings of the document
 * @throws {SettingsError} with every problem found, each with its line
 */
export function parseSettingsText<T>(text: string, check: (document: unknown) => CheckedDocument<T>): T {
  const lines = new LineCounter();
  let document: Document.Parsed | undefined;
  let value: unknown;
  try {
    document = compose(text, lines);
    value = document?.toJS({ maxAliasCount: MAX_ANCHORS });
  } catch (error) {
    if (error instanceof SettingsError) throw error;
    throw refusal(yamlProblem(error), error);
  }
  const result = check(value ?? null);
  if (result.ok) return result.settings;
  throw new SettingsError(
    result.problems.map(({ path, message }) => ({ path, message: `${message}${where(document, path, lines)}` })),
  );
}

/** What the YAML library throws, and does not put among the document's errors. */
function yamlProblem(error: unknown): string {
  const message = messageOf(error);
  if (message.startsWith('Excessive alias count')) {
    return 'not YAML that is read here: aliases that multiply what they stand for; write the values out';
  }
  return `not YAML: ${message}`;
}

function compose(text: string, lines: LineCounter): Document.Parsed | undefined {
  const composer = new Composer({ lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const [document, ...more] = composer.compose(tokens(text, lines), true, text.length);
  const errors = document?.errors ?? [];
  if (errors.length > 0) {
    throw new SettingsError(
      errors.map((error) => ({ path: '', message: `not YAML: ${error.message.trim()}${at(lines, error.pos[0])}` })),
    );
  }
  if (more.length > 0) {
    throw refusal(`holds more than one document; leave one${at(lines, more[0]?.range[0])}`);
  }
  if (document !== undefined) checkAliases(document, lines);
  return document;
}

/** The parts of the text, made without recursion, so that their depth and number are known before anything slow sees them. */
function tokens(text: string, lines: LineCounter): CST.Token[] {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const found: CST.Token[] = [];
  let named = 0;
  let before = '';
  for (const lexeme of new Lexer().lex(text)) {
    found.push(...parser.next(lexeme));
    if (before !== CST.SCALAR && /^[&*]/.test(lexeme)) named += 1;
    before = lexeme;
    const excess = excessOf(parser, named);
    if (excess !== undefined) throw refusal(`${excess}${at(lines, parser.offset)}`);
  }
  found.push(...parser.end());
  return found;
}

function excessOf({ stack }: Parser, named: number): string | undefined {
  if (stack.length > MAX_DEPTH) return 'is nested deeper than settings are; correct brackets or indentation';
  if (named > MAX_ANCHORS) return `has more than ${MAX_ANCHORS} anchors and aliases; write the values out`;
  const top = stack.at(-1);
  const isMapping = top?.type === 'block-map' || (top?.type === 'flow-collection' && top.start.source === '{');
  return isMapping && top.items.length > MAX_KEYS
    ? `has more than ${MAX_KEYS} keys in one mapping; remove some`
    : undefined;
}

/** The library notices only when it makes values, and says no line then. */
function checkAliases(document: Document.Parsed, lines: LineCounter): void {
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) !== undefined) return;
      const advice = `*${alias.source} stands for nothing; put &${alias.source} before it where its value is, or quotes around it`;
      throw refusal(`not YAML: ${advice}${at(lines, alias.range?.[0])}`);
    },
  });
}

function at(lines: LineCounter, offset: number | undefined): string {
  return offset === undefined ? '' : ` (line ${lines.linePos(offset).line})`;
}

/** Where a key is; where it is missing, what should have it. */
function where(document: Document.Parsed | undefined, path: string, lines: LineCounter): string {
  let node: unknown = document?.contents;
  let offset = offsetOf(node);
  for (const step of path.split(/[.[\]]+/).filter((part) => part !== '')) {
    const target: unknown = document !== undefined && isAlias(node) ? node.resolve(document) : node;
    const [named, next] = stepInto(target, step);
    offset = offsetOf(named) ?? offset;
    node = next;
  }
  return at(lines, offset);
}

/** What names the value of a key or an index, and the value. */
function stepInto(node: unknown, step: string): [named: unknown, value: unknown] {
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    return [item, item];
  }
  const pair = isMap(node) ? node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === step) : undefined;
  return [pair?.key, pair?.value];
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
