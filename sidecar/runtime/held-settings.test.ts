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
  const otherwise = join(directory, 'memory');
  return new HeldSettings({ path, otherwise, first, isUsable: (text) => text.startsWith('good') });
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

  it('lie in memory where the node’s folder cannot be written, and say what to do', async () => {
    path = join(directory, 'none', 'config.yaml');
    const settings = held('good 1');
    await settings.prepare();
    expect(settings.path).toBe(join(directory, 'memory', 'config.yaml'));
    expect(settings.problem).toMatch(
      /^nothing is kept in .*none: ENOENT.*; have the folder of the node belong to the sidecar’s user: chown 65532:65532$/,
    );
    await settings.keep('good 2');
    await held('good 1').prepare();
    expect(readFileSync(settings.path, 'utf8')).toBe('good 2');
  });

  it('have no problem where they are kept on the node', async () => {
    const settings = held('good 1');
    await settings.prepare();
    expect([settings.path, settings.problem]).toEqual([path, null]);
  });
});
