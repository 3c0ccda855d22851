import { describe, expect, it } from 'vitest';
import { type BuildRequest, buildArguments, ENGINE_NAMES, readLabels } from './engine.ts';

const REQUEST: BuildRequest = {
  ref: 'r/n:1',
  dockerfile: '/c/Dockerfile',
  context: '/c',
  variables: { VERSION: '1' },
  labels: { a: 'b' },
  fresh: false,
};

describe('buildArguments', () => {
  it.each(ENGINE_NAMES)('%s gets name, file, variables and labels, and the context last', (engine) => {
    const words = buildArguments(engine, REQUEST);
    expect(words[0]).toBe('build');
    expect(words.at(-1)).toBe('/c');
    expect(words.join(' ')).toContain('--build-arg VERSION=1 --label a=b --tag r/n:1 --file /c/Dockerfile');
  });

  it.each(ENGINE_NAMES)('%s builds every step again only when asked', (engine) => {
    expect(buildArguments(engine, REQUEST)).not.toContain('--no-cache');
    expect(buildArguments(engine, { ...REQUEST, fresh: true })).toContain('--no-cache');
  });

  it('lets podman and buildah take base images from here alone', () => {
    expect(buildArguments('podman', REQUEST)).toContain('--pull=never');
    expect(buildArguments('buildah', REQUEST)).toContain('--pull-never');
  });
});

describe('readLabels', () => {
  it.each([
    ['docker', [{ Config: { Labels: { a: 'b' } } }]],
    ['podman', [{ Labels: { a: 'b' } }]],
    ['buildah', { OCIv1: { config: { Labels: { a: 'b' } } } }],
  ] as const)('finds the labels where %s has them', (engine, said) => {
    expect(readLabels(engine, JSON.stringify(said))).toEqual({ a: 'b' });
  });

  it.each([
    ['docker', [{ Config: { Labels: null } }]],
    ['podman', [{}]],
    ['buildah', { OCIv1: { config: {} } }],
  ] as const)('finds none in an image of %s that has none', (engine, said) => {
    expect(readLabels(engine, JSON.stringify(said))).toEqual({});
  });
});
