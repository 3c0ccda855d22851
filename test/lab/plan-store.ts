import { type FSWatcher, mkdirSync, readdirSync, readFileSync, renameSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodePlanObject } from './api-protocol.ts';

interface PlanEvent {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: NodePlanObject;
}

type Listener = (event: PlanEvent) => void;

/** The node plans of the stand-in: files that tests write, with what an API server adds to them. Statuses lie in files beside. */
export class PlanStore {
  readonly #directory: string;
  readonly #plans = new Map<string, NodePlanObject>();
  readonly #events: PlanEvent[] = [];
  readonly #listeners = new Set<Listener>();
  #watcher: FSWatcher | undefined;
  #version = 1;
  #uids = 0;

  constructor(options: { directory: string }) {
    this.#directory = options.directory;
  }

  /** Reads what is there and follows what is written. */
  start(): void {
    mkdirSync(this.#directory, { recursive: true });
    this.#look();
    this.#watcher ??= watch(this.#directory, () => this.#look());
  }

  /** Ends following; may be called twice. */
  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** Version of the newest change. */
  get version(): number {
    return this.#version;
  }

  /** The plans, or the one of this name. */
  list(name: string | undefined): NodePlanObject[] {
    this.#look();
    return [...this.#plans.values()].filter(({ metadata }) => name === undefined || metadata.name === name);
  }

  /** Tells what happened after a version, and what happens; gives what ends that. */
  follow(name: string | undefined, since: number, listener: Listener): () => void {
    const wanted = (event: PlanEvent) => name === undefined || event.object.metadata.name === name;
    const tell: Listener = (event) => {
      if (wanted(event)) listener(event);
    };
    for (const event of this.#events.filter(({ version }) => version > since)) tell(event);
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  /** Writes the status of a plan; undefined when there is no such plan. */
  setStatus(name: string, status: unknown): NodePlanObject | undefined {
    const plan = this.#plans.get(name);
    if (plan === undefined) return undefined;
    const file = join(this.#directory, `.${name}.status`);
    writeFileSync(`${file}.new`, JSON.stringify(status));
    renameSync(`${file}.new`, file);
    return this.#put('MODIFIED', { ...plan, status });
  }

  #look(): void {
    const files = readdirSync(this.#directory).filter((file) => /^[^.].*\.json$/.test(file));
    const specs = new Map<string, unknown>();
    for (const file of files) {
      const spec = this.#specIn(file);
      if (spec !== undefined) specs.set(file.slice(0, -'.json'.length), spec);
    }
    for (const [name, spec] of specs) this.#take(name, spec);
    for (const [name, plan] of this.#plans) {
      if (specs.has(name)) continue;
      this.#plans.delete(name);
      this.#tell('DELETED', plan);
    }
  }

  /** Undefined for a file that was removed since it was listed. */
  #specIn(file: string): unknown {
    try {
      return JSON.parse(readFileSync(join(this.#directory, file), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #take(name: string, spec: unknown): void {
    const before = this.#plans.get(name);
    if (before === undefined) {
      this.#uids += 1;
      this.#put('ADDED', { metadata: { name, uid: `plan-${this.#uids}`, resourceVersion: '' }, spec });
    } else if (JSON.stringify(before.spec) !== JSON.stringify(spec)) {
      this.#put('MODIFIED', { ...before, spec });
    }
  }

  #put(type: 'ADDED' | 'MODIFIED', plan: NodePlanObject): NodePlanObject {
    const told = this.#tell(type, plan);
    this.#plans.set(plan.metadata.name, told);
    return told;
  }

  #tell(type: PlanEvent['type'], plan: NodePlanObject): NodePlanObject {
    this.#version += 1;
    const object = { ...plan, metadata: { ...plan.metadata, resourceVersion: String(this.#version) } };
    const event = { version: this.#version, type, object };
    this.#events.push(event);
    for (const listener of this.#listeners) listener(event);
    return object;
  }
}
