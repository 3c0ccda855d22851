import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { runMain } from './support/main.ts';
import { readNames } from './support/names.ts';
import { installCommand, installPackages } from './system/apt.ts';
import { REQUIREMENTS, type Requirement, SYSTEM_PARTS, type SystemPart } from './system/requirements.ts';
import { type Log, ToolError } from './toolchain/progress.ts';

const USAGE = `Installs the Debian/Ubuntu packages that the lab, the tests and the tools use. Starts no service.

usage: npm run prepare:system -- [${SYSTEM_PARTS.join('|')}…]   (default: all)`;

/** Folders of administrators' commands, which a user's PATH often lacks. */
const ADMIN_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
const PYTHON_LIMIT_MS = 10_000;

/** What `ensureSystem` asks of the machine; a test gives its own. */
export interface SystemDependencies {
  readonly log: Log;
  readonly isPresent: (requirement: Requirement) => boolean;
  readonly canInstall: () => boolean;
  readonly install: (packages: readonly string[], log: Log) => Promise<void>;
}

const machine: SystemDependencies = {
  log: (line) => process.stderr.write(`prepare: ${line}\n`),
  isPresent,
  canInstall: () => process.getuid?.() === 0 && onPath('apt-get'),
  install: installPackages,
};

/**
 * Makes sure that the operating system has what the named parts need. Takes a fraction of a second when nothing is missing.
 * @returns the packages that were installed
 * @throws ToolError that names what is missing and the command that installs it, when this process may not install or failed to
 */
export async function ensureSystem(
  what: readonly SystemPart[] = SYSTEM_PARTS,
  dependencies: SystemDependencies = machine,
): Promise<readonly string[]> {
  const missing = missingRequirements(what, dependencies.isPresent);
  const needed = missing.filter(({ optional }) => optional !== true).map((requirement) => requirement.package);
  const wished = missing.filter(({ optional }) => optional === true).map((requirement) => requirement.package);
  if (needed.length > 0 && !dependencies.canInstall()) {
    throw new ToolError(`missing on this machine: ${needed.join(', ')}\nas root: ${installCommand(needed)}`);
  }
  if (needed.length > 0) await dependencies.install(needed, dependencies.log);
  for (const name of wished) await tryToInstall(name, dependencies);
  const left = missingRequirements(what, dependencies.isPresent).map((requirement) => requirement.package);
  const lost = left.filter((name) => needed.includes(name));
  if (lost.length > 0) throw new ToolError(`still missing after the installation: ${lost.join(', ')}`);
  return [...needed, ...wished].filter((name) => !left.includes(name));
}

async function tryToInstall(name: string, { canInstall, install, log }: SystemDependencies): Promise<void> {
  if (canInstall()) {
    try {
      await install([name], log);
      return;
    } catch (error) {
      log(error instanceof Error ? error.message : String(error));
    }
  }
  log(`going on without ${name}: tests that need it are skipped`);
}

function missingRequirements(
  what: readonly SystemPart[],
  present: (requirement: Requirement) => boolean,
): Requirement[] {
  const asked = REQUIREMENTS.filter((requirement) => requirement.parts.some((part) => what.includes(part)));
  return asked.filter((requirement) => !present(requirement));
}

function isPresent(requirement: Requirement): boolean {
  if (requirement.command !== undefined) return onPath(requirement.command);
  if (requirement.python !== undefined) {
    return spawnSync('python3', ['-c', requirement.python], { timeout: PYTHON_LIMIT_MS }).status === 0;
  }
  return (requirement.files ?? []).some((file) => existsSync(file));
}

function onPath(command: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...ADMIN_FOLDERS];
  return folders.some((folder) => folder !== '' && existsSync(path.join(folder, command)));
}

async function main(): Promise<void> {
  const parts = readNames({ what: 'part', known: SYSTEM_PARTS, usual: SYSTEM_PARTS, usage: USAGE });
  if (parts.length === 0) return;
  const installed = await ensureSystem(parts);
  process.stderr.write(
    `prepare: ${installed.length > 0 ? `installed ${installed.join(' ')}` : 'nothing is missing'}\n`,
  );
}

runMain(import.meta.main, 'prepare', main);
