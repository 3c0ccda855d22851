import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type ImageDefinition, PRODUCT_IMAGES } from './catalogue.ts';
import { pinsIn } from './pins.ts';
import { DEFAULT_REGISTRY, defaultTag, planImage } from './plan.ts';

const root = path.resolve(import.meta.dirname, '../..');
const NAMING = { registry: DEFAULT_REGISTRY, tag: '1.2.3' };
const DEFINITION: ImageDefinition = {
  name: 'thing',
  dockerfile: 'thing/Dockerfile',
  context: '.',
  inputs: ['thing/*'],
  bases: [],
  limitBytes: 1,
};

describe('the plan of an image', () => {
  let checkout: string;

  beforeEach(() => {
    checkout = mkdtempSync(path.join(tmpdir(), 'plan-test-'));
    mkdirSync(path.join(checkout, 'thing'));
    writeFileSync(path.join(checkout, 'thing/Dockerfile'), 'FROM scratch\n');
  });
  afterEach(() => rmSync(checkout, { recursive: true }));

  const fingerprint = async (naming = NAMING): Promise<string> =>
    (await planImage(DEFINITION, naming, checkout)).fingerprint;

  it('is the same while nothing changes', async () => {
    expect(await fingerprint()).toMatch(/^[0-9a-f]{12}$/);
    expect(await fingerprint()).toBe(await fingerprint());
  });

  it('changes with the content and with the names of the files', async () => {
    const seen = new Set([await fingerprint()]);
    writeFileSync(path.join(checkout, 'thing/Dockerfile'), 'FROM scratch\nCOPY a /\n');
    seen.add(await fingerprint());
    writeFileSync(path.join(checkout, 'thing/a'), '');
    seen.add(await fingerprint());
    expect(seen.size).toBe(3);
  });

  it('notices that a file has changed since', async () => {
    const plan = await planImage(DEFINITION, NAMING, checkout);
    expect(await plan.isCurrent()).toBe(true);
    writeFileSync(path.join(checkout, 'thing/b'), '');
    expect(await plan.isCurrent()).toBe(false);
  });

  it('changes with the tag, the registry, the labels, and with bases that must be a registry’s', async () => {
    const others = [
      { ...NAMING, tag: '1.2.4' },
      { ...NAMING, registry: 'r' },
      { ...NAMING, revision: 'abc' },
      { ...NAMING, registryBases: true },
    ];
    const seen = new Set(await Promise.all([NAMING, ...others].map(fingerprint)));
    expect(seen.size).toBe(5);
  });

  it('names the Dockerfile that is missing', async () => {
    rmSync(path.join(checkout, 'thing/Dockerfile'));
    await expect(fingerprint()).rejects.toThrow('thing/Dockerfile is missing');
  });

  it('hands the version to the Dockerfile', async () => {
    expect((await planImage(DEFINITION, NAMING, checkout)).variables).toMatchObject({ VERSION: '1.2.3' });
  });
});

describe('the product’s images', () => {
  it('are called as the chart’s defaults call them', async () => {
    const values = parse(readFileSync(path.join(root, 'chart/values.yaml'), 'utf8'));
    const tag = await defaultTag();
    const [keepalived, sidecar] = await Promise.all(
      PRODUCT_IMAGES.map((definition) => planImage(definition, { registry: DEFAULT_REGISTRY, tag })),
    );
    expect(keepalived?.ref).toBe(`docker.io/${values.image.repository}:${tag}`);
    expect(sidecar?.ref).toBe(`docker.io/${values.sidecar.image.repository}:${tag}`);
  });

  it.each(PRODUCT_IMAGES)(
    '$name: the Dockerfile names no registry, and every file it copies is an input',
    (definition) => {
      const text = readFileSync(path.join(root, definition.dockerfile), 'utf8');
      const stages = [...text.matchAll(/^FROM (\S+)(?: AS (\S+))?$/gm)];
      const names = stages.map(([, , name]) => name);
      const pins = new Map(pinsIn(text).map(({ argument, image }) => [`\${${argument}}`, image]));
      const bases = stages
        .map(([, base = '']) => pins.get(base) ?? base)
        .filter((base) => base !== 'scratch' && !names.includes(base));
      expect([...new Set(bases)]).toEqual(definition.bases);
      const copied = [...text.matchAll(/^COPY (?!--from)(?:--\S+ )*(\S+) \S+$/gm)].map(([, file = '']) => file);
      const isInput = (file: string) => definition.inputs.some((pattern) => path.matchesGlob(file, pattern));
      expect(copied.filter((file) => !isInput(file))).toEqual([]);
    },
  );
});
