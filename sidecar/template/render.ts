import type { Base, Node, Nodes, Operand, Pipe } from './parse.ts';
import { inOrder, isList, isMap, isTrue, TemplateError, type TemplateFunction, textOf, type Value } from './value.ts';

/** A variable, and those that were there before it. */
interface Frame {
  readonly name: string;
  value: Value;
  readonly before: Frame | undefined;
}

/** What an action sees. */
interface Scope {
  readonly dot: Value;
  readonly frame: Frame | undefined;
}

/** Templates include each other this deep at most: those of the chart do so some ten deep. */
const MAX_DEPTH = 100;

/** Carries templates out (https://pkg.go.dev/text/template). */
export class Renderer {
  readonly #templates: ReadonlyMap<string, Nodes>;
  readonly #functions: ReadonlyMap<string, TemplateFunction>;
  #depth = 0;

  constructor(templates: ReadonlyMap<string, Nodes>, functions: ReadonlyMap<string, TemplateFunction>) {
    this.#templates = templates;
    this.#functions = new Map([
      ...functions,
      ['include', (name, data) => this.#named(textOf(name ?? null), data ?? null)],
    ]);
  }

  /**
   * What a template makes of the data.
   * @throws {TemplateError} what a template refuses, and what is wrong with it
   */
  render(nodes: Nodes, data: Value): string {
    const out: string[] = [];
    this.#run(nodes, { dot: data, frame: { name: '$', value: data, before: undefined } }, out);
    return out.join('');
  }

  #named(name: string, data: Value): string {
    const nodes = this.#templates.get(name);
    if (nodes === undefined) throw new TemplateError(`there is no template ${name}`);
    if (this.#depth >= MAX_DEPTH) throw new TemplateError(`${name} includes itself`);
    this.#depth += 1;
    try {
      return this.render(nodes, data);
    } finally {
      this.#depth -= 1;
    }
  }

  /** Variables that an action declares are there until the end of the list. */
  #run(nodes: Nodes, { dot, frame }: Scope, out: string[]): void {
    let scope: Scope = { dot, frame };
    for (const node of nodes) {
      if (node.kind === 'text') out.push(node.text);
      else if (node.kind === 'output') scope = this.#output(node.pipe, scope, out);
      else if (node.kind === 'range') this.#range(node, scope, out);
      else this.#branch(node, scope, out);
    }
  }

  #output(pipe: Pipe, scope: Scope, out: string[]): Scope {
    const value = this.#pipe(pipe, scope);
    if (pipe.variables.length === 0) {
      if (value !== null) out.push(textOf(value));
      return scope;
    }
    return bind(pipe, scope, [value]);
  }

  #branch(
    { kind, pipe, body, otherwise }: Extract<Node, { kind: 'if' | 'with' | 'range' }>,
    scope: Scope,
    out: string[],
  ) {
    const value = this.#pipe(pipe, scope);
    const inner = bind(pipe, scope, [value]);
    if (!isTrue(value)) this.#run(otherwise, inner, out);
    else this.#run(body, kind === 'with' ? { ...inner, dot: value } : inner, out);
  }

  #range({ pipe, body, otherwise }: Extract<Node, { kind: 'if' | 'with' | 'range' }>, scope: Scope, out: string[]) {
    const items = itemsOf(this.#pipe(pipe, scope));
    if (items.length === 0) this.#run(otherwise, scope, out);
    for (const [key, dot] of items) {
      const values = pipe.variables.length > 1 ? [key, dot] : [dot];
      this.#run(body, { ...bind(pipe, scope, values), dot }, out);
    }
  }

  #pipe({ commands }: Pipe, scope: Scope): Value {
    let result: Value | undefined;
    for (const command of commands) result = this.#command(command, scope, result);
    return result ?? null;
  }

  /** @param last result of the command before, which comes last among the arguments */
  #command([first, ...rest]: readonly Operand[], scope: Scope, last: Value | undefined): Value {
    if (first === undefined) throw new TemplateError('an action has no command');
    const isCall = first.base.kind === 'call' && first.path.length === 0;
    if (!isCall && rest.length === 0 && last === undefined) return this.#operand(first, scope);
    const lazy = this.#lazily(first.base, rest, scope, last);
    if (lazy !== undefined) return lazy;
    const called = isCall && first.base.kind === 'call' ? this.#function(first.base.name) : this.#operand(first, scope);
    if (typeof called !== 'function') throw new TemplateError(`${textOf(called)} is called, and is no function`);
    const args = rest.map((operand) => this.#operand(operand, scope));
    return called(...args, ...(last === undefined ? [] : [last]));
  }

  /** `and` and `or` look at no more than they need. Undefined for what is neither. */
  #lazily(base: Base, operands: readonly Operand[], scope: Scope, last: Value | undefined): Value | undefined {
    if (base.kind !== 'call' || (base.name !== 'and' && base.name !== 'or')) return undefined;
    const ends = base.name === 'or';
    let value: Value = null;
    for (const operand of operands) {
      value = this.#operand(operand, scope);
      if (isTrue(value) === ends) return value;
    }
    return last === undefined ? value : last;
  }

  #function(name: string): TemplateFunction {
    const found = this.#functions.get(name);
    if (found === undefined) throw new TemplateError(`there is no function ${name}`);
    return found;
  }

  #operand({ base, path }: Operand, scope: Scope): Value {
    let value = this.#base(base, scope);
    for (const name of path) value = fieldOf(value, name);
    return value;
  }

  #base(base: Base, scope: Scope): Value {
    switch (base.kind) {
      case 'dot':
        return scope.dot;
      case 'variable':
        return frameOf(scope, base.name).value;
      case 'literal':
        return base.value;
      case 'call':
        return this.#function(base.name)();
      case 'pipe':
        return this.#pipe(base.pipe, scope);
    }
  }
}

function fieldOf(value: Value, name: string): Value {
  if (isMap(value)) return value.get(name) ?? null;
  throw new TemplateError(`${value === null ? 'nothing' : textOf(value)} has no field ${name}`);
}

function frameOf({ frame }: Scope, name: string): Frame {
  let found = frame;
  while (found !== undefined && found.name !== name) found = found.before;
  if (found === undefined) throw new TemplateError(`there is no variable ${name}`);
  return found;
}

/** The scope with what a pipe declares; what it sets is set where it was declared. */
function bind({ variables, declares }: Pipe, scope: Scope, values: readonly Value[]): Scope {
  let frame = scope.frame;
  for (const [index, name] of variables.entries()) {
    const value = values[index] ?? null;
    if (declares) frame = { name, value, before: frame };
    else frameOf(scope, name).value = value;
  }
  return { ...scope, frame };
}

function itemsOf(value: Value): (readonly [Value, Value])[] {
  if (isList(value)) return value.map((item, index) => [BigInt(index), item]);
  if (isMap(value)) return inOrder(value);
  if (value === null) return [];
  throw new TemplateError(`${textOf(value)} is no list and no map`);
}
