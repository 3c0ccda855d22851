import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');

/** The product's own files: neither tests nor what only tests use. */
const PRODUCT = globSync('{api,controller,sidecar}/**/*.ts', { cwd: root }).filter(
  (file) => !/[.]test[.]ts$|\/testing\//.test(file),
);
/** It alone asks the machine what time it is by the wall clock, which anybody may set: whoever measures takes its other clock. */
const CLOCK = 'sidecar/health/clock.ts';
/** They alone read the environment, wire and exit. */
const MAINS = ['sidecar/main.ts', 'controller/main.ts'];

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

  it.each(PRODUCT.filter((file) => !MAINS.includes(file)))('reads no environment and does not exit in %s', (file) => {
    const forbidden = ['env', 'exit', 'exitCode', 'abort', 'kill', 'on', 'once', 'argv', 'import'];
    const used = processMembers(readFileSync(path.join(root, file), 'utf8'));
    expect(used.filter((member) => forbidden.includes(member))).toEqual([]);
  });
});
