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

  it('says what is still missing when the installation did not bring it', async () => {
    const { dependencies } = machine(['mmdebstrap'], true, false);
    await expect(ensureSystem(['lab'], dependencies)).rejects.toThrow(
      'still missing after the installation: mmdebstrap',
    );
  });
});
