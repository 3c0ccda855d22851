import { execFileSync } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { NotifyReader, parseNotification } from './notify.ts';

const directory = mkdtempSync(join(tmpdir(), 'notify-'));
const path = join(directory, 'notify.fifo');
const heard = vi.fn();
let reader = new NotifyReader({ path }, { onNotification: heard });

afterEach(() => {
  reader.stop();
  reader.stop();
  rmSync(path, { force: true });
  heard.mockReset();
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
    reader = new NotifyReader({ path }, { onNotification: heard });
    await reader.open();
    execFileSync('mkfifo', [path]);
    await reader.open();
    for (const text of ['INSTANCE "vip" BAC', 'KUP 244\nINSTANCE "vip" MASTER 244\n']) {
      const fd = openSync(path, 'w');
      writeSync(fd, text);
    }
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(2), 2000);
    expect(heard.mock.calls.map(([notification]) => notification.state)).toEqual(['BACKUP', 'MASTER']);
  });
});
