import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RuntimeApi, RuntimeApiError } from './runtime-api.ts';

let directory: string;
let socket: string;
let server: Server | undefined;
let open: Socket[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'runtime-api-'));
  socket = join(directory, 'admin.sock');
  open = [];
});

afterEach(() => {
  for (const each of open) each.destroy();
  server?.close();
  server = undefined;
  rmSync(directory, { recursive: true });
});

/** Stands for HAProxy; gives what it was told. */
async function answerWith(answer: (text: string, socket: Socket) => void): Promise<string[]> {
  const told: string[] = [];
  const listening = createServer((connection) => {
    open.push(connection);
    connection.on('error', () => undefined);
    connection.on('data', (chunk) => {
      told.push(chunk.toString());
      answer(chunk.toString(), connection);
    });
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(socket, resolve));
  return told;
}

describe('HAProxy’s runtime API', () => {
  it('is given one line of commands, and its answer is whole when HAProxy closes', async () => {
    const told = await answerWith((_text, connection) => {
      connection.write('first part, ');
      setImmediate(() => connection.end('second part\n'));
    });
    expect(await new RuntimeApi({ socket }).run('show info; show stat')).toBe('first part, second part\n');
    expect(told).toEqual(['show info; show stat\n']);
  });

  it('says that nobody listens', async () => {
    await expect(new RuntimeApi({ socket }).run('show info')).rejects.toThrow(/admin\.sock: ENOENT/);
  });

  it('waits for an answer no longer than its limit', async () => {
    await answerWith(() => undefined);
    const asked = new RuntimeApi({ socket, timeoutMs: 50 }).run('show info');
    await expect(asked).rejects.toThrow(RuntimeApiError);
    await expect(asked).rejects.toThrow(/no answer within 50 ms/);
  });
});
