import type { BaseName } from './bases.ts';

/** An image that this project builds. */
export interface ImageDefinition {
  readonly name: string;
  readonly dockerfile: string;
  /** Folder that the Dockerfile copies from, relative to the checkout, as are all paths here. */
  readonly context: string;
  /** Patterns of the files that the build reads. */
  readonly inputs: readonly string[];
  readonly bases: readonly BaseName[];
  /** What makes its build long. */
  readonly hint?: string;
  /** Largest size in bytes, unpacked. */
  readonly limitBytes: number;
}

const MEGABYTE = 1_000_000;

/** The images that users install. */
export const PRODUCT_IMAGES: readonly ImageDefinition[] = [
  {
    name: 'keepalived',
    dockerfile: 'images/keepalived/Dockerfile',
    context: '.',
    inputs: ['images/*.{sh,txt}', 'images/keepalived/{*,lib/*}', 'images/supervisor/*', '.dockerignore', 'LICENSE'],
    bases: ['debian:trixie-slim'],
    hint: 'keepalived and curl are compiled, unless the engine has kept the steps: some minutes',
    limitBytes: 25 * MEGABYTE,
  },
  {
    name: 'sidecar',
    dockerfile: 'images/sidecar/Dockerfile',
    context: '.',
    inputs: [
      'images/*.sh',
      'images/sidecar/*',
      '.dockerignore',
      'LICENSE',
      'dist/{sidecar,controller}.{cjs,cdx.json}',
      'dist/third-party-licences.txt',
      'chart/{Chart.yaml,values.yaml,values.schema.json}',
      'chart/templates/*',
    ],
    bases: ['node:24-slim'],
    limitBytes: 140 * MEGABYTE,
  },
  {
    name: 'proxy',
    dockerfile: 'images/proxy/Dockerfile',
    context: '.',
    inputs: ['images/*.{sh,txt}', 'images/proxy/{*,lib/*}', 'images/supervisor/*', '.dockerignore', 'LICENSE'],
    bases: ['debian:trixie-slim'],
    limitBytes: 30 * MEGABYTE,
  },
  {
    name: 'bird',
    dockerfile: 'images/bird/Dockerfile',
    context: '.',
    inputs: ['images/*.{sh,txt}', 'images/bird/{*,lib/*}', 'images/supervisor/*', '.dockerignore', 'LICENSE'],
    bases: ['debian:trixie-slim'],
    limitBytes: 25 * MEGABYTE,
  },
];

/** What the test cluster runs beside them: an ingress, the pods' sandboxes, and tools. */
export const TEST_IMAGE: ImageDefinition = {
  name: 'test-ingress',
  dockerfile: 'test/cluster/images/ingress/Dockerfile',
  context: 'test/cluster/images/ingress',
  inputs: ['test/cluster/images/ingress/*'],
  bases: ['debian:trixie-slim'],
  limitBytes: 160 * MEGABYTE,
};
