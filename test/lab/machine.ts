import { ensureBundles } from '../../scripts/build.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { ensureImageRoot } from '../support/image-root.ts';
import { prepareMachine } from '../support/prepare-machine.ts';
import type { Say } from '../support/print.ts';

/** What the lab takes from outside itself. */
export interface MachineParts {
  /** Path of helm. */
  readonly helm: string;
  /** Root directory of the keepalived image. */
  readonly imageRoot: string;
  /** Root directory of the proxy's image. */
  readonly proxyRoot: string;
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
