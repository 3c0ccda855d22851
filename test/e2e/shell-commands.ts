import { spawn } from 'node:child_process';
import { dirname, isAbsolute } from 'node:path';
import { execa } from 'execa';
import type { Site } from '../environment/site.ts';
import { Program } from '../support/program.ts';

const LIMIT_MS = 30_000;

/** The commands in what helm prints after an installation: indented lines that begin with a program; a loop is one command. Pure. */
export function commandsInNotes(notes: string): string[] {
  return [...notes.matchAll(/^ {2}((?:for (?:.|\n)*?^ {2}done|kubectl .*|helm .*)$)/gm)].map(([, command = '']) =>
    command.replaceAll(/^ {2}/gm, ''),
  );
}

/** The shell blocks below a heading of a document, up to the next heading. Pure. @throws Error when there is no such heading. */
export function shellBlocks(markdown: string, heading: string): string[] {
  const start = markdown.indexOf(`\n${heading}\n`);
  if (start === -1) throw new Error(`the document has no heading ${JSON.stringify(heading)}`);
  const section = markdown.slice(start + heading.length + 2).split(/^#+ /m)[0] ?? '';
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block.trim());
}

/** The environment in which a user's shell finds kubectl and the cluster. */
function userEnvironment({ description }: Site): Record<string, string> {
  const path = process.env.PATH ?? '';
  return {
    KUBECONFIG: description.kubeconfig,
    PATH: isAbsolute(description.kubectl) ? `${dirname(description.kubectl)}:${path}` : path,
  };
}

/** Runs a command as a user who copies it into a shell. Gives what it wrote to standard output. @throws Error when it fails. */
export async function runInShell(site: Site, command: string): Promise<string> {
  const env = userEnvironment(site);
  return (await execa('sh', ['-ec', command], { env, timeout: LIMIT_MS })).stdout;
}

/** Runs a command that does not end by itself while `use` works with what it gives; ends it afterwards. */
export async function whileInShell<T>(site: Site, command: string, use: (running: Program) => Promise<T>): Promise<T> {
  const env = { ...process.env, ...userEnvironment(site) };
  const running = new Program(
    command,
    spawn('sh', ['-c', `exec ${command}`], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  try {
    return await use(running);
  } finally {
    await running.stop('SIGTERM');
  }
}
