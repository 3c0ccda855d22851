import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
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
import { RuntimeDirectory } from './runtime-directory.ts';

let path: string;
let runtime: RuntimeDirectory;

function read(name: string): string {
  return readFileSync(join(path, name), 'utf8');
}

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'runtime-'));
  runtime = new RuntimeDirectory({ path });
  await runtime.prepare();
});

afterEach(() => {
  runtime.stop();
  rmSync(path, { recursive: true });
});

describe('track files', () => {
  it('are written only when they change', async () => {
    expect(runtime.writeFitness('vip', { gate: 1, offset: 9 })).toBe(true);
    const inode = statSync(join(path, 'track/vip.gate')).ino;
    expect(runtime.writeFitness('vip', { gate: 1, offset: 9 })).toBe(false);
    expect(runtime.writeFitness('vip', { gate: 1, offset: -31 })).toBe(true);
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
      expect(await seen(() => runtime.writeFitness('vip', { gate: 1, offset: 9 }))).toEqual(['vip.offset', 'vip.gate']);
      expect(await seen(() => runtime.writeFitness('vip', { gate: 0, offset: -151 }))).toEqual([
        'vip.gate',
        'vip.offset',
      ]);
      expect(await seen(() => runtime.writeFitness('vip', { gate: 1, offset: -160 }))).toEqual([
        'vip.offset',
        'vip.gate',
      ]);
      // An urgent closing alone, and what was left for later.
      expect(await seen(() => runtime.closeGate('vip'))).toEqual(['vip.gate']);
      expect(await seen(() => runtime.writeFitness('vip', { gate: 0, offset: -120 }))).toEqual(['vip.offset']);
    } finally {
      watcher.close();
    }
  });

  it('can be read by another user', async () => {
    runtime.writeFitness('vip', { gate: 1, offset: 0 });
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
    runtime.writeFitness('vip', { gate: 1, offset: -31 });
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
    runtime.watch(() => undefined, restored);
    damage();
    const both = () => [read('track/vip.gate'), read('track/vip.offset')];
    await vi.waitFor(() => expect(both()).toEqual(['1\n', '-31\n']), LIMIT);
    expect(restored.mock.calls.flat(2)).toContain(gate());
    expect(runtime.problem).toBeNull();
  });

  it('removed together with the directory is put right at the next look', () => {
    vi.useFakeTimers();
    runtime.watch(() => undefined, restored);
    rmSync(join(path, 'track'), { recursive: true });
    vi.advanceTimersByTime(5000);
    vi.useRealTimers();
    expect([read('track/vip.gate'), read('track/vip.offset')]).toEqual(['1\n', '-31\n']);
  });

  it('changes after it was removed for good stays removed', () => {
    vi.useFakeTimers();
    runtime.watch(() => undefined, restored);
    runtime.removeTrackFiles('vip');
    vi.advanceTimersByTime(20_000);
    vi.useRealTimers();
    expect(readdirSync(join(path, 'track'))).toEqual([]);
    expect(restored).not.toHaveBeenCalled();
  });
});

describe('a decision that cannot be written', () => {
  it('is told while that lasts, leaves nothing behind, and is written when that is possible again', () => {
    mkdirSync(join(path, 'track/vip.gate'));
    const write = () => runtime.writeFitness('vip', { gate: 0, offset: -151 });
    for (let times = 0; times < 5; times += 1) expect(write).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(runtime.problem).toMatch(/^what was decided does not reach the track files: E/);
    expect(readdirSync(join(path, 'track'))).toEqual(['vip.gate']);
    rmSync(join(path, 'track/vip.gate'), { recursive: true });
    expect(write()).toBe(true);
    expect(runtime.problem).toBeNull();
    expect([read('track/vip.gate'), read('track/vip.offset')]).toEqual(['0\n', '-151\n']);
  });

  it('is forgotten with its instance', () => {
    mkdirSync(join(path, 'track/vip.offset/full'), { recursive: true });
    expect(() => runtime.writeFitness('vip', { gate: 1, offset: 9 })).toThrow();
    rmSync(join(path, 'track/vip.offset'), { recursive: true });
    runtime.removeTrackFiles('vip');
    expect(runtime.problem).toBeNull();
  });

  it('leaves nothing of an earlier process', async () => {
    for (const folder of ['', 'track']) writeFileSync(join(path, folder, `.${randomUUID()}`), '1');
    writeFileSync(join(path, '.candidate.judged'), '');
    await runtime.prepare();
    expect(readdirSync(path)).toEqual(['.candidate.judged', 'track']);
    expect(readdirSync(join(path, 'track'))).toEqual([]);
  });

  it('of a configuration leaves nothing behind either', async () => {
    mkdirSync(join(path, 'candidate.conf/full'), { recursive: true });
    await expect(runtime.writeCandidate('x')).rejects.toThrow();
    expect(readdirSync(path)).toEqual(['candidate.conf', 'track']);
  });
});

