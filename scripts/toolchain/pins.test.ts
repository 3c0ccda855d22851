import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOGUE, TOOL_NAMES, USUAL_TOOL_NAMES } from './catalogue.ts';
import { recipeFor } from './install.ts';
import { pinnedGoVersion, pinnedPythonVersion, requiredGo } from './pins.ts';
import { parseVersion, satisfies } from './version.ts';

const ROOT = `${import.meta.dirname}/../..`;

describe('pinnedGoVersion', () => {
  it('finds a module in a block and on a line of its own', () => {
    expect(pinnedGoVersion('require (\n\texample.org/a v1.2.3 // indirect\n)\n', 'example.org/a')).toBe('v1.2.3');
    expect(pinnedGoVersion('require example.org/a v1.2.3\n', 'example.org/a')).toBe('v1.2.3');
  });

  it('does not take a module whose path only begins alike', () => {
    expect(() => pinnedGoVersion('require example.org/a/b v1.2.3\n', 'example.org/a')).toThrow(
      'go.mod does not require example.org/a',
    );
  });
});

describe('requiredGo', () => {
  it('is the go line', () => {
    expect(requiredGo('module x\n\ngo 1.26.0\n')).toBe('1.26.0');
  });
});

describe('pinnedPythonVersion', () => {
  it('is what stands behind ==', () => {
    expect(pinnedPythonVersion('# words\nyamllint==1.38.0\nyamale==6.1.0\n', 'yamale')).toBe('6.1.0');
    expect(() => pinnedPythonVersion('yamllint>=1\n', 'yamllint')).toThrow('requirements do not pin yamllint');
  });

  it('is found where hashes follow', () => {
    expect(pinnedPythonVersion('yamale==6.1.0 \\\n    --hash=sha256:0a\n', 'yamale')).toBe('6.1.0');
  });

  it.each(['requirements.txt', 'schemas.txt'])('comes with a SHA-256 for each package of %s', (file) => {
    const text = readFileSync(`${ROOT}/tools/python/${file}`, 'utf8').replaceAll(/^\s*#.*$/gm, '');
    const requirements = text
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => line.trim() !== '');
    expect(requirements.length).toBeGreaterThan(0);
    expect(requirements.filter((line) => !/^\S+==\S+( +--hash=sha256:[0-9a-f]{64})+$/.test(line))).toEqual([]);
  });
});

describe('the catalogue', () => {
  it.each(TOOL_NAMES)('pins %s at a version that it would take from PATH as well', async (name) => {
    const tool = CATALOGUE[name];
    const { version } = await recipeFor(tool, ROOT);
    const pinned = parseVersion(version);
    expect(pinned).toBeDefined();
    // Prometheus numbers its Go module differently from its releases.
    if (tool.onPath !== undefined && pinned !== undefined && name !== 'promtool') {
      expect(satisfies(pinned, tool.onPath)).toBe(true);
    }
  });

  it('leaves what only the cluster needs to those who ask for it', () => {
    expect(TOOL_NAMES.filter((name) => !USUAL_TOOL_NAMES.includes(name))).toEqual([
      'hyperkube',
      'helm3',
      'syft',
      'api-load',
      'kubernetes-e2e',
      'agnhost',
      'coredns',
      'metallb-controller',
      'metallb-speaker',
    ]);
  });

  it("tries a Kubernetes with that Kubernetes' own tests", async () => {
    const versions = ['hyperkube', 'kubernetes-e2e', 'agnhost'] as const;
    const pinned = await Promise.all(versions.map((name) => recipeFor(CATALOGUE[name], ROOT)));
    expect(new Set(pinned.map(({ version }) => version)).size).toBe(1);
  });

  it('gives each tool a place in the store of its own, except those that share the Python environment', async () => {
    const keys = new Map<string, string[]>();
    for (const name of TOOL_NAMES) {
      const { key } = await recipeFor(CATALOGUE[name], ROOT);
      keys.set(key, [...(keys.get(key) ?? []), name]);
    }
    expect([...keys.values()].filter((names) => names.length > 1)).toEqual([
      ['yamllint', 'yamale', 'shellcheck', 'hadolint'],
    ]);
  });
});
