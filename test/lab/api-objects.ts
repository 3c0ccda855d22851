import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WrittenObject } from './api-protocol.ts';
import type { RESOURCES } from './api-requests.ts';
import { labDirectory } from './names.ts';

/* The cluster's objects: files that the API server stand-in serves. */

/** The API server stand-in's directory in a lab. */
export function apiDirectory(lab: string): string {
  return join(labDirectory(lab), 'api');
}

/** Where the objects of a lab are, a folder for each resource. */
export function objectsDirectory(lab: string): string {
  return join(apiDirectory(lab), 'objects');
}

/** The files of one resource. */
export class ObjectFiles<Spec> {
  readonly #directory: string;

  constructor(lab: string, resource: keyof typeof RESOURCES) {
    this.#directory = join(objectsDirectory(lab), resource);
  }

  /** @throws Error when there is none of this name */
  async read(name: string): Promise<WrittenObject<Spec>> {
    return JSON.parse(await readFile(this.#file(name), 'utf8')) as WrittenObject<Spec>;
  }

  /** Prepares a change: everything is written; what is given back puts it in place, in one step. */
  async prepare(name: string, object: WrittenObject<Spec>): Promise<() => Promise<void>> {
    await mkdir(this.#directory, { recursive: true });
    const temporary = join(this.#directory, `.${name}.new`);
    await writeFile(temporary, JSON.stringify(object));
    return () => rename(temporary, this.#file(name));
  }

  /** Makes or replaces an object. */
  async write(name: string, object: WrittenObject<Spec>): Promise<void> {
    await (await this.prepare(name, object))();
  }

  async remove(name: string): Promise<void> {
    await rm(this.#file(name), { force: true });
  }

  /** What was written into the status of an object last, as text; undefined when nothing was. */
  async statusText(name: string): Promise<string | undefined> {
    return readFile(join(this.#directory, `.${name}.status`), 'utf8').catch(() => undefined);
  }

  #file(name: string): string {
    return join(this.#directory, `${name}.json`);
  }
}
