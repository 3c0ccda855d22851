import { ensureBundles } from '../../scripts/build.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { ensureImageRoot } from '../support/image-root.ts';
import { prepareMachine } from '../support/prepare-machine.ts';
import type { Say } from '../support/print.ts';
import type { Release } from './manifests.ts';

/** What the lab takes from outside itself. */
export interface MachineParts {
  /** Path of helm. */
  readonly helm: string;
  /** Root directory of the keepalived image. */
  readonly imageRoot: string;
  /** Root directory of the proxy's image. */
  readonly proxyRoot: string;
}

/** The root directory of the image of BIRD, where a release has it; made on first use. */
export async function birdRootFor(release: Release, say: Say): Promise<string | undefined> {
  const isAsked = release.containers.some(({ name }) => name === 'bgp');
  return isAsked ? ensureImageRoot(say, 'bird') : undefined;
}

/**
 * Makes sure that the machine can run a lab, and builds what is missing: the first time takes minutes, later ones a second.
 * @throws Error that names what is missing and how to get it.
 */
export async function readyMachine(say: Say): Promise<MachineParts> {
  await prepareMachine();
  const roots = Promise.all([ensureImageRoot(say), ensureImageRoot(say, 'proxy')]);
  const [helm, [imageRoot, proxyRoot]] = await Promise.all([ensureTool('helm'), roots, ensureBundles()]);
  return { helm, imageRoot, proxyRoot };
}
