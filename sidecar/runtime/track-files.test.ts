import { randomUUID } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SharedDirectory } from './shared-directory.ts';
import { TrackFiles } from './track-files.ts';

let path: string;
let tracks: TrackFiles;

function read(name: string): string {
  return readFileSync(join(path, name), 'utf8');
}

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'track-files-'));
  tracks = new TrackFiles({ directory: new SharedDirectory({ path }) });
  await tracks.prepare();
});

afterEach(() => {
  tracks.stop();
  rmSync(path, { recursive: true });
});

describe('track files', () => {
  it('are written only when they change', async () => {
    expect(tracks.writeFitness('vip', { gate: 1, offset: 9 })).toBe(true);
    const inode = statSync(join(path, 'track/vip.gate')).ino;
    expect(tracks.writeFitness('vip', { gate: 1, offset: 9 })).toBe(false);
    expect(tracks.writeFitness('vip', { gate: 1, offset: -31 })).toBe(true);
    expect(statSync(join(path, 'track/vip.gate')).ino).toBe(inode);
    expect([read('track/vip.gate'), read('track/vip.offset')]).toEqual(['1\n', '-31\n']);
  });

  it('come in the order that keepalived must see: an offset before its gate opens, a gate that closes before its offset', async () => {
    const names: string[] = [];
    const watcher = watch(join(path, 'track'), (_event, name) => names.push(name ?? ''));
    let marks = 0;
    const seen = async (write: () => unknown): Promise<string[]> => {
      names.length = 0;
      write();
      // Events come in order: when the mark's has come, all before it have.
      const mark = `mark${++marks}`;
      writeFileSync(join(path, 'track', mark), '');
      await vi.waitFor(() => expect(names).toContain(mark), 2000);
      return names.filter((name) => name.startsWith('vip.'));
    };
    try {
      expect(await seen(() => tracks.writeFitness('vip', { gate: 1, offset: 9 }))).toEqual(['vip.offset', 'vip.gate']);
      expect(await seen(() => tracks.writeFitness('vip', { gate: 0, offset: -151 }))).toEqual([
        'vip.gate',
        'vip.offset',
      ]);
      expect(await seen(() => tracks.writeFitness('vip', { gate: 1, offset: -160 }))).toEqual([
        'vip.offset',
        'vip.gate',
      ]);
      // An urgent closing alone, and what was left for later.
      expect(await seen(() => tracks.closeGate('vip'))).toEqual(['vip.gate']);
      expect(await seen(() => tracks.writeFitness('vip', { gate: 0, offset: -120 }))).toEqual(['vip.offset']);
    } finally {
      watcher.close();
    }
  });

  it('can be read by another user', async () => {
    tracks.writeFitness('vip', { gate: 1, offset: 0 });
    expect(statSync(join(path, 'track/vip.gate')).mode & 0o777).toBe(0o644);
    expect(statSync(join(path, 'track')).mode & 0o777).toBe(0o777);
  });
});

describe('a track file that somebody', () => {
  const LIMIT = { timeout: 4000, interval: 5 };
  const restored = vi.fn();
  const gate = () => join(path, 'track/vip.gate');

  beforeEach(() => {
    restored.mockReset();
    tracks.writeFitness('vip', { gate: 1, offset: -31 });
  });

  it.each([
    ['emptied', () => writeFileSync(gate(), '')],
    ['removed', () => rmSync(gate())],
    ['changed', () => writeFileSync(gate(), '0\n')],
    ['replaced', () => renameSync(join(path, 'track/vip.offset'), gate())],
    [
      'made a link',
      () => {
        rmSync(gate());
        symlinkSync('/dev/null', gate());
      },
    ],
  ])('%s is put right at once, and that is told', async (_, damage) => {
    tracks.watch(restored);
    damage();
    const both = () => [read('track/vip.gate'), read('track/vip.offset')];
    await vi.waitFor(() => expect(both()).toEqual(['1\n', '-31\n']), LIMIT);
    expect(restored.mock.calls.flat(2)).toContain(gate());
    expect(tracks.problem).toBeNull();
  });

  it('removed together with the directory is put right at the next look', () => {
    vi.useFakeTimers();
    tracks.watch(restored);
    rmSync(join(path, 'track'), { recursive: true });
    vi.advanceTimersByTime(5000);
    vi.useRealTimers();
    expect([read('track/vip.gate'), read('track/vip.offset')]).toEqual(['1\n', '-31\n']);
  });

  it('changes after it was removed for good stays removed', () => {
    vi.useFakeTimers();
    tracks.watch(restored);
    tracks.remove('vip');
    vi.advanceTimersByTime(20_000);
    vi.useRealTimers();
    expect(readdirSync(join(path, 'track'))).toEqual([]);
    expect(restored).not.toHaveBeenCalled();
  });
});

