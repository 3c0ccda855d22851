import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ObjectStore } from './object-store.ts';

let directory: string;
let store: ObjectStore;

function write(node: string, spec: object): void {
  writeFileSync(join(directory, '.new'), JSON.stringify({ spec }));
  renameSync(join(directory, '.new'), join(directory, `${node}.json`));
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plans-'));
  store = new ObjectStore({ directory });
  store.start();
});

afterEach(() => {
  store.stop();
  rmSync(directory, { recursive: true });
});

describe('objects of the stand-in', () => {
  it('are listed with a version from which a watch goes on', async () => {
    write('node1', { plan: 'p1' });
    expect(store.list({ name: 'node1' })).toMatchObject([{ metadata: { name: 'node1' }, spec: { plan: 'p1' } }]);
    expect(store.list({ name: 'node2' })).toEqual([]);
    const told = vi.fn();
    store.follow({ name: 'node1' }, store.version, told);
    write('node2', { plan: 'p1' });
    write('node1', { plan: 'p2' });
    await vi.waitFor(() => expect(told).toHaveBeenCalledOnce(), 5000);
    expect(told.mock.calls[0]?.[0]).toMatchObject({ type: 'MODIFIED', object: { spec: { plan: 'p2' } } });
    rmSync(join(directory, 'node1.json'));
    await vi.waitFor(() => expect(told).toHaveBeenCalledTimes(2), 5000);
    expect(told.mock.calls[1]?.[0]).toMatchObject({ type: 'DELETED' });
  });

  it('do without a file that goes between being listed and being read', () => {
    write('node2', { plan: 'p1' });
    symlinkSync('gone', join(directory, 'node1.json')); // is listed and cannot be read, every time
    expect(store.list({})).toMatchObject([{ metadata: { name: 'node2' } }]);
  });

  it('tell a late watch what it missed', () => {
    write('node1', { plan: 'p1' });
    store.list({});
    const told = vi.fn();
    store.follow({}, 1, told);
    expect(told.mock.calls.map(([event]) => event.type)).toEqual(['ADDED']);
  });

  it('begin a watch without a version with what there is, not with how it came about', () => {
    write('node1', { plan: 'p1' });
    store.list({});
    write('node1', { plan: 'p2' });
    write('node2', { plan: 'p1' });
    store.list({});
    rmSync(join(directory, 'node2.json'));
    store.list({});
    const told = vi.fn();
    store.follow({}, 0, told);
    expect(told.mock.calls.map(([event]) => event)).toMatchObject([
      { type: 'ADDED', object: { spec: { plan: 'p2' } } },
    ]);
  });

  it('are another object when one of the same name is made again', () => {
    const uid = () => store.list({ name: 'node1' })[0]?.metadata.uid;
    write('node1', { plan: 'p1' });
    const first = uid();
    write('node1', { plan: 'p2' });
    expect(uid()).toBe(first);
    rmSync(join(directory, 'node1.json'));
    expect(uid()).toBeUndefined();
    write('node1', { plan: 'p2' });
    expect(uid()).not.toBe(first);
  });

  it('take a status, and tell it without a change of the spec', () => {
    expect(store.setStatus('node1', {})).toBeUndefined();
    write('node1', { plan: 'p1' });
    store.list({});
    const told = vi.fn();
    store.follow({ name: 'node1' }, store.version, told);
    expect(store.setStatus('node1', { observedPlan: 'p1' })).toMatchObject({ spec: { plan: 'p1' } });
    expect(told.mock.calls[0]?.[0].object.status).toEqual({ observedPlan: 'p1' });
  });
});
