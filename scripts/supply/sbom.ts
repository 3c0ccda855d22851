import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Log } from '../toolchain/progress.ts';
import { runStep } from '../toolchain/progress.ts';
import { ensureTool } from '../tools.ts';

const LIMIT_SECONDS = 300;

/** The files with what an image is made of. */
export interface ImageBom {
  /** CycloneDX 1.6, JSON. */
  readonly cyclonedx: string;
  /** SPDX 2.3, JSON. */
  readonly spdx: string;
}

/**
 * Says what an image is made of: Debian packages by the status files in it, Node by its program, and npm packages by the documents that
 * the build of the bundles wrote and the image carries.
 * @param archive the image in a file, as `docker save` writes it
 * @param name what it is called: the documents' subject, and the files' name
 * @param folder where the files go; made if there is none
 * @throws ToolError with the end of what syft said
 */
export async function writeImageBom(
  { archive, name, version }: { readonly archive: string; readonly name: string; readonly version: string },
  folder: string,
  log: Log,
): Promise<ImageBom> {
  await mkdir(folder, { recursive: true });
  const bom = { cyclonedx: path.join(folder, `${name}.cdx.json`), spdx: path.join(folder, `${name}.spdx.json`) };
  await runStep(
    {
      label: `what ${name} is made of`,
      command: await ensureTool('syft'),
      arguments: [
        'scan',
        `docker-archive:${archive}`,
        ...['--source-name', `keepalived-ingress-vip/${name}`, '--source-version', version],
        // Documents in the image itself are not among what syft looks for in images by default.
        ...['--select-catalogers', '+sbom-cataloger'],
        ...['--output', `cyclonedx-json@1.6=${bom.cyclonedx}`, '--output', `spdx-json@2.3=${bom.spdx}`],
        '--quiet',
      ],
      directory: folder,
      environment: { SYFT_CHECK_FOR_APP_UPDATE: 'false' },
      limitSeconds: LIMIT_SECONDS,
    },
    log,
  );
  return bom;
}
