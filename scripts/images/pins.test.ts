import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { pinOf, pinsIn, withDigests } from './pins.ts';

const root = path.resolve(import.meta.dirname, '../..');
const OLD = `sha256:${'a'.repeat(64)}`;
const NEW = `sha256:${'b'.repeat(64)}`;
const DOCKERFILE = `ARG DEBIAN=debian:trixie-slim@${OLD}\nFROM \${DEBIAN}\nARG VERSION=dev\n`;

describe('pins of base images', () => {
  it('are build arguments with a digest', () => {
    expect(pinsIn(DOCKERFILE)).toEqual([{ argument: 'DEBIAN', image: 'debian:trixie-slim', digest: OLD }]);
    expect(pinOf(DOCKERFILE, 'debian:trixie-slim').digest).toBe(OLD);
    expect(() => pinOf(DOCKERFILE, 'node:24-slim')).toThrow('no line "ARG NAME=node:24-slim@sha256:…"');
  });

  it('change to another digest, and nothing else does', () => {
    expect(withDigests(DOCKERFILE, new Map([['debian:trixie-slim', NEW]]))).toBe(DOCKERFILE.replace(OLD, NEW));
    expect(withDigests(DOCKERFILE, new Map([['node:24-slim', NEW]]))).toBe(DOCKERFILE);
  });
});

describe('the Dockerfiles', () => {
  const files = globSync('{images,test}/**/Dockerfile', { cwd: root });

  it.each(files)('begin with nothing but what is pinned by a digest: %s', (file) => {
    const text = readFileSync(path.join(root, file), 'utf8');
    const pinned = pinsIn(text).map(({ argument }) => `\${${argument}}`);
    const stages = [...text.matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, stage]) => stage);
    const bases = [...text.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base ?? '');
    expect(pinned.length).toBeGreaterThan(0);
    expect(bases.filter((base) => ![...pinned, ...stages, 'scratch'].includes(base))).toEqual([]);
  });

  it('pin the same image by the same digest', () => {
    const pins = files.flatMap((file) => pinsIn(readFileSync(path.join(root, file), 'utf8')));
    const digests = new Map(pins.map(({ image, digest }) => [image, digest]));
    expect(pins.filter(({ image, digest }) => digests.get(image) !== digest)).toEqual([]);
  });
});
