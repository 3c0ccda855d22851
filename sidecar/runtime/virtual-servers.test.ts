import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SharedDirectory } from './shared-directory.ts';
import { VirtualServersFile } from './virtual-servers.ts';

let path: string;
let file: VirtualServersFile;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'virtual-servers-'));
  file = new VirtualServersFile({ directory: new SharedDirectory({ path }) });
});

afterEach(() => {
  rmSync(path, { recursive: true });
});

const SERVICE = {
  address: '192.0.2.1',
  port: 6443,
  kind: 'DR',
  scheduler: 'rr',
  persistenceSeconds: 360,
  delaySeconds: 0.05,
  servers: [{ address: '192.0.2.9', port: 6443, weight: 1 }],
} as const;
const TEXT = 'virtual 192.0.2.1 6443 DR rr 360 0.05\nreal 192.0.2.9 6443 1\nsync 51\n';

function content(): string {
  return readFileSync(join(path, 'virtual-servers'), 'utf8');
}

describe('the file of virtual servers', () => {
  it('has a line for each service, each of its servers, and the number of the synchronisation', async () => {
    expect(await file.write({ services: [SERVICE], syncId: 51 })).toBe(true);
    expect(content()).toBe(TEXT);
    expect(await file.write({ services: [SERVICE], syncId: 51 })).toBe(false);
    await file.write({ services: [SERVICE], syncId: null });
    expect(content()).not.toContain('sync');
  });

  it('is there with nothing in it where nothing is asked for: it takes away what a pod before this one left', async () => {
    expect(await file.write({ services: [], syncId: 51 })).toBe(true);
    expect(content()).toBe('');
    expect(await file.write({ services: [], syncId: null })).toBe(false);
  });
});
