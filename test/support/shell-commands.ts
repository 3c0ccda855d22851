/** Words of the shell itself (dash), which need no program. */
const BUILTINS = new Set(
  'break case cd command continue done echo esac eval exit export false fi for kill printf pwd read readonly return set shift test times trap true type ulimit umask unset wait'.split(
    ' ',
  ),
);
/** What may stand before a command: words of the shell, assignments, and commands that run another. */
const BEFORE = /^(?:(?:if|then|else|elif|while|until|do|!|exec|interruptible|\w+=\S*)(?:\s+|$))+/;
const RUNS_ANOTHER = /^timeout(?:\s+--?\S+(?:\s+\d+)?)*\s+\S+\s+/;
const NAME = /^[a-z][\w-]*(?=\s|$)/;

type Mode = 'code' | 'string';

/** A piece of a script, what becomes of it, and whether a mode begins or ends with it. */
interface Token {
  readonly pattern: RegExp;
  readonly becomes?: string;
  readonly enters?: Mode;
  readonly leaves?: true;
}

const EXPANSION: Token = { pattern: /\\[\s\S]|\$\{[^}]*\}|\$\(\([^)]*\)\)/y, becomes: '_' };
const TOKENS: Readonly<Record<Mode, readonly Token[]>> = {
  code: [
    EXPANSION,
    { pattern: /(?<=^|\s)#.*/y, becomes: '' },
    // A label of a case.
    { pattern: /(?<=\n[ \t]*)[\w|*-]+\)/y, becomes: '' },
    { pattern: /'[^']*'/y, becomes: '_' },
    { pattern: /"/y, becomes: '_', enters: 'string' },
    { pattern: /\$?\(/y, becomes: ';', enters: 'code' },
    { pattern: /\)/y, becomes: ';', leaves: true },
    { pattern: /[\s\S]/y },
  ],
  string: [
    EXPANSION,
    { pattern: /\$\(/y, becomes: ';', enters: 'code' },
    { pattern: /"/y, becomes: '', leaves: true },
    { pattern: /[\s\S]/y, becomes: '' },
  ],
};

/** The token at a place, with its text. The last of each mode fits everything. */
function tokenAt(script: string, mode: Mode, place: number): { token: Token; text: string } {
  for (const token of TOKENS[mode]) {
    token.pattern.lastIndex = place;
    const text = token.pattern.exec(script)?.[0];
    if (text !== undefined) return { token, text };
  }
  throw new Error(`no token fits at ${place}`);
}

/** A script without what is not code: comments, strings, expansions. What is substituted in strings stays. */
function codeOf(script: string): string {
  const modes: Mode[] = [];
  let code = '';
  for (let place = 0; place < script.length; ) {
    const { token, text } = tokenAt(script, modes.at(-1) ?? 'code', place);
    code += token.becomes ?? text;
    if (token.enters !== undefined) modes.push(token.enters);
    if (token.leaves) modes.pop(); // at the outermost level it is the ")" of a case
    place += text.length;
  }
  return code;
}

/** The names of the programs in one simple command: its own, and that of the command it runs. */
function namesIn(command: string): string[] {
  const own = command.trim().replace(BEFORE, '');
  return [own, RUNS_ANOTHER.test(own) ? own.replace(RUNS_ANOTHER, '') : ''].flatMap((text) => NAME.exec(text) ?? []);
}

/**
 * The programs that a shell script calls by name, sorted: words where a command stands that are neither the shell's nor functions of the
 * script. It knows as much of the language as this project's scripts use.
 */
export function commandsOf(script: string): string[] {
  const code = codeOf(script);
  const functions = new Set([...code.matchAll(/^(\w+);;/gm)].map(([, name = '']) => name));
  const found = code.split(/[\n;&|{}]/).flatMap(namesIn);
  return [...new Set(found)].filter((name) => !(BUILTINS.has(name) || functions.has(name))).toSorted();
}
