import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');

/** The product's own files: neither tests nor what only tests use. */
const PRODUCT = globSync('{api,common,controller,sidecar}/**/*.ts', { cwd: root }).filter(
  (file) => !/[.]test[.]ts$|\/testing\//.test(file),
);
/** It alone asks the machine what time it is by the wall clock, which anybody may set: whoever measures takes its other clock. */
const CLOCK = 'common/clock.ts';
/** They alone read the environment and wire. */
const MAINS = ['sidecar/main.ts', 'controller/main.ts'];
/** It alone ends a process and hears signals, for them. */
const PROCESS = 'common/process.ts';

/** Every `process.<member>` that a source text uses; also through an import of node:process. */
function processMembers(text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'process') {
      found.push(node.name.text);
    }
    if (
      ts.isImportDeclaration(node) &&
      ts.isStringLiteral(node.moduleSpecifier) &&
      /^(node:)?process$/.test(node.moduleSpecifier.text)
    ) {
      found.push('import');
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest));
  return found;
}

/** What a node adds to, or multiplies or divides by, the id of its own process; nothing where it does not. */
function pidArithmetic(node: ts.Node): string[] {
  if (!ts.isBinaryExpression(node)) return [];
  const { operatorToken, left, right } = node;
  const isArithmetic = /^[%+*-]$/.test(operatorToken.getText());
  return isArithmetic && [left, right].some((side) => side.getText() === 'process.pid') ? [node.getText()] : [];
}

/** The name of a function that finds free ports; nothing for another node. */
function portFinder(node: ts.Node): string[] {
  const name = ts.isFunctionDeclaration(node) ? (node.name?.text ?? '') : '';
  return /^freePorts?$/i.test(name) ? [name] : [];
}

/** Where a source text computes with the id of its own process, or finds a free port by a function of its own. */
function guesses(text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    found.push(...pidArithmetic(node), ...portFinder(node));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true));
  return found;
}

describe('guesses', () => {
  it('finds a port that is computed from a process id, and a second way to find a free one', () => {
    const text = 'const p = 20_000 + (process.pid % 10) * 2; log(process.pid); async function freePort() {}';
    expect(guesses(text)).toEqual(['process.pid % 10', 'freePort']);
  });
});

describe('the tests', () => {
  const files = globSync(
    [
      '{api,common,controller,sidecar,scripts}/**/*.test.ts',
      '{common,controller,sidecar}/testing/*.ts',
      'test/**/*.ts',
    ],
    {
      cwd: root,
    },
  );

  it.each(files.filter((file) => file !== 'test/support/free-port.ts'))('guess no port in %s', (file) => {
    expect(guesses(readFileSync(path.join(root, file), 'utf8'))).toEqual([]);
  });
});

describe('processMembers', () => {
  it('finds uses, not mentions', () => {
    const text =
      "import { env } from 'node:process';\n// process.exit\nconst s = 'process.exit';\nprocess.env.X; process.exit(1);";
    expect(processMembers(text)).toEqual(['import', 'env', 'exit']);
  });
});

/** Every call that asks for the wall clock's time. */
function wallClockReads(text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) && node.getText().replaceAll(/\s/g, '') === 'Date.now')
      found.push('Date.now');
    if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0) {
      found.push('new Date');
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true));
  return found;
}

describe('wallClockReads', () => {
  it('finds uses, not mentions, and not what a given time looks like', () => {
    expect(wallClockReads("Date.now(); const now = Date.now; new Date(); new Date(5); 'Date.now'")).toEqual([
      'Date.now',
      'Date.now',
      'new Date',
    ]);
  });
});

describe('the product', () => {
  it.each(PRODUCT.filter((file) => file !== CLOCK))('does not ask for the wall clock in %s', (file) => {
    expect(wallClockReads(readFileSync(path.join(root, file), 'utf8'))).toEqual([]);
  });

  it('has files to look at', () => {
    expect(PRODUCT).toEqual(expect.arrayContaining(MAINS));
  });

  const usedOf = (file: string) => processMembers(readFileSync(path.join(root, file), 'utf8'));
  const environment = ['env', 'argv', 'import'];
  const forbidden = [...environment, 'exit', 'exitCode', 'abort', 'kill', 'on', 'once'];
  const parts = PRODUCT.filter((file) => !MAINS.includes(file) && file !== PROCESS);

  it.each(parts)('reads no environment and does not exit in %s', (file) => {
    expect(usedOf(file).filter((member) => forbidden.includes(member))).toEqual([]);
  });

  it('ends by one file, which reads no environment either', () => {
    expect([...new Set(usedOf(PROCESS))].toSorted()).toEqual(['exit', 'on', 'stderr']);
    expect(
      MAINS.flatMap(usedOf).filter((member) => ['exit', 'exitCode', 'abort', 'kill', 'on'].includes(member)),
    ).toEqual([]);
  });
});

describe('the chart', () => {
  const textOf = (file: string) => readFileSync(path.join(root, file), 'utf8');
  const templates = globSync('chart/templates/*.tpl', { cwd: root }).map(textOf).join('');
  const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name);

  it('gives its volumes no name that it lets pod.extraVolumes have as well', () => {
    // Without indent there are lists of volumes alone: containers, ports and mounts are parts of something.
    const own = matches(templates, /^- name: (\S+)$/gm);
    const [, refused = ''] = /has \$volume\.name \(list ([^)]*)\)/.exec(templates) ?? [];
    expect(own).toContain('runtime');
    expect(matches(refused, /"([^"]+)"/g).sort()).toEqual([...new Set(own)].sort());
  });

  it('lets extraEnv have no variable that it sets or that a supervisor takes', () => {
    const supervisors = globSync('images/*/{supervisor,lib/*.sh}', { cwd: root }).map(textOf);
    const read = matches(supervisors.join(''), /^([A-Z_]+)=\$\{\1:-/gm);
    const own = new Set([...matches(templates, /^ {2}- name: ([A-Z_]+)$/gm), ...read]);
    expect([...own]).toEqual(expect.arrayContaining(['NODE_NAME', 'STATE_DIR']));
    const refused = matches(textOf('chart/templates/_validate.tpl'), /"([A-Z_]+)"/g);
    expect([...own].filter((name) => !refused.includes(name))).toEqual([]);
  });
});
