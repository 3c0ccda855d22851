import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { parseSettings } from '../config/load.ts';
import { defaultSettings } from '../testing/settings.ts';
import { SettingsWatcher } from './settings-watch.ts';

let directory: string;
let generation = 0;
let watcher: SettingsWatcher;
const onSettings = vi.fn();
const refused = vi.fn();

/** Updates the file as the kubelet does: a new directory, and the link `..data` swapped to it. */
async function mount(text: string): Promise<void> {
  generation += 1;
  const version = `..version${generation}`;
  await mkdir(join(directory, version));
  await writeFile(join(directory, version, 'config.yaml'), text);
  await symlink(version, join(directory, '..data_tmp'));
  await rename(join(directory, '..data_tmp'), join(directory, '..data'));
}

function settingsText(routerId: number): string {
  const settings = defaultSettings();
  settings.vrrp.virtualRouterId = routerId;
  return stringify(settings);
}

beforeEach(async () => {
  onSettings.mockReset();
  refused.mockReset();
  directory = await mkdtemp(join(tmpdir(), 'settings-'));
  await mount(settingsText(10));
  await symlink('..data/config.yaml', join(directory, 'config.yaml'));
  watcher = new SettingsWatcher(
    { path: join(directory, 'config.yaml'), version: parseSettings(settingsText(10)).version },
    { onSettings, onRejected: refused },
  );
  watcher.start();
});

afterEach(async () => {
  watcher.stop();
  watcher.stop();
  await rm(directory, { recursive: true });
});

describe('the settings watcher', () => {
  it('hears of a ConfigMap volume’s update', async () => {
    await mount(settingsText(11));
    await vi.waitFor(() => expect(onSettings).toHaveBeenCalledOnce(), 2000);
    expect(onSettings.mock.calls[0]?.[0].settings.vrrp.virtualRouterId).toBe(11);
  });

  it('reports a bad file once and takes the next good one, also when it is the one before', async () => {
    await mount(settingsText(999));
    await vi.waitFor(() => expect(refused).toHaveBeenCalledOnce(), 2000);
    expect(onSettings).not.toHaveBeenCalled();
    await mount(settingsText(10));
    await vi.waitFor(() => expect(onSettings).toHaveBeenCalledOnce(), 2000);
    expect(refused).toHaveBeenCalledOnce();
  });

  it('goes on with what it has where a later release has a key that this one does not know', async () => {
    await mount(`${settingsText(11)}\nlater: {enabled: true}\n`);
    await vi.waitFor(() => expect(refused).toHaveBeenCalledOnce(), 2000);
    expect(refused.mock.calls[0]?.[0].message).toMatch(/later/);
    expect(onSettings).not.toHaveBeenCalled();
  });

  it('says nothing when the content stays the same', async () => {
    await mount(settingsText(10));
    await mount(settingsText(12));
    await vi.waitFor(() => expect(onSettings).toHaveBeenCalled(), 2000);
    expect(onSettings).toHaveBeenCalledOnce();
  });

  const BAD: readonly (readonly [string, string])[] = [
    ['an unresolved alias', 'vrrp: *nothing\n'],
    ['an alias bomb', `a: &a [x,x,x,x]\nb: &b [${'*a,'.repeat(50)}]\nc: [${'*b,'.repeat(40)}]\n`],
    ['brackets without end', '['.repeat(90_000)],
    ['a key with a line break', 'vr\nrp: 1\n'],
    ['nothing', ''],
    ['a null', settingsText(10).replace(/level: .*/, 'level: null')],
    ['a name with a line break', settingsText(10).replace(/^vrrp:/m, '"vr\\nrp":')],
  ];

  it.each(BAD)('goes on with the last good settings when the file has %s', async (_, text) => {
    await mount(text);
    await vi.waitFor(() => expect(refused).toHaveBeenCalledOnce(), 4000);
    for (const { path, message } of refused.mock.calls[0]?.[0].problems ?? []) {
      expect(`${path}${message}`).not.toContain('\n');
    }
    expect(onSettings).not.toHaveBeenCalled();
    await mount(settingsText(11));
    await vi.waitFor(() => expect(onSettings).toHaveBeenCalledOnce(), 4000);
  });

  it.each([
    ['a FIFO', (path: string) => execFileSync('mkfifo', [path])],
    ['a directory', (path: string) => mkdirSync(path)],
    ['a device', (path: string) => symlinkSync('/dev/zero', path)],
    ['a link to nowhere', (path: string) => symlinkSync('nowhere', path)],
  ])('goes on with the last good settings when %s lies in its place', async (_, put) => {
    const file = join(directory, 'config.yaml');
    await rm(file);
    put(file);
    await vi.waitFor(() => expect(refused).toHaveBeenCalled(), 4000);
    expect(refused.mock.lastCall?.[0].message).toMatch(/^the settings file cannot be read: /);
    await rm(file, { recursive: true });
    await writeFile(file, settingsText(11));
    await vi.waitFor(() => expect(onSettings).toHaveBeenCalledOnce(), 4000);
  });

  it.each(['stop start', 'start', 'stop stop start start'])('hears of changes after %s', async (order) => {
    for (const event of order.split(' ')) {
      if (event === 'start') watcher.start();
      else watcher.stop();
    }
    await mount(settingsText(11));
    await vi.waitFor(() => expect(onSettings).toHaveBeenCalledOnce(), 4000);
    watcher.stop();
    await mount(settingsText(12));
    watcher.start();
    await vi.waitFor(() => expect(onSettings).toHaveBeenCalledTimes(2), 4000);
  });
});
