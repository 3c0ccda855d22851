import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { definitionFiles } from './crds.ts';

const FOLDER = path.resolve(import.meta.dirname, '../chart/crds');

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

/** Paths of the fields that `kubectl explain` has no text for. */
function undescribed(schema: Schema, at: string): string[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, part]) => [
    ...(part.description === undefined ? [`${at}.${name}`] : []),
    ...undescribed(part, `${at}.${name}`),
  ]);
  return [...inner, ...(schema.items === undefined ? [] : undescribed(schema.items, `${at}[]`))];
}

describe.each([...definitionFiles()])('the definition %s', (name, text) => {
  const [version] = parse(text).spec.versions;

  it('is in the chart as it is generated', () => {
    expect(readFileSync(path.join(FOLDER, name), 'utf8')).toBe(text);
  });

  it('is of cluster scope, with a status of its own', () => {
    expect(parse(text).spec.scope).toBe('Cluster');
    expect(version.subresources).toEqual({ status: {} });
  });

  it('explains every field', () => {
    const { spec, status } = version.schema.openAPIV3Schema.properties;
    expect([...undescribed(spec, 'spec'), ...undescribed(status, 'status')]).toEqual([]);
  });

  it('asks nothing of every pair of instances or pools: of 255 that took the API server three seconds', () => {
    expect(text).not.toMatch(
      /self\.(instances|pools)\.all\([^\n]*self\.(instances|pools)\.(all|exists|exists_one|filter|map)\(/,
    );
  });

  it('uses no function that Kubernetes 1.29 lacks, where Helm installs it too', () => {
    expect(text).not.toMatch(/isIP|isCIDR|\bip\(|\bcidr\(|format\./);
  });
});
