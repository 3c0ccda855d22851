import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { inOrder } from './schemas.ts';

/**
 * The Kubernetes versions whose schemas are there, oldest first.
 * @param schemas what `ensureTool('schemas')` gave
 */
export async function schemaVersions(schemas: string): Promise<string[]> {
  const found = (await readdir(schemas)).map((folder) => /^v([\d.]+)-standalone-strict$/.exec(folder)?.[1]);
  return inOrder(found.filter((version) => version !== undefined));
}

/**
 * Arguments with which kubeconform checks strictly against these schemas, without the network.
 * @param schemas what `ensureTool('schemas')` gave
 * @param version a version of `schemaVersions`
 */
export function kubeconformArguments(schemas: string, version: string): string[] {
  const file = '{{.NormalizedKubernetesVersion}}-standalone{{.StrictSuffix}}/{{.ResourceKind}}{{.KindSuffix}}.json';
  return ['-strict', '-kubernetes-version', version, '-schema-location', path.join(schemas, file)];
}
