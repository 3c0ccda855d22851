import { ensureSystem } from '../../scripts/prepare.ts';
import { canMakeNamespaces, extendPath } from './needs.ts';

/** Installs what places with nodes need of the system. @throws Error that names what this machine cannot do, and what to do about it */
export async function prepareMachine(): Promise<void> {
  extendPath();
  await ensureSystem(['lab']);
  const missing = canMakeNamespaces();
  if (missing !== null) throw new Error(missing);
}
