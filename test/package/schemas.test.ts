import { execa } from 'execa';
import { beforeAll, describe, expect, it } from 'vitest';
import { kubeconformArguments, schemaVersions } from '../../scripts/toolchain/kubeconform.ts';
import { ensureTool } from '../../scripts/tools.ts';

const COMMAND_LIMIT_MS = 30_000;
const SET_UP_LIMIT_MS = 30 * 60_000;

let kubeconform: string;
let schemas: string;
let versions: string[];

beforeAll(async () => {
  kubeconform = await ensureTool('kubeconform');
  schemas = await ensureTool('schemas');
  versions = await schemaVersions(schemas);
}, SET_UP_LIMIT_MS);

async function check(container: string): Promise<string[]> {
  const manifest = `{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {hostNetwork: true, containers: [${container}]}}`;
  const said = versions.map(async (version) => {
    const result = await execa(kubeconform, [...kubeconformArguments(schemas, version), '-'], {
      input: manifest,
      reject: false,
      timeout: COMMAND_LIMIT_MS,
    });
    return `${version} ${result.failed ? 'refuses' : 'accepts'}${/could not find schema/.test(result.stdout) ? ' unseen' : ''}`;
  });
  return Promise.all(said);
}

// The chart's manifests are checked with these schemas: a checker that accepts everything would go unnoticed.
describe('kubeconform with the converted schemas', () => {
  it('accepts a good pod', async () => {
    expect(versions).toContain('1.29.0');
    expect(await check('{name: c, image: i}')).toEqual(versions.map((version) => `${version} accepts`));
  });

  it('refuses an unknown field', async () => {
    expect(await check('{name: c, image: i, imagePullPolice: Always}')).toEqual(
      versions.map((version) => `${version} refuses`),
    );
  });

  it('refuses a value of the wrong type, also behind a reference', async () => {
    expect(await check('{name: c, image: i, securityContext: {runAsUser: root}}')).toEqual(
      versions.map((version) => `${version} refuses`),
    );
  });
});
