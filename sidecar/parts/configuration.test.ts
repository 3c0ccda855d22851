import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runtimeIn } from '../runtime/runtime.ts';
import { keepalivedOptions } from '../sources/settings.ts';
import { desiredOf } from '../testing/desired.ts';
import { defaultSettings } from '../testing/settings.ts';
import { Configuration } from './configuration.ts';

let path: string;
let configuration: Configuration;
const onMade = vi.fn();
const onRunning = vi.fn();

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'configuration-'));
  const settings = defaultSettings();
  settings.vrrp.addressInterface = 'lo';
  const desiredNode = { desired: desiredOf(settings), keepalived: keepalivedOptions(settings) };
  onMade.mockClear();
  onRunning.mockClear();
  configuration = new Configuration(
    { node: 'node1', nodeAddress: '' },
    {
      runtime: runtimeIn(path),
      desiredNode: () => desiredNode,
      onPlacements: () => undefined,
      onMade,
      onRunning,
      onChange: () => undefined,
      log: pino({ enabled: false }),
    },
  );
});

afterEach(() => {
  configuration.stop();
  rmSync(path, { recursive: true });
});

describe('keepalived’s configuration', () => {
  it('is not offered before its start, whoever asks for a look', async () => {
    await configuration.reconcile();
    expect(existsSync(join(path, 'candidate.conf'))).toBe(false);
    await configuration.start();
    expect(readFileSync(join(path, 'candidate.conf'), 'utf8')).toContain('vrrp_instance vip');
    expect(onMade).toHaveBeenCalledOnce();
  });

  it('runs when the supervisor says so, and is told once', async () => {
    await configuration.start();
    const sha256 = createHash('sha256')
      .update(readFileSync(join(path, 'candidate.conf')))
      .digest('hex');
    configuration.report('of another process');
    expect([configuration.running, onRunning.mock.calls.length]).toEqual([[], 0]);
    configuration.report(sha256);
    configuration.report(sha256);
    expect(configuration.running.map(({ name }) => name)).toEqual(['vip']);
    expect(onRunning).toHaveBeenCalledOnce();
  });
});
