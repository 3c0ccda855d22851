import { buildAndReport } from './build.ts';
import { PRODUCT_IMAGES, TEST_IMAGE } from './images/catalogue.ts';
import { DEFAULT_REGISTRY, defaultTag, type ImagePlan, planImage } from './images/plan.ts';
import { type BuildOptions, ensureArchive } from './images/store.ts';
import type { Log } from './toolchain/progress.ts';

/** An image in a file. */
export interface ImageArchive {
  /** Full name, `docker.io/keepalived-ingress-vip/keepalived:0.1.0`. */
  readonly ref: string;
  /** Absolute path of a file in the format of `docker save`. */
  readonly archive: string;
  /** Changes with what the image is made of. */
  readonly fingerprint: string;
}

const TEST_TAG = '1';

/**
 * The product's images, and the test cluster's own, as files: built where something has changed, else taken from the user's cache in a
 * fraction of a second.
 * @param say gets lines of progress
 * @param options.tag of the product's images; the chart's appVersion by default. Another tag gives other images: for tests of an upgrade
 * @throws ToolError or CommandError that says what failed, with the end of its output
 */
export async function ensureImageArchives(
  say: Log,
  options: Partial<BuildOptions> & { readonly tag?: string } = {},
): Promise<ImageArchive[]> {
  await buildAndReport();
  const { tag = await defaultTag(), ...building } = options;
  const naming = { registry: DEFAULT_REGISTRY, tag };
  const plans: ImagePlan[] = [];
  for (const definition of PRODUCT_IMAGES) plans.push(await planImage(definition, naming));
  plans.push(await planImage(TEST_IMAGE, { ...naming, tag: TEST_TAG }));
  const archives: ImageArchive[] = [];
  for (const plan of plans) {
    const archive = await ensureArchive(plan, { base: 'auto', force: false, ...building }, say);
    archives.push({ ref: plan.ref, archive, fingerprint: plan.fingerprint });
  }
  return archives;
}