describe('a decision that cannot be written', () => {
  it('is told while that lasts, leaves nothing behind, and is written when that is possible again', () => {
    mkdirSync(join(path, 'track/vip.gate'));
    const write = () => tracks.writeFitness('vip', { gate: 0, offset: -151 });
    for (let times = 0; times < 5; times += 1) expect(write).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(tracks.problem).toMatch(/^what was decided does not reach the track files: E/);
    expect(readdirSync(join(path, 'track'))).toEqual(['vip.gate']);
    rmSync(join(path, 'track/vip.gate'), { recursive: true });
    expect(write()).toBe(true);
    expect(tracks.problem).toBeNull();
    expect([read('track/vip.gate'), read('track/vip.offset')]).toEqual(['0\n', '-151\n']);
  });

  it('is forgotten with its instance', () => {
    mkdirSync(join(path, 'track/vip.offset/full'), { recursive: true });
    expect(() => tracks.writeFitness('vip', { gate: 1, offset: 9 })).toThrow();
    rmSync(join(path, 'track/vip.offset'), { recursive: true });
    tracks.remove('vip');
    expect(tracks.problem).toBeNull();
  });

  it('is written by the next decision, though that is the same as one before', () => {
    expect(tracks.writeFitness('vip', { gate: 0, offset: -151 })).toBe(true);
    rmSync(join(path, 'track/vip.gate'));
    mkdirSync(join(path, 'track/vip.gate'));
    const open = () => tracks.writeFitness('vip', { gate: 1, offset: -151 });
    expect(open).toThrow();
    rmSync(join(path, 'track/vip.gate'), { recursive: true });
    expect(tracks.writeFitness('vip', { gate: 0, offset: -151 })).toBe(true);
    expect(read('track/vip.gate')).toBe('0\n');
  });

  it('is tried again while nobody decides anew', () => {
    mkdirSync(join(path, 'track/vip.gate'));
    expect(() => tracks.writeFitness('vip', { gate: 0, offset: -151 })).toThrow();
    vi.useFakeTimers();
    tracks.watch(() => undefined);
    rmSync(join(path, 'track/vip.gate'), { recursive: true });
    vi.advanceTimersByTime(5000);
    vi.useRealTimers();
    expect(read('track/vip.gate')).toBe('0\n');
    expect(tracks.problem).toBeNull();
  });

  it('leaves nothing of an earlier process', async () => {
    writeFileSync(join(path, 'track', `.${randomUUID()}`), '1');
    writeFileSync(join(path, 'track/gone.gate'), '1\n');
    await tracks.prepare();
    expect(readdirSync(join(path, 'track'))).toEqual(['gone.gate']);
  });
});

describe('the instances that have a gate', () => {
  it('are those of an earlier process, too, and nothing half written', async () => {
    tracks.writeFitness('vip', { gate: 1, offset: 9 });
    for (const name of ['pool-7.gate', 'pool-8.offset', '.pool-9.gate', 'gate']) {
      writeFileSync(join(path, 'track', name), '1\n');
    }
    expect((await tracks.instances()).sort()).toEqual(['pool-7', 'vip']);
    rmSync(join(path, 'track'), { recursive: true });
    expect(await tracks.instances()).toEqual([]);
  });
});
