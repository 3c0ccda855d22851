import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCordon } from '../kubernetes/node-event.ts';
import { readNodeOrder } from '../kubernetes/rank.ts';
import { StateCache } from './state-cache.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'state-cache-'));
  path = join(directory, 'state.json');
});

afterEach(() => rmSync(directory, { recursive: true }));

describe('a state cache', () => {
  it('gives the next process what was kept', async () => {
    await new StateCache({ path, read: readNodeOrder, none: [] }).save(['node1', 'node2']);
    expect(await new StateCache({ path, read: readNodeOrder, none: [] }).load()).toEqual(['node1', 'node2']);
  });

  it('knows nothing where nothing was kept, or something else', async () => {
    expect(await new StateCache({ path, read: readNodeOrder, none: [] }).load()).toEqual([]);
    writeFileSync(path, '{"half');
    expect(await new StateCache({ path, read: readNodeOrder, none: [] }).load()).toEqual([]);
    expect(await new StateCache({ path, read: readCordon, none: undefined }).load()).toBeUndefined();
    writeFileSync(path, '[1, "node1", null]');
    expect(await new StateCache({ path, read: readNodeOrder, none: [] }).load()).toEqual([]);
    expect(await new StateCache({ path, read: readCordon, none: undefined }).load()).toBeUndefined();
  });

  it.each([
    ['nothing', () => undefined, null],
    ['a list', () => writeFileSync(path, '["node1"]'), null],
    ['half a list', () => writeFileSync(path, '["node1'), 'state.json is damaged: it is not whole'],
    ['an empty file', () => writeFileSync(path, ''), 'state.json is damaged: it is not whole'],
    ['something else', () => writeFileSync(path, '{"a": 1}'), 'state.json is damaged: it holds something else'],
    ['a wrong entry', () => writeFileSync(path, '["a", 1]'), 'state.json is damaged: it holds something else'],
    ['bytes', () => writeFileSync(path, Buffer.from([0, 255, 254])), 'state.json is damaged: it is not whole'],
    ['a directory', () => mkdirSync(path), 'state.json is damaged: it is no file'],
    ['a FIFO', () => execFileSync('mkfifo', [path]), 'state.json is damaged: it is no file'],
    ['a device', () => symlinkSync('/dev/zero', path), 'state.json is damaged: it is no file'],
    ['a link to itself', () => symlinkSync('state.json', path), expect.stringMatching(/is damaged: ELOOP/)],
  ])('says what is wrong with what was kept: %s', { timeout: 3000 }, async (_, put, problem) => {
    put();
    const cache = new StateCache({ path, read: readNodeOrder, none: [] });
    expect(cache.problem).toBeNull();
    await cache.load();
    expect(cache.problem).toEqual(problem);
  });

  it('is whole again when another state was kept', async () => {
    writeFileSync(path, '["node1');
    const cache = new StateCache({ path, read: readNodeOrder, none: [] });
    await cache.load();
    await cache.save(['node2']);
    expect(cache.problem).toBeNull();
    expect(await new StateCache({ path, read: readNodeOrder, none: [] }).load()).toEqual(['node2']);
  });

  it('of which nothing is to be kept leaves no file', async () => {
    const cache = new StateCache({ path, read: readCordon, none: undefined });
    await cache.save('cordoned');
    await cache.save(undefined);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('tries again what it could not write, and leaves nothing half written', async () => {
    const cache = new StateCache({ path, read: readCordon, none: undefined });
    mkdirSync(join(path, 'full'), { recursive: true });
    await expect(cache.save('cordoned')).rejects.toThrow();
    expect(readdirSync(directory)).toEqual(['state.json']);
    rmSync(path, { recursive: true });
    await cache.save('cordoned');
    expect(readFileSync(path, 'utf8')).toBe('"cordoned"');
  });

  it.each(['cordoned', null, undefined])('tells %s from the others', async (cordon) => {
    await new StateCache({ path, read: readCordon, none: undefined }).save(cordon);
    expect(await new StateCache({ path, read: readCordon, none: undefined }).load()).toBe(cordon);
  });

  it('keeps the last of several states that come at once, and leaves nothing else behind', async () => {
    const cache = new StateCache({ path, read: readCordon, none: undefined });
    await Promise.all([cache.save('cordoned'), cache.save(null), cache.save('out of service')]);
    expect(readFileSync(path, 'utf8')).toBe('"out of service"');
    expect(readdirSync(directory)).toEqual(['state.json']);
  });

  it('writes nothing when nothing changed', async () => {
    const cache = new StateCache({ path, read: readCordon, none: undefined });
    await cache.save(null);
    rmSync(path);
    await cache.save(null);
    expect(readdirSync(directory)).toEqual([]);
    await cache.save('cordoned');
    expect(readdirSync(directory)).toEqual(['state.json']);
  });

  it('says when it cannot write, and writes the next state', async () => {
    const missing = join(directory, 'missing/state.json');
    const cache = new StateCache({ path: missing, read: readCordon, none: undefined });
    await expect(cache.save('cordoned')).rejects.toThrow(/ENOENT/);
    await expect(cache.save(null)).rejects.toThrow(/ENOENT/);
  });
});
