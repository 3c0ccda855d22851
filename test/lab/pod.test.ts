import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { IMAGES } from './pod.ts';

describe('the lab’s containers', () => {
  it.each(Object.keys(IMAGES))('%s starts as its image does', (name) => {
    const dockerfile = readFileSync(
      join(import.meta.dirname, `../../images/${IMAGES[name]?.image ?? name}/Dockerfile`),
      'utf8',
    );
    expect(JSON.parse(/^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? 'null')).toEqual(IMAGES[name]?.entrypoint);
  });
});
