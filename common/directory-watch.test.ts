import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DirectoryWatch } from './directory-watch.ts';

const LIMIT = { timeout: 5000, interval: 5 };
let parent: string;
let path: string;
const onChange = vi.fn();
const onProblem = vi.fn();
let watch: DirectoryWatch;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'directory-watch-'));
  path = join(parent, 'watched');
  onChange.mockReset();
  onProblem.mockReset();
  watch = new DirectoryWatch({ path }, { onChange, onProblem });
});

afterEach(() => {
  watch.stop();
  watch.stop();
  vi.useRealTimers();
  rmSync(parent, { recursive: true });
});

describe('the watch of a directory', () => {
  it('names what is made, replaced and removed, also after it was stopped and started', async () => {
    mkdirSync(path);
    watch.start();
    watch.start();
    watch.stop();
    watch.start();
    writeFileSync(join(path, 'made'), '');
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledWith('made'), LIMIT);
    renameSync(join(path, 'made'), join(path, 'replaced'));
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledWith('replaced'), LIMIT);
    rmSync(join(path, 'replaced'));
    expect(onProblem).not.toHaveBeenCalled();
  });

  it('where the system refuses says so once, tries again, and says what may have happened meanwhile', () => {
    vi.useFakeTimers();
    watch.start();
    vi.advanceTimersByTime(60_000);
    expect(onProblem.mock.calls).toEqual([[expect.objectContaining({ code: 'ENOENT' })]]);
    mkdirSync(path);
    vi.advanceTimersByTime(5000);
    expect(onProblem).toHaveBeenLastCalledWith(null);
    expect(onChange.mock.calls).toEqual([[null]]);
    watch.stop();
    vi.advanceTimersByTime(60_000);
    expect(onProblem).toHaveBeenCalledTimes(2);
  });
});
