import { homedir } from 'node:os';
import path from 'node:path';
import { runMain } from './support/main.ts';
import { readNames } from './support/names.ts';
import { TOOL_NAMES, type ToolName, USUAL_TOOL_NAMES } from './toolchain/catalogue.ts';
import { elapsed, ToolError } from './toolchain/progress.ts';
import { type FoundTool, Toolchain } from './toolchain/toolchain.ts';

const USAGE = `Finds the command-line tools of this project, or installs them at their pinned versions.

usage: npm run tools -- [name…]

names: ${USUAL_TOOL_NAMES.join(' ')} (default: all of these)
for the cluster, only when named: ${TOOL_NAMES.filter((name) => !USUAL_TOOL_NAMES.includes(name)).join(' ')}

A tool on PATH in a good version is used. Otherwise the version pinned in tools/ is built and kept in
\${XDG_CACHE_HOME:-~/.cache}/keepalived-ingress-vip/tools. Either way it is linked into .tools/.`;

const root = path.resolve(import.meta.dirname, '..');
const toolchain = new Toolchain(
  {
    root,
    store: path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'keepalived-ingress-vip/tools'),
    searchPath: process.env.PATH ?? '',
  },
  { log: (line) => process.stderr.write(`tools: ${line}\n`) },
);

/**
 * Path of a command-line tool, installed if need be; for `schemas` the folder with the Kubernetes JSON schemas. The programs in `hyperkube`
 * are links beside its real path.
 * The first build of a Go tool takes minutes; progress goes to standard error.
 * @throws ToolError that says what is missing and the command that installs it
 */
export async function ensureTool(name: ToolName): Promise<string> {
  return (await toolchain.ensure(name)).path;
}

/** Environment for a command that calls other tools by name: PATH with the links in .tools/bin first. */
export function toolEnvironment(): { PATH: string } {
  return { PATH: `${toolchain.bin}${path.delimiter}${process.env.PATH ?? ''}` };
}

/**
 * Finds or installs several tools, one after the other: builds want the whole machine.
 * @returns what was found, and one error per tool that could not be had
 */
export async function ensureTools(names: readonly ToolName[]): Promise<{ found: FoundTool[]; errors: string[] }> {
  const found: FoundTool[] = [];
  const errors: string[] = [];
  for (const name of names) {
    try {
      found.push(await toolchain.ensure(name));
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      errors.push(error.message);
    }
  }
  return { found, errors };
}

async function main(): Promise<void> {
  const names = readNames({ what: 'tool', known: TOOL_NAMES, usual: USUAL_TOOL_NAMES, usage: USAGE });
  if (names.length === 0) return;
  const started = performance.now();
  const { found, errors } = await ensureTools(names);
  for (const tool of found) process.stdout.write(`${tool.name.padEnd(14)} ${tool.version.padEnd(9)} ${tool.path}\n`);
  process.stderr.write(`tools: ${found.length} ready in ${elapsed(started)}\n`);
  if (errors.length > 0) throw new ToolError([...new Set(errors)].join('\n'));
}

runMain(import.meta.main, 'tools', main);
