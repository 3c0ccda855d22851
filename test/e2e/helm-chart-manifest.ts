import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import type { InstallOptions } from '../environment/release.ts';

/** The manifest that the k3s Helm controller takes: https://docs.k3s.io/add-ons/helm. */
interface HelmChartManifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly targetNamespace: string; readonly valuesContent: string };
}

/**
 * What k3s makes of a HelmChart manifest, as options for Helm: release, namespace, and the values as a file.
 * @param file path of the manifest
 * @param folder where the values are put
 */
export async function installationOf(file: string, folder: string): Promise<InstallOptions> {
  const { kind, metadata, spec } = parse(readFileSync(file, 'utf8')) as HelmChartManifest;
  if (kind !== 'HelmChart') throw new Error(`${file} is a ${kind}, not a HelmChart`);
  const values = join(folder, basename(file));
  await writeFile(values, spec.valuesContent);
  return { release: metadata.name, namespace: spec.targetNamespace, valuesFiles: [values] };
}
