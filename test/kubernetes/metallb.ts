import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { ImageArchive } from '../../scripts/images.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { plainImageArchive } from '../cluster/plain-image.ts';
import { applyManifest } from '../environment/pools.ts';
import type { Site } from '../environment/site.ts';
import { succeeds } from '../support/succeeds.ts';
import { waitFor } from '../support/wait.ts';
import type { Contender } from './contender.ts';
import { serviceRange } from './product.ts';

const MODULE = 'go.universe.tf/metallb';
const PINS = join(import.meta.dirname, '../../tools/metallb');
const NAMESPACE = 'metallb-system';
const API = 'metallb.io/v1beta1';
const GO_LIMIT_MS = 120_000;
const ROLLOUT_SECONDS = 120;
const WEBHOOK_LIMIT_MS = 60_000;

/** MetalLB's own manifest of the pinned version, for layer 2 or its own BGP. Gives YAML. */
async function manifest(): Promise<string> {
  const go = await execa('go', ['mod', 'download', '-json', MODULE], { cwd: PINS, timeout: GO_LIMIT_MS });
  const { Dir } = JSON.parse(go.stdout) as { readonly Dir: string };
  return readFile(join(Dir, 'config/manifests/metallb-native.yaml'), 'utf8');
}

/** The images that a manifest names, each of one program. Pure. */
export function imagesIn(yaml: string): { readonly ref: string; readonly program: 'controller' | 'speaker' }[] {
  const found = yaml.matchAll(/^\s*image: (\S+\/(controller|speaker):\S+)$/gm);
  return [...found].map(([, ref = '', program]) => ({ ref, program: program === 'speaker' ? program : 'controller' }));
}

async function install(site: Site): Promise<void> {
  await site.kubectl(['apply', '--server-side', '-f', '-'], { input: await manifest() });
  for (const workload of ['deployment/controller', 'daemonset/speaker']) {
    const rollout = ['rollout', 'status', workload, '-n', NAMESPACE, `--timeout=${ROLLOUT_SECONDS}s`];
    await site.kubectl(rollout, { timeout: (ROLLOUT_SECONDS + 5) * 1000 });
  }
  const metadata = { name: 'services', namespace: NAMESPACE };
  const pool = { apiVersion: API, kind: 'IPAddressPool', metadata, spec: { addresses: [serviceRange(site)] } };
  // Its own webhook answers some time after its pod is ready.
  await waitFor("MetalLB's webhook", () => succeeds(() => applyManifest(site, pool)), {
    limitMs: WEBHOOK_LIMIT_MS,
    everyMs: 500,
  });
  await applyManifest(site, { apiVersion: API, kind: 'L2Advertisement', metadata });
}

/** MetalLB in layer-2 mode, as its own manifest installs it, with one pool. */
export const METALLB: Contender = {
  images: async (say) => {
    const images: ImageArchive[] = [];
    for (const { ref, program } of imagesIn(await manifest())) {
      const built = await ensureTool(`metallb-${program}`);
      images.push(await plainImageArchive({ ref, program: built, path: `/${program}` }, say));
    }
    return images;
  },
  install,
};
