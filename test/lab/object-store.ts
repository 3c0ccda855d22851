import { type FSWatcher, mkdirSync, readdirSync, readFileSync, renameSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiObject, WrittenObject } from './api-protocol.ts';
import { isSelected, type Selection } from './api-requests.ts';

/** What a watch tells. */
export interface ObjectEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: ApiObject;
}

type Listener = (event: ObjectEvent) => void;

/**
 * The objects of one resource in the stand-in: files that tests write, with what an API server adds to them. What is written as a status
 * lies in a file beside.
 */
export class ObjectStore {
  readonly #directory: string;
  readonly #objects = new Map<string, ApiObject>();
  /** The files as they were read last. */
  readonly #texts = new Map<string, string>();
  readonly #events: { readonly version: number; readonly event: ObjectEvent }[] = [];
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

  list(selection: Selection): ApiObject[] {
    this.#look();
    return [...this.#objects.values()].filter((object) => isSelected(object, selection));
  }

  /** Tells what happened after a version (0: what there is), and what happens; gives what ends that. */
  follow(selection: Selection, since: number, listener: Listener): () => void {
    const tell: Listener = (event) => {
      if (isSelected(event.object, selection)) listener(event);
    };
    const missed = this.#events.filter(({ version }) => version > since).map(({ event }) => event);
    const present = [...this.#objects.values()].map((object) => ({ type: 'ADDED', object }) as const);
    for (const event of since === 0 ? present : missed) tell(event);
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  /** Writes the status of an object; undefined when there is none of this name. */
  setStatus(name: string, status: unknown): ApiObject | undefined {
    const present = this.#objects.get(name);
    if (present === undefined) return undefined;
    const file = join(this.#directory, `.${name}.status`);
    writeFileSync(`${file}.new`, JSON.stringify(status));
    renameSync(`${file}.new`, file);
    return this.#tell('MODIFIED', { ...present, status });
  }

  #look(): void {
    const files = readdirSync(this.#directory).filter((file) => /^[^.].*\.json$/.test(file));
    const names = files.map((file) => file.slice(0, -'.json'.length)).filter((name) => this.#read(name));
    for (const [name, object] of this.#objects) {
      if (!names.includes(name)) this.#tell('DELETED', object);
    }
  }

  /** Takes what is new in a file. @returns false for one that was removed since it was listed */
  #read(name: string): boolean {
    let text: string;
    try {
      text = readFileSync(join(this.#directory, `${name}.json`), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    if (text !== this.#texts.get(name)) this.#take(name, JSON.parse(text) as WrittenObject);
    this.#texts.set(name, text);
    return true;
  }

  #take(name: string, written: WrittenObject): void {
    const before = this.#objects.get(name);
    if (before === undefined) this.#uids += 1;
    const uid = before?.metadata.uid ?? `object-${this.#uids}`;
    const metadata = { uid, resourceVersion: '', ...written.metadata, name };
    this.#tell(before === undefined ? 'ADDED' : 'MODIFIED', { ...before, ...written, metadata });
  }

  #tell(type: ObjectEvent['type'], changed: ApiObject): ApiObject {
    this.#version += 1;
    const object = { ...changed, metadata: { ...changed.metadata, resourceVersion: String(this.#version) } };
    const { name } = object.metadata;
    if (type !== 'DELETED') this.#objects.set(name, object);
    else if (this.#objects.delete(name)) this.#texts.delete(name);
    const event = { type, object };
    this.#events.push({ version: this.#version, event });
    for (const listener of this.#listeners) listener(event);
    return object;
  }
}
