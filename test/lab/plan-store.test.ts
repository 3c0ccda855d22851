import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PlanStore } from './plan-store.ts';

let directory: string;
let store: PlanStore;

function write(node: string, spec: object): void {
  writeFileSync(join(directory, '.new'), JSON.stringify(spec));
  renameSync(join(directory, '.new'), join(directory, `${node}.json`));
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plans-'));
  store = new PlanStore({ directory });
  store.start();
});

afterEach(() => {
  store.stop();
  rmSync(directory, { recursive: true });
});

describe('the node plans of the stand-in', () => {
  it('are listed with a version from which a watch goes on', async () => {
    write('node1', { plan: 'p1' });
    expect(store.list('node1')).toMatchObject([{ metadata: { name: 'node1' }, spec: { plan: 'p1' } }]);
    expect(store.list('node2')).toEqual([]);
    const told = vi.fn();
    store.follow('node1', store.version, told);
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
    expect(store.list(undefined)).toMatchObject([{ metadata: { name: 'node2' } }]);
  });

  it('tell a late watch what it missed', () => {
    write('node1', { plan: 'p1' });
    store.list(undefined);
    const told = vi.fn();
    store.follow(undefined, 0, told);
    expect(told.mock.calls.map(([event]) => event.type)).toEqual(['ADDED']);
  });

  it('take a status, and tell it without a change of the spec', () => {
    expect(store.setStatus('node1', {})).toBeUndefined();
    write('node1', { plan: 'p1' });
    store.list(undefined);
    const told = vi.fn();
    store.follow('node1', store.version, told);
    expect(store.setStatus('node1', { observedPlan: 'p1' })).toMatchObject({ spec: { plan: 'p1' } });
    expect(told.mock.calls[0]?.[0].object.status).toEqual({ observedPlan: 'p1' });
  });
});
