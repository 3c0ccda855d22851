import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HeldSettings } from './held-settings.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'held-settings-'));
  path = join(directory, 'config.yaml');
});

afterEach(() => rmSync(directory, { recursive: true }));

function held(first: string): HeldSettings {
  return new HeldSettings({ path, first, isUsable: (text) => text.startsWith('good') });
}

const now = () => readFileSync(path, 'utf8');

describe('the settings that came with a pod', () => {
  it('count where there are no others', async () => {
    await held('good 1').prepare();
    expect(now()).toBe('good 1');
  });

  it('give way to others, also over a restart', async () => {
    const settings = held('good 1');
    await settings.prepare();
    await settings.keep('good 2');
    expect(now()).toBe('good 2');
    await held('good 1').prepare();
    expect(now()).toBe('good 2');
  });

  it('count again when the pod came with others than before', async () => {
    await held('good 1').prepare();
    await held('good 1').keep('good 2');
    await held('good 3').prepare();
    expect(now()).toBe('good 3');
  });

  it.each(['', 'garbage'])('count again when what took their place cannot be used: %j', async (text) => {
    await held('good 1').prepare();
    writeFileSync(path, text);
    await held('good 1').prepare();
    expect(now()).toBe('good 1');
  });

  it('say what to do where they cannot be kept', async () => {
    path = join(directory, 'none', 'config.yaml');
    await expect(held('good').prepare()).rejects.toThrow(
      /the settings cannot be kept in .*none: ENOENT.*; on the node, have it belong to the user of the sidecar: chown 65532:65532/,
    );
  });
});
