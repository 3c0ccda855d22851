import path from 'node:path';
import { type Accepted, acceptFromPath } from './acceptance.ts';
import { CATALOGUE, type Tool, type ToolName } from './catalogue.ts';
import { exists, replaceLink } from './files.ts';
import { recipeFor } from './install.ts';
import { withLock } from './lock.ts';
import { type Log, ToolError } from './progress.ts';
import type { Recipe } from './recipe.ts';
import { makeOnce } from './store.ts';
import { describeRange } from './version.ts';

/** Longest wait for another run: it may be building everything. */
const LOCK_LIMIT_SECONDS = 60 * 60;

/** Where a tool chain looks and keeps things. */
export interface ToolchainOptions {
  /** Folder of the checkout: its `tools/` holds the pins, its `.tools/` gets links. */
  readonly root: string;
  /** Folder outside the checkout where built tools are kept, so that another clone does not build them again. */
  readonly store: string;
  /** A PATH. */
  readonly searchPath: string;
}

/** What a tool chain uses. */
export interface ToolchainDependencies {
  readonly log: Log;
  /** How a tool is installed; a test gives its own. */
  readonly recipe?: (tool: Tool, root: string) => Promise<Recipe>;
}

/** A tool that can be used. */
export interface FoundTool {
  readonly name: ToolName;
  /** The command, or for `schemas` the folder. */
  readonly path: string;
  readonly version: string;
  readonly origin: 'PATH' | 'pinned';
}

/** Finds the command-line tools or installs them at their pinned versions. */
export class Toolchain {
  readonly #options: ToolchainOptions;
  readonly #log: Log;
  readonly #recipe: (tool: Tool, root: string) => Promise<Recipe>;
  readonly #found = new Map<ToolName, Promise<FoundTool>>();

  constructor(options: ToolchainOptions, dependencies: ToolchainDependencies) {
    this.#options = options;
    this.#log = dependencies.log;
    this.#recipe = dependencies.recipe ?? recipeFor;
  }

  /** Folder of links to the tools; put it first on PATH for commands that call other tools. */
  get bin(): string {
    return path.join(this.#options.root, '.tools/bin');
  }

  /**
   * The tool, installed if need be.
   * @throws ToolError that says what is missing and the command that installs it
   */
  ensure(name: ToolName): Promise<FoundTool> {
    const known = this.#found.get(name);
    if (known !== undefined) return known;
    const search = this.#search(name);
    this.#found.set(name, search);
    return search;
  }

  async #search(name: ToolName): Promise<FoundTool> {
    const tool = CATALOGUE[name];
    for (const needed of tool.needs ?? []) await this.ensure(needed);
    const accepted = await this.#accepted(tool);
    const found: FoundTool =
      accepted === undefined ? await this.#pinned(name, tool) : { name, ...accepted, origin: 'PATH' };
    // Links are replaced, never removed: another run may be about to use one.
    await replaceLink(found.path, this.#link(name, tool));
    return found;
  }

  async #accepted(tool: Tool): Promise<Accepted | undefined> {
    return tool.onPath === undefined ? undefined : acceptFromPath(tool.onPath, this.#options.searchPath, [this.bin]);
  }

  async #pinned(name: ToolName, tool: Tool): Promise<FoundTool> {
    const recipe = await this.#recipe(tool, this.#options.root);
    const kept = path.join(this.#options.store, recipe.key);
    if (!(await exists(kept))) await this.#install(name, tool, recipe);
    const file = name === 'schemas' ? kept : path.join(kept, 'bin', tool.command);
    return { name, path: file, version: recipe.version.replace(/^v/, ''), origin: 'pinned' };
  }

  async #install(name: ToolName, tool: Tool, recipe: Recipe): Promise<void> {
    const obstacle = await recipe.obstacle();
    if (obstacle !== undefined) {
      const flag = tool.onPath === undefined ? '' : ` (or have ${tool.command} ${describeRange(tool.onPath)} on PATH)`;
      throw new ToolError(
        `${name} ${recipe.version} cannot be installed: ${obstacle}, then run: npm run tools -- ${name}${flag}`,
      );
    }
    const lock = path.join(this.#options.store, 'lock');
    await withLock(lock, LOCK_LIMIT_SECONDS, this.#log, () =>
      makeOnce(this.#options.store, recipe.key, (folder) => recipe.install(folder, this.#log)),
    );
  }

  #link(name: ToolName, tool: Tool): string {
    return name === 'schemas' ? path.join(this.#options.root, '.tools/schemas') : path.join(this.bin, tool.command);
  }
}
