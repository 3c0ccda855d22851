import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSettingsText, readSettingsFile, SettingsError } from './settings-file.ts';

/** Takes every document. */
const parse = (text: string): unknown => parseSettingsText(text, (settings) => ({ ok: true, settings }));
/** Refuses one key. */
const parseWithout = (path: string) => (text: string) =>
  parseSettingsText(text, () => ({ ok: false, problems: [{ path, message: 'is wrong' }] }));

function refused(read: () => unknown): SettingsError {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return error as SettingsError;
  }
  throw new Error('it was taken');
}

const many = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n');
const BOMB = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
  .split('')
  .map((name, i) => `${name}: &${name} [${`*${'abcdefg'[i]},`.repeat(8)}]`)
  .join('\n')}\n`;

describe('the text of a settings file', () => {
  it('is what it says, with the few anchors that somebody may write', () => {
    expect(parse('a: &x 1\nb: *x\nc: [*x, {d: "*x"}]\nd: |\n  *no\n  &no\n')).toEqual({
      a: 1,
      b: 1,
      c: [1, { d: '*x' }],
      d: '*no\n&no\n',
    });
    expect(parse('')).toBeNull();
    expect(parse(`a:\n${many(3000, () => '  - 192.168.111.222/24')}`)).toMatchObject({ a: { length: 3000 } });
  });

  it.each([
    [
      'an alias of nothing',
      'a: 1\nb: *nothing\n',
      /^not YAML: \*nothing stands for nothing; put &nothing .* \(line 2\)$/,
    ],
    ['an alias before its anchor', 'a: *x\nb: &x 1\n', /^not YAML: \*x stands for nothing.*line 1/],
    ['an alias bomb', BOMB, /^not YAML that is read here: aliases that multiply .*; write the values out$/],
    [
      'many anchors',
      many(200, (i) => `k${i}: &a${i} 1`),
      /^has more than 100 anchors and aliases; write.*\(line 101\)$/,
    ],
    ['many aliases', `a: &a 1\nb:\n${many(20_000, () => '  - *a')}`, /^has more than 100 anchors and aliases/],
    [
      'many keys',
      many(20_000, (i) => `k${i}: 1`),
      /^has more than 1000 keys in one mapping; remove some \(line 1001\)$/,
    ],
    ['many keys in a line', `{${many(20_000, (i) => `k${i}: 1,`).replaceAll('\n', ' ')}}`, /^has more than 1000 keys/],
    ['deep brackets', '['.repeat(100_000), /^is nested deeper than settings are; correct brackets .*\(line 1\)$/],
    ['deep braces', '{a: '.repeat(30_000), /^is nested deeper/],
    ['deep lists', '- '.repeat(60_000), /^is nested deeper/],
    ['deep keys', '? '.repeat(60_000), /^is nested deeper/],
    ['deep indentation', many(500, (i) => `${' '.repeat(i)}a:`), /^is nested deeper/],
    ['a mixture', '- ? [ {a: '.repeat(9000), /^is nested deeper/],
    ['a key with a line break', 'a\nb: 1\n', /^not YAML: Implicit keys need to be on a single line.* \(line 1\)$/m],
    ['a missing bracket', 'a:\n  b: [3\n', /^not YAML: .* \(line 3\)$/],
    ['a tab', 'a:\n\tb: 1\n', /^not YAML: Tabs are not allowed as indentation \(line 2\)$/m],
    ['a key twice', 'a: 1\nb: 2\na: 3\n', /^not YAML: Map keys must be unique \(line 3\)$/],
    ['two documents', 'a: 1\n---\nb: 2\n', /^holds more than one document; leave one \(line \d\)$/],
  ])('is refused within the time that the process may be silent, with the line: %s', (_, text, message) => {
    const beganMs = performance.now();
    const error = refused(() => parse(text));
    expect(performance.now() - beganMs).toBeLessThan(2500);
    expect(error.message).toMatch(message);
    for (const problem of error.problems) expect(problem.message).not.toContain('\n');
  });

  it.each([
    ['', 1],
    ['a', 1],
    ['a.b', 2],
    ['a.c[1]', 5],
    ['a.c[1].d', 5],
    ['a.c[7]', 3],
    ['a.missing', 1],
    ['e.f', 6],
    ['e.b', 2],
  ])('tells the line of what a check refuses: "%s" is in line %i', (path, line) => {
    const text = 'a: &a\n  b: 1\n  c:\n    - 1\n    - d: 2\ne: *a\n';
    expect(refused(() => parseWithout(path)(text)).message).toMatch(new RegExp(`is wrong \\(line ${line}\\)$`));
  });

  it('is told in lines of its own, however names and values are broken, and not in thousands', () => {
    const problems = Array.from({ length: 1000 }, (_, i) => ({
      path: `a.b\nc${i}`,
      message: `"x\r\n\u2028\u001b[31my${'z'.repeat(1000)}" is wrong`,
    }));
    const error = refused(() => parseSettingsText('a: 1', () => ({ ok: false, problems })));
    expect(error.message.split('\n')).toHaveLength(51);
    expect(error.message.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u2028]/u);
    expect(error.message).toContain('a.b\\nc0: "x\\u000d\\n\\u2028\\u001b[31my');
    expect(error.message.length).toBeLessThan(51 * 600);
    expect(error.problems.at(-1)?.message).toBe('and 950 more');
  });
});

describe('what lies at the path of a settings file', () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'settings-file-'));
    execFileSync('mkfifo', [join(directory, 'fifo')]);
    mkdirSync(join(directory, 'directory'));
    writeFileSync(join(directory, 'long'), 'a'.repeat(128 * 1024 + 1));
    writeFileSync(join(directory, 'binary'), Buffer.from([0xff, 0xfe, 0x41]));
    writeFileSync(join(directory, 'good'), 'ä: 1\n');
    symlinkSync('good', join(directory, 'link'));
    symlinkSync('loop', join(directory, 'loop'));
    symlinkSync('/dev/zero', join(directory, 'device'));
  });

  afterAll(() => rmSync(directory, { recursive: true }));

  it.each(['good', 'link'])('is read when it is a file: %s', async (name) => {
    expect(await readSettingsFile(join(directory, name))).toBe('ä: 1\n');
  });

  it.each([
    ['fifo', /^the settings file cannot be read: .*fifo is a FIFO; put a file there$/],
    ['directory', /directory is a directory; put a file there$/],
    ['device', /device is a device; put a file there$/],
    ['long', /^the settings file cannot be read: it is longer than 131072 bytes; shorten it$/],
    ['binary', /^the settings file is not UTF-8 text; save it as such$/],
    ['missing', /^the settings file cannot be read: ENOENT/],
    ['loop', /^the settings file cannot be read: ELOOP/],
    ['nul\0', /^the settings file cannot be read: /],
  ])('is refused at once when it is none: %s', { timeout: 3000 }, async (name, message) => {
    const error = await readSettingsFile(join(directory, name)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SettingsError);
    expect((error as SettingsError).message).toMatch(message);
  });
});
