import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCordon, readNodeOrder, StateCache } from './state-cache.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'state-cache-'));
  path = join(directory, 'state.json');
});

afterEach(() => rmSync(directory, { recursive: true }));

describe('a state cache', () => {
  it('gives the next process what was kept', async () => {
    await new StateCache({ path, read: readNodeOrder }).save(['node1', 'node2']);
    expect(await new StateCache({ path, read: readNodeOrder }).load()).toEqual(['node1', 'node2']);
  });

  it('knows nothing where nothing was kept, or something else', async () => {
    expect(await new StateCache({ path, read: readNodeOrder }).load()).toEqual([]);
    writeFileSync(path, '{"half');
    expect(await new StateCache({ path, read: readNodeOrder }).load()).toEqual([]);
    expect(await new StateCache({ path, read: readCordon }).load()).toBeUndefined();
    writeFileSync(path, '[1, "node1", null]');
    expect(await new StateCache({ path, read: readNodeOrder }).load()).toEqual(['node1']);
    expect(await new StateCache({ path, read: readCordon }).load()).toBeUndefined();
  });

  it.each(['cordoned', null, undefined])('tells %s from the others', async (cordon) => {
    await new StateCache({ path, read: readCordon }).save(cordon);
    expect(await new StateCache({ path, read: readCordon }).load()).toBe(cordon);
  });

  it('keeps the last of several states that come at once, and leaves nothing else behind', async () => {
    const cache = new StateCache({ path, read: readCordon });
    await Promise.all([cache.save('cordoned'), cache.save(null), cache.save('out of service')]);
    expect(readFileSync(path, 'utf8')).toBe('"out of service"');
    expect(readdirSync(directory)).toEqual(['state.json']);
  });

  it('writes nothing when nothing changed', async () => {
    const cache = new StateCache({ path, read: readCordon });
    await cache.save(null);
    rmSync(path);
    await cache.save(null);
    expect(readdirSync(directory)).toEqual([]);
    await cache.save('cordoned');
    expect(readdirSync(directory)).toEqual(['state.json']);
  });

  it('says when it cannot write, and writes the next state', async () => {
    const missing = join(directory, 'missing/state.json');
    const cache = new StateCache({ path: missing, read: readCordon });
    await expect(cache.save('cordoned')).rejects.toThrow(/ENOENT/);
    await expect(cache.save(null)).rejects.toThrow(/ENOENT/);
  });
});
