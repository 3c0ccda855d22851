import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NotifyReader, parseNotification } from './notify.ts';

const directory = mkdtempSync(join(tmpdir(), 'notify-'));
const path = join(directory, 'notify.fifo');
const onNotification = vi.fn();
let reader = new NotifyReader({ path }, { onNotification });

afterEach(() => {
  reader.stop();
  reader.stop();
  rmSync(path, { force: true, recursive: true });
  onNotification.mockReset();
});

afterAll(() => rmSync(directory, { recursive: true }));

describe('a notification', () => {
  it('names instance, state and priority', () => {
    expect(parseNotification('INSTANCE "vip" MASTER 253')).toEqual({ instance: 'vip', state: 'MASTER', priority: 253 });
  });

  it.each(['GROUP "all" MASTER 0', 'INSTANCE "vip" MASTER_RX_LOWER_PRI 253', '', 'INSTANCE'])(
    'is not seen in "%s"',
    (line) => {
      expect(parseNotification(line)).toBeUndefined();
    },
  );
});

describe('the reader of the FIFO', () => {
  it('waits for the FIFO to be made, and outlives the writer', async () => {
    reader = new NotifyReader({ path }, { onNotification });
    await reader.open();
    execFileSync('mkfifo', [path]);
    await reader.open();
    for (const text of ['INSTANCE "vip" BAC', 'KUP 244\nINSTANCE "vip" MASTER 244\n']) {
      const fd = openSync(path, 'w');
      writeSync(fd, text);
    }
    await vi.waitFor(() => expect(onNotification).toHaveBeenCalledTimes(2), 2000);
    expect(onNotification.mock.calls.map(([notification]) => notification.state)).toEqual(['BACKUP', 'MASTER']);
  });

  const LIMIT = { timeout: 4000, interval: 5 };
  const onProblem = vi.fn();
  const say = (state: string) => {
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(fd, `INSTANCE "vip" ${state} 244\n`);
    closeSync(fd);
  };
  const states = () => onNotification.mock.calls.map(([notification]) => notification.state);

  beforeEach(() => {
    onProblem.mockReset();
    reader = new NotifyReader({ path }, { onNotification, onProblem });
  });

  it('opens another one that is made in its place, and reads the old one until then', async () => {
    execFileSync('mkfifo', [path]);
    await reader.open();
    const old = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    rmSync(path);
    await reader.open();
    writeSync(old, 'INSTANCE "vip" FAULT 244\nINSTANCE "half');
    closeSync(old);
    await vi.waitFor(() => expect(states()).toEqual(['FAULT']), LIMIT);
    execFileSync('mkfifo', [path]);
    await reader.open();
    say('BACKUP');
    await vi.waitFor(() => expect(states()).toEqual(['FAULT', 'BACKUP']), LIMIT);
    expect(onProblem).not.toHaveBeenCalled();
  });

  it('notices that without being told', async () => {
    execFileSync('mkfifo', [path]);
    await reader.open();
    rmSync(path);
    execFileSync('mkfifo', [path]);
    // Nobody reads the new one yet, and opening it fails until somebody does.
    await vi.waitFor(() => say('MASTER'), { timeout: 10_000, interval: 20 });
    await vi.waitFor(() => expect(states()).toEqual(['MASTER']), LIMIT);
  });

  it.each([
    ['a file', () => writeFileSync(path, 'INSTANCE "vip" MASTER 253\n')],
    ['a directory', () => mkdirSync(path)],
    ['a link', () => symlinkSync('/dev/zero', path)],
  ])('says once that %s is no FIFO, and reads one that is made instead', async (_, put) => {
    put();
    await reader.open();
    await reader.open();
    expect(onProblem.mock.calls).toEqual([[expect.stringContaining(path)]]);
    rmSync(path, { recursive: true });
    await reader.open();
    execFileSync('mkfifo', [path]);
    await reader.open();
    expect(onProblem).toHaveBeenLastCalledWith(null);
    say('BACKUP');
    await vi.waitFor(() => expect(states()).toEqual(['BACKUP']), LIMIT);
  });

  it.each(['open open', 'made open open', 'open made', 'open made open', 'stop open made open'])(
    'reads after any order of events, and nothing after its end: %s',
    async (order) => {
      const events: Readonly<Record<string, () => unknown>> = {
        open: () => void reader.open(),
        made: () => execFileSync('mkfifo', [path]),
        stop: () => reader.stop(),
      };
      for (const event of order.split(' ')) events[event]?.();
      if (!order.includes('made')) execFileSync('mkfifo', [path]);
      const ended = order.includes('stop');
      if (!ended) await vi.waitFor(() => say('BACKUP'), LIMIT);
      await vi.waitFor(() => expect(states()).toEqual(ended ? [] : ['BACKUP']), LIMIT);
      if (ended) expect(() => say('BACKUP')).toThrow(/ENXIO/);
    },
  );
});
