import { type Segment, split, type Token } from './tokens.ts';
import { TemplateError, type Value } from './value.ts';

/** What an operand begins with. */
export type Base =
  | { readonly kind: 'dot' }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'literal'; readonly value: Value }
  | { readonly kind: 'call'; readonly name: string }
  | { readonly kind: 'pipe'; readonly pipe: Pipe };

/** A value, and the fields that are taken of it. */
export interface Operand {
  readonly base: Base;
  readonly path: readonly string[];
}

/** Commands, each of which gets the result of the one before; the result may become a variable. */
export interface Pipe {
  /** Variables that are declared or set; none as a rule. */
  readonly variables: readonly string[];
  readonly declares: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

/** A part of a template. */
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly pipe: Pipe }
  | { readonly kind: 'if' | 'with' | 'range'; readonly pipe: Pipe; readonly body: Nodes; readonly otherwise: Nodes };
export type Nodes = readonly Node[];

const BLOCKS = ['if', 'with', 'range'] as const;
type Block = (typeof BLOCKS)[number];

function isBlock(word: string | undefined): word is Block {
  return BLOCKS.some((block) => block === word);
}

/** What ends a list of nodes: the words `else …` or `end`. */
type Ending = readonly Token[];

function wordOf([first]: readonly Token[]): string | undefined {
  return first?.kind === 'word' ? first.text : undefined;
}

function isEnding(tokens: readonly Token[]): boolean {
  return ['end', 'else'].includes(wordOf(tokens) ?? '');
}

/** Reads one file of templates. */
class FileParser {
  readonly #segments: readonly Segment[];
  readonly #file: string;
  readonly #templates: Map<string, Nodes>;
  #at = 0;

  constructor(file: string, source: string, templates: Map<string, Nodes>) {
    this.#file = file;
    this.#templates = templates;
    this.#segments = split(source);
  }

  /** The whole file. */
  all(): Nodes {
    const { nodes, ending } = this.#list();
    if (ending !== undefined) throw this.#error('an end or else without a beginning');
    return nodes;
  }

  #list(): { readonly nodes: Nodes; readonly ending: Ending | undefined } {
    const nodes: Node[] = [];
    for (;;) {
      const segment = this.#segments[this.#at];
      this.#at += 1;
      if (segment === undefined) return { nodes, ending: undefined };
      if (segment.kind === 'text') nodes.push(segment);
      else if (isEnding(segment.tokens)) return { nodes, ending: segment.tokens };
      else nodes.push(...this.#action(wordOf(segment.tokens), segment.tokens));
    }
  }

  #action(word: string | undefined, tokens: readonly Token[]): Node[] {
    if (word === 'define') {
      this.#define(tokens);
      return [];
    }
    if (isBlock(word)) return [this.#block(word, tokens.slice(1))];
    return tokens.length === 0 ? [] : [{ kind: 'output', pipe: this.#pipe(tokens) }];
  }

  #define(tokens: readonly Token[]): void {
    const name = tokens[2]?.kind === 'string' ? tokens[2].text : undefined;
    if (name === undefined) throw this.#error('a define without a name');
    const { nodes, ending } = this.#list();
    this.#expectEnd(ending);
    this.#templates.set(name, nodes);
  }

  #block(kind: Block, tokens: readonly Token[]): Node {
    const pipe = this.#pipe(tokens);
    const { nodes: body, ending } = this.#list();
    return { kind, pipe, body, otherwise: this.#otherwise(ending) };
  }

  /** `else if` and `else with` share the end of what they belong to. */
  #otherwise(ending: Ending | undefined): Nodes {
    if (ending?.[0]?.text !== 'else') {
      this.#expectEnd(ending);
      return [];
    }
    const rest = withoutSpace(ending.slice(1));
    const word = rest[0]?.text;
    if (isBlock(word)) return [this.#block(word, rest.slice(1))];
    const { nodes, ending: last } = this.#list();
    this.#expectEnd(last);
    return nodes;
  }

  #expectEnd(ending: Ending | undefined): void {
    if (ending?.[0]?.text !== 'end') throw this.#error('an end is missing');
  }

