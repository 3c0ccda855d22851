import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedirectsFile } from './redirects.ts';
import { SharedDirectory } from './shared-directory.ts';

let path: string;
let file: RedirectsFile;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'redirects-'));
  file = new RedirectsFile({ directory: new SharedDirectory({ path }) });
});

afterEach(() => {
  rmSync(path, { recursive: true });
});

const ON = {
  redirects: [
    { address: '192.0.2.1', port: 6443, toPort: 6444 },
    { address: '2001:db8::1', port: 6443, toPort: 6444 },
  ],
  guards: [6444, 6445],
};

describe('the file of redirects', () => {
  it('has a line for each redirect and for each port that is closed', async () => {
    expect(await file.write(ON)).toBe(true);
    expect(readFileSync(join(path, 'redirects'), 'utf8')).toBe(
      'redirect 192.0.2.1 6443 6444\nredirect 2001:db8::1 6443 6444\nguard 6444\nguard 6445\n',
    );
  });

  it('is written when it says something else, whoever wrote it', async () => {
    await file.write(ON);
    const successor = new RedirectsFile({ directory: new SharedDirectory({ path }) });
    expect(await successor.write(ON)).toBe(false);
    expect(await successor.write({ ...ON, redirects: [] })).toBe(true);
  });

  it('is not there where there is nothing to say', async () => {
    expect(await file.write({ redirects: [], guards: [] })).toBe(false);
    await file.write(ON);
    expect(await file.write({ redirects: [], guards: [] })).toBe(true);
    expect(existsSync(join(path, 'redirects'))).toBe(false);
  });
});
