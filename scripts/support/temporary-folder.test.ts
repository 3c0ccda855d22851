import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { withTemporaryFolder } from './temporary-folder.ts';

const PREFIX = path.join(tmpdir(), 'temporary-folder-test-');

describe('withTemporaryFolder', () => {
  it('removes the folder with all that is in it', async () => {
    const folder = await withTemporaryFolder(PREFIX, async (made) => {
      writeFileSync(path.join(made, 'file'), 'text');
      return made;
    });
    expect(existsSync(folder)).toBe(false);
  });

  it('removes it when the work fails', async () => {
    let folder = '';
    const failing = withTemporaryFolder(PREFIX, async (made) => {
      folder = made;
      throw new Error('no luck');
    });
    await expect(failing).rejects.toThrow('no luck');
    expect(existsSync(folder)).toBe(false);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'removes it when %s ends the process, which still ends by it',
    async (signal) => {
      const script = `import { withTemporaryFolder } from ${JSON.stringify(path.join(import.meta.dirname, 'temporary-folder.ts'))};
      await withTemporaryFolder(${JSON.stringify(PREFIX)}, async (made) => {
        process.stdout.write(made);
        await new Promise((done) => setTimeout(done, 30_000));
      });`;
      const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [folder] = (await once(child.stdout, 'data')) as [Buffer];
      expect(existsSync(String(folder))).toBe(true);
      child.kill(signal);
      expect(await once(child, 'exit')).toEqual([null, signal]);
      expect(existsSync(String(folder))).toBe(false);
    },
  );
});
