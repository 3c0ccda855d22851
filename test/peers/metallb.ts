import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { ImageArchive } from '../../scripts/images.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { plainImageArchive } from '../cluster/plain-image.ts';
import { applyManifest } from '../environment/pools.ts';
import type { Site } from '../environment/site.ts';
import type { Say } from '../support/print.ts';
import { succeeds } from '../support/succeeds.ts';
import { waitFor } from '../support/wait.ts';

const MODULE = 'go.universe.tf/metallb';
const PINS = join(import.meta.dirname, '../../tools/metallb');
const NAMESPACE = 'metallb-system';
const API = 'metallb.io/v1beta1';
/** In the names of everything that its manifest makes outside its namespace. */
const MARK = /metallb/;
const GO_LIMIT_MS = 120_000;
const ROLLOUT_SECONDS = 120;
const WEBHOOK_LIMIT_MS = 60_000;
const DELETE_SECONDS = 120;

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

/** The images of MetalLB's manifest, with programs that are built of its sources. */
export async function metalLbImages(say: Say): Promise<readonly ImageArchive[]> {
  const images: ImageArchive[] = [];
  for (const { ref, program } of imagesIn(await manifest())) {
    const built = await ensureTool(`metallb-${program}`);
    images.push(await plainImageArchive({ ref, program: built, path: `/${program}` }, say));
  }
  return images;
}

/** Installs MetalLB by its own manifest, or what is missing of it, and waits until its pods are ready. */
export async function applyMetalLb(site: Site): Promise<void> {
  await site.kubectl(['apply', '--server-side', '-f', '-'], { input: await manifest() });
  for (const workload of ['deployment/controller', 'daemonset/speaker']) {
    const rollout = ['rollout', 'status', workload, '-n', NAMESPACE, `--timeout=${ROLLOUT_SECONDS}s`];
    await site.kubectl(rollout, { timeout: (ROLLOUT_SECONDS + 5) * 1000 });
  }
}

/**
 * Installs MetalLB in layer-2 mode, as its own manifest does.
 * @param pools specs of its IPAddressPools, by their names; all are announced
 */
export async function installMetalLb(site: Site, pools: Readonly<Record<string, object>>): Promise<void> {
  await applyMetalLb(site);
  for (const [name, spec] of Object.entries(pools)) {
    const pool = { apiVersion: API, kind: 'IPAddressPool', metadata: { name, namespace: NAMESPACE }, spec };
    // Its own webhook answers some time after its pod is ready.
    await waitFor("MetalLB's webhook", () => succeeds(() => applyManifest(site, pool)), {
      limitMs: WEBHOOK_LIMIT_MS,
      everyMs: 500,
    });
  }
  const metadata = { name: 'all', namespace: NAMESPACE };
  await applyManifest(site, { apiVersion: API, kind: 'L2Advertisement', metadata });
}

/** Removes MetalLB by its own manifest, and waits until everything of it is gone. */
export async function removeMetalLb(site: Site): Promise<void> {
  const args = ['delete', '-f', '-', '--ignore-not-found', `--timeout=${DELETE_SECONDS}s`];
  await site.kubectl(args, { input: await manifest(), timeout: (DELETE_SECONDS + 10) * 1000 });
}

/** What there still is of MetalLB, as `kind/name`: its namespace, its definitions, its webhook, its rights. */
export async function leftOfMetalLb(site: Site): Promise<string[]> {
  const kinds = 'namespaces,customresourcedefinitions,validatingwebhookconfigurations,clusterroles,clusterrolebindings';
  const all = await site.kubectl(['get', kinds, '-o', 'name']);
  return all.split('\n').filter((name) => MARK.test(name));
}
