import { afterEach, describe, expect, it, vi } from 'vitest';
import { command, findCommand, mustSkip } from './needs.ts';

describe('what a test needs', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it('is found where it is there', () => {
    expect(findCommand('sh')).toMatch(/\/sh$/);
    expect(mustSkip('nothing', [command('sh')])).toBe(false);
  });

  it('is named aloud where it is missing, and the tests are skipped', () => {
    vi.stubEnv('CI', '');
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(mustSkip('the flight', [command('sh'), command('wings')])).toBe(true);
    expect(said).toHaveBeenCalledWith(
      'SKIPPED: the flight: the command wings is missing: apt-get install --no-install-recommends wings\n',
    );
  });

  it('is a failure where it is missing in CI', () => {
    vi.stubEnv('CI', 'true');
    expect(() => mustSkip('the flight', [command('wings')])).toThrow(
      /SKIPPED: the flight: .*skipped test is a failure/,
    );
  });
});
