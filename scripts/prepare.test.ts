import { describe, expect, it } from 'vitest';
import { ensureSystem, type SystemDependencies } from './prepare.ts';

/** A machine that lacks `missing`, and what was done to it. */
function machine(missing: readonly string[], canInstall: boolean, works = true) {
  const lacking = new Set(missing);
  const installed: string[] = [];
  const dependencies: SystemDependencies = {
    log: () => undefined,
    isPresent: (requirement) => !lacking.has(requirement.package),
    canInstall: () => canInstall,
    install: async (packages) => {
      installed.push(...packages);
      if (works) for (const name of packages) lacking.delete(name);
    },
  };
  return { dependencies, installed };
}

describe('ensureSystem', () => {
  it('does nothing when nothing is missing', async () => {
    const { dependencies, installed } = machine([], true);
    expect(await ensureSystem(['lab', 'tests', 'tools'], dependencies)).toEqual([]);
    expect(installed).toEqual([]);
  });

  it('installs what is missing, and only what the asked part needs', async () => {
    const { dependencies, installed } = machine(['nginx-light', 'python3-venv'], true);
    expect(await ensureSystem(['lab'], dependencies)).toEqual(['nginx-light']);
    expect(installed).toEqual(['nginx-light']);
  });

  it('names the command for root when it may not install', async () => {
    const { dependencies } = machine(['iproute2', 'nginx-light'], false);
    await expect(ensureSystem(['lab'], dependencies)).rejects.toThrow(
      'missing on this machine: iproute2, nginx-light\nas root: apt-get update && apt-get install -y --no-install-recommends iproute2 nginx-light',
    );
  });

  it('goes on without what not every machine can have, and says so', async () => {
    const said: string[] = [];
    const { dependencies, installed } = machine(['chromium-headless-shell', 'tcpdump'], true);
    const install = async (packages: readonly string[], log: (line: string) => void) => {
      if (packages.includes('chromium-headless-shell')) throw new Error('apt-get: unable to locate the package');
      await dependencies.install(packages, log);
    };
    const log = (line: string) => void said.push(line);
    expect(await ensureSystem(['tests'], { ...dependencies, install, log })).toEqual(['tcpdump']);
    expect(installed).toEqual(['tcpdump']);
    expect(said.at(-1)).toBe('going on without chromium-headless-shell: tests that need it are skipped');
  });

  it('says what is still missing when the installation did not bring it', async () => {
    const { dependencies } = machine(['mmdebstrap'], true, false);
    await expect(ensureSystem(['lab'], dependencies)).rejects.toThrow(
      'still missing after the installation: mmdebstrap',
    );
  });
});
