import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KEEPALIVED } from './keepalived-exchange.ts';
import { SharedDirectory } from './shared-directory.ts';
import { type ProcessExchange, SupervisedProcess } from './supervised-process.ts';
import type { SupervisorStatus } from './supervisor-status.ts';

let path: string;
let directory: SharedDirectory;
let keepalived: SupervisedProcess<SupervisorStatus>;

function read(name: string): string {
  return readFileSync(join(path, name), 'utf8');
}

/** What a supervisor reads of the requests that come while something is done. */
async function requested(fifo: string, act: () => Promise<unknown>): Promise<string> {
  execFileSync('mkfifo', [join(path, fifo)]);
  const fd = openSync(join(path, fifo), constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    await act();
    const buffer = Buffer.alloc(64);
    return buffer.toString('utf8', 0, readSync(fd, buffer));
  } finally {
    closeSync(fd);
  }
}

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'supervised-process-'));
  directory = new SharedDirectory({ path });
  keepalived = new SupervisedProcess(KEEPALIVED, { directory });
});

afterEach(() => rmSync(path, { recursive: true }));

describe('a candidate', () => {
  it('is offered without a supervisor there', async () => {
    expect(await keepalived.offer('global_defs {\n}\n')).toBe(true);
    expect(await keepalived.offer('global_defs {\n}\n')).toBe(false);
    expect(read('candidate.conf')).toBe('global_defs {\n}\n');
  });

  it('is announced to a supervisor that reads the FIFO', async () => {
    expect(await requested('supervisor.request', () => keepalived.offer('x\n'))).toBe('candidate\n');
  });

  it('is offered to a supervisor that is busy, which has more requests than it has read', async () => {
    const fifo = join(path, 'supervisor.request');
    execFileSync('mkfifo', [fifo]);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      expect(() => {
        for (;;) writeSync(fd, 'candidate\n'.repeat(400));
      }).toThrow(/EAGAIN/);
      expect(() => {
        for (;;) writeSync(fd, '\n');
      }).toThrow(/EAGAIN/);
      expect(await keepalived.offer('x\n')).toBe(true);
    } finally {
      closeSync(fd);
    }
  });

  it('that cannot be written leaves nothing behind, and is offered when it can', async () => {
    mkdirSync(join(path, 'candidate.conf/full'), { recursive: true });
    await expect(keepalived.offer('x')).rejects.toThrow();
    expect(readdirSync(path)).toEqual(['candidate.conf']);
    rmSync(join(path, 'candidate.conf'), { recursive: true });
    expect(await keepalived.offer('x')).toBe(true);
    expect(read('candidate.conf')).toBe('x');
  });
});

describe('the states of all instances', () => {
  it('are asked for by a file and a line in the FIFO', async () => {
    expect(await requested('supervisor.request', () => keepalived.requestStates())).not.toBe('');
    expect(read('states.wanted')).toBe('');
  });
});

describe('statistics', () => {
  it('are asked for in the same way, and read when they are there', async () => {
    expect(await keepalived.readStatistics()).toBe('');
    expect(await requested('supervisor.request', () => keepalived.requestStatistics())).not.toBe('');
    expect(read('statistics.wanted')).toBe('');
    writeFileSync(join(path, 'keepalived.stats'), 'VRRP Instance: vip\n');
    expect(await keepalived.readStatistics()).toBe('VRRP Instance: vip\n');
  });
});

describe('a status', () => {
  it('is undefined before there is one', async () => {
    expect(await keepalived.readStatus()).toBeUndefined();
  });

  it('is what the supervisor wrote', async () => {
    writeFileSync(join(path, 'supervisor.status'), 'result=rejected\nrunning_sha256=cd\n');
    expect(await keepalived.readStatus()).toMatchObject({ result: 'rejected', runningSha256: 'cd' });
  });
});

describe('a second process', () => {
  const exchange: ProcessExchange<{ readonly up: boolean }> = {
    candidate: 'other.conf',
    request: 'other.request',
    status: 'other.status',
    statistics: 'other.stats',
    statisticsRequest: 'other.statistics.wanted',
    statesRequest: 'other.states.wanted',
    parseStatus: (text) => ({ up: text === 'up\n' }),
  };

  it('has files and a status of its own, beside keepalived’s', async () => {
    const other = new SupervisedProcess(exchange, { directory });
    expect(await keepalived.offer('x\n')).toBe(true);
    expect(await requested('other.request', () => other.offer('x\n'))).toBe('candidate\n');
    await other.requestStates();
    await other.requestStatistics();
    writeFileSync(join(path, 'other.status'), 'up\n');
    expect(await other.readStatus()).toEqual({ up: true });
    expect(await keepalived.readStatus()).toBeUndefined();
    expect(readdirSync(path).sort()).toEqual([
      'candidate.conf',
      'other.conf',
      'other.request',
      'other.states.wanted',
      'other.statistics.wanted',
      'other.status',
    ]);
  });
});