describe('a candidate', () => {
  it('is offered without a supervisor there', async () => {
    expect(await runtime.writeCandidate('global_defs {\n}\n')).toBe(true);
    expect(await runtime.writeCandidate('global_defs {\n}\n')).toBe(false);
    expect(read('candidate.conf')).toBe('global_defs {\n}\n');
  });

  it('is announced to a supervisor that reads the FIFO', async () => {
    const fifo = join(path, 'supervisor.request');
    execFileSync('mkfifo', [fifo]);
    const fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    await runtime.writeCandidate('x\n');
    const buffer = Buffer.alloc(64);
    expect(buffer.toString('utf8', 0, readSync(fd, buffer))).toBe('candidate\n');
    closeSync(fd);
  });
});

describe('the states of all instances', () => {
  it('are asked for by a file and a line in the FIFO', async () => {
    const fifo = join(path, 'supervisor.request');
    execFileSync('mkfifo', [fifo]);
    const fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    await runtime.requestStates();
    expect(read('states.wanted')).toBe('');
    expect(readSync(fd, Buffer.alloc(64))).toBeGreaterThan(0);
    closeSync(fd);
  });
});

describe('the supervisor’s status', () => {
  it('is undefined before there is one', async () => {
    expect(await runtime.readSupervisorStatus()).toBeUndefined();
  });

  it('tells why a candidate was refused', async () => {
    const lines = [
      'candidate_sha256=ab',
      'result=rejected',
      'exit_code=4',
      'running_sha256=cd',
      'keepalived_pid=42',
      'keepalived_version=2.3.3',
      'accepted_total=1',
      'rejected_total=2',
      'message=(Line 3) a = b',
      'message=second',
      'listed=eth0 192.0.2.100/32',
      'listed=eth0 2001:db8::100/64',
      'listed=eth0 192.0.2.1',
      'listed=eth0',
      'instance=vip MASTER',
      'instance=pool-7 BACKUP',
      'instance=half',
    ];
    writeFileSync(join(path, 'supervisor.status'), `${lines.join('\n')}\n`);
    expect(await runtime.readSupervisorStatus()).toEqual({
      candidateSha256: 'ab',
      result: 'rejected',
      exitCode: 4,
      runningSha256: 'cd',
      keepalivedPid: 42,
      keepalivedVersion: '2.3.3',
      acceptedTotal: 1,
      rejectedTotal: 2,
      messages: ['(Line 3) a = b', 'second'],
      listed: [
        { device: 'eth0', address: '192.0.2.100', prefixLength: 32 },
        { device: 'eth0', address: '2001:db8::100', prefixLength: 64 },
      ],
      instances: [
        { name: 'vip', state: 'MASTER' },
        { name: 'pool-7', state: 'BACKUP' },
      ],
    });
  });
});

describe('a request to drain', () => {
  it('is heard, and answered by a file', async () => {
    const heard = vi.fn();
    runtime.watch(heard);
    writeFileSync(runtime.file('drain'), '');
    await vi.waitFor(() => expect(heard).toHaveBeenCalledWith('drain'), 2000);
    expect(await runtime.drainRequested()).toBe(true);
    await runtime.answerDrain('moved');
    expect(read('drained')).toBe('moved\n');
    await runtime.forgetDrain();
    expect(() => read('drained')).toThrow(/ENOENT/);
  });
});