  #pipe(tokens: readonly Token[]): Pipe {
    const parser = new PipeParser(tokens);
    const pipe = parser.pipe();
    if (!parser.isAtEnd)
      throw this.#error(`something follows what could be read: ${tokens.map(({ text }) => text).join('')}`);
    return pipe;
  }

  #error(message: string): TemplateError {
    return new TemplateError(`${this.#file}: ${message}`);
  }
}

function withoutSpace(tokens: readonly Token[]): readonly Token[] {
  const first = tokens.findIndex(({ kind }) => kind !== 'space');
  return first < 0 ? [] : tokens.slice(first);
}

/** Reads what is between the braces. */
class PipeParser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    this.#skipSpace();
    return this.#at >= this.#tokens.length;
  }

  pipe(): Pipe {
    const { variables, declares } = this.#declaration();
    const commands = [this.#command()];
    while (this.#take('|')) commands.push(this.#command());
    return { variables, declares, commands };
  }

  #declaration(): Pick<Pipe, 'variables' | 'declares'> {
    const began = this.#at;
    const variables: string[] = [];
    do {
      this.#skipSpace();
      const token = this.#tokens[this.#at];
      if (token?.kind !== 'variable') break;
      variables.push(token.text);
      this.#at += 1;
    } while (this.#take(','));
    if (variables.length > 0 && this.#take(':=')) return { variables, declares: true };
    if (variables.length > 0 && this.#take('=')) return { variables, declares: false };
    this.#at = began;
    return { variables: [], declares: true };
  }

  #command(): Operand[] {
    const operands: Operand[] = [];
    for (;;) {
      this.#skipSpace();
      const token = this.#tokens[this.#at];
      if (token === undefined || token.text === '|' || token.text === ')') break;
      operands.push(this.#operand(token));
    }
    if (operands.length === 0) throw new TemplateError('an action has no command');
    return operands;
  }

  #operand(token: Token): Operand {
    this.#at += 1;
    if (token.kind === 'field') return { base: { kind: 'dot' }, path: [token.text, ...this.#fields()] };
    const base = this.#base(token);
    return { base, path: this.#fields() };
  }

  #base(token: Token): Base {
    switch (token.kind) {
      case 'variable':
        return { kind: 'variable', name: token.text };
      case 'string':
        return { kind: 'literal', value: token.text };
      case 'number':
        return { kind: 'literal', value: token.text.includes('.') ? Number(token.text) : BigInt(token.text) };
      case 'word':
        return wordBase(token.text);
      default:
        return this.#symbolBase(token.text);
    }
  }

  #symbolBase(text: string): Base {
    if (text === '.') return { kind: 'dot' };
    if (text !== '(') throw new TemplateError(`${text} is not expected here`);
    const pipe = this.pipe();
    if (!this.#take(')')) throw new TemplateError('a bracket is not closed');
    return { kind: 'pipe', pipe };
  }

  /** Fields follow without a space between. */
  #fields(): string[] {
    const path: string[] = [];
    for (let token = this.#tokens[this.#at]; token?.kind === 'field'; token = this.#tokens[this.#at]) {
      path.push(token.text);
      this.#at += 1;
    }
    return path;
  }

  #take(symbol: string): boolean {
    this.#skipSpace();
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'symbol' || token.text !== symbol) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    while (this.#tokens[this.#at]?.kind === 'space') this.#at += 1;
  }
}

const WORDS: ReadonlyMap<string, Value> = new Map([
  ['true', true],
  ['false', false],
  ['nil', null],
]);

function wordBase(word: string): Base {
  const value = WORDS.get(word);
  return value === undefined ? { kind: 'call', name: word } : { kind: 'literal', value };
}

/**
 * Reads a file of templates. Pure, but for what it adds.
 * @param templates gets what the file defines
 * @returns the file itself
 * @throws {TemplateError} when it cannot be read
 */
export function parseTemplates(file: string, source: string, templates: Map<string, Nodes>): Nodes {
  return new FileParser(file, source, templates).all();
}
