import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const EXCHANGE = join(import.meta.dirname, '../../images/supervisor/exchange.sh');
/** What a signal to the whole group does to a command: it ends, before or after its work. */
const ENDED_AFTER = 'mv() { command mv "$@"; return 143; }';
const ENDED_BEFORE = 'mv() { unset -f mv; return 143; }';

describe('a file that the supervisor replaces', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'replace-'));
    writeFileSync(join(folder, 'new'), 'new');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** @returns what the shell's function said: done or failed */
  function replaced(mv = ''): string {
    const script = `. ${EXCHANGE}\n${mv}\nif replace ${folder}/new ${folder}/old; then echo done; else echo failed; fi`;
    return execFileSync('sh', ['-c', script], {
      env: { ...process.env, RUNTIME_DIR: folder },
      encoding: 'utf8',
    }).trim();
  }
  const left = () => readdirSync(folder).toSorted();
  const content = () => readFileSync(join(folder, 'old'), 'utf8');

  it.each([
    ['after its work', ENDED_AFTER],
    ['before its work', ENDED_BEFORE],
    ['not at all', ''],
  ])('is the new one, and nothing else is left, where a signal ends mv %s', (_when, mv) => {
    writeFileSync(join(folder, 'old'), 'old');
    expect(replaced(mv)).toBe('done');
    expect([left(), content()]).toEqual([['old'], 'new']);
  });

  it('makes way where a directory is in its place, which is kept', () => {
    mkdirSync(join(folder, 'old/kept'), { recursive: true });
    expect(replaced()).toBe('done');
    expect([left(), content()]).toEqual([['old', 'old.strange'], 'new']);
  });

  it('takes the place of a link, and what that led to stays', () => {
    mkdirSync(join(folder, 'elsewhere'));
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'old'));
    expect(replaced()).toBe('done');
    expect([left(), content()]).toEqual([['elsewhere', 'old'], 'new']);
  });

  it('stays as it is where there is no new one', () => {
    writeFileSync(join(folder, 'old'), 'old');
    rmSync(join(folder, 'new'));
    expect(replaced()).toBe('failed');
    expect(content()).toBe('old');
  });
});
