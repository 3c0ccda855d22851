import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Runtime, runtimeIn } from '../runtime/runtime.ts';
import { TrackFileCleaner } from './track-file-cleaner.ts';

let path: string;
let tracks: Runtime['tracks'];

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'cleaner-'));
  tracks = runtimeIn(path).tracks;
  await tracks.prepare();
});

afterEach(() => {
  rmSync(path, { recursive: true });
});

function left(): string[] {
  return readdirSync(join(path, 'track')).toSorted();
}

describe('track files of instances that are gone', () => {
  it('are removed at the start, but for those of the node’s own instance, which had them before there were others', async () => {
    for (const name of ['vip', 'default-0', 'gone-0']) writeFileSync(join(path, 'track', `${name}.gate`), '1\n');
    writeFileSync(join(path, 'track', 'vip.pulse'), '0\n');
    const log = pino({ enabled: false });
    await new TrackFileCleaner({ tracks, instances: () => ['default-0'], log }).start();
    expect(left()).toEqual(['default-0.gate', 'vip.gate', 'vip.pulse']);
  });

  it('are removed when keepalived has let the instances go, and one that cannot be is told and keeps no other', () => {
    tracks.writeFitness('a', { gate: 0, offset: 0 });
    const failing = { instances: tracks.instances, isOpen: () => false, remove: vi.fn(tracks.remove.bind(tracks)) };
    failing.remove.mockImplementationOnce(() => {
      throw new Error('EROFS: read-only file system');
    });
    const lines: string[] = [];
    const log = pino({}, { write: (line) => lines.push(line) });
    new TrackFileCleaner({ tracks: failing, instances: () => [], log }).remove(['b', 'a']);
    expect(left()).toEqual([]);
    expect(lines).toEqual([expect.stringContaining('cannot remove track files')]);
  });

  it('stay for a while where the gate is open, since keepalived may still look at them, and longer where they are asked for again', () => {
    vi.useFakeTimers();
    try {
      for (const name of ['a', 'b']) tracks.writeFitness(name, { gate: 1, offset: 0 });
      tracks.writeFitness('c', { gate: 0, offset: 0 });
      const cleaner = new TrackFileCleaner({ tracks, instances: () => ['b'], log: pino({ enabled: false }) });
      cleaner.remove(['a', 'b', 'c']);
      const both = ['a.gate', 'a.offset', 'b.gate', 'b.offset'];
      expect(left()).toEqual(both);
      vi.advanceTimersByTime(9000);
      expect(left()).toEqual(both);
      vi.advanceTimersByTime(1000);
      expect(left()).toEqual(both.slice(2));
      cleaner.remove(['b']);
      cleaner.stop();
      cleaner.stop();
      vi.advanceTimersByTime(60_000);
      expect(left()).toEqual(both.slice(2));
    } finally {
      vi.useRealTimers();
    }
  });
});
