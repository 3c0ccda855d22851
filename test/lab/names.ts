import { join } from 'node:path';
import { placeNames } from '../support/place-names.ts';

/** Directory below which every lab keeps its files; only root may look inside. */
export const LABS_DIRECTORY = '/run/keepalived-ingress-vip-lab';

export const {
  check: checkLabName,
  netns: netnsName,
  owns: ownsNetns,
} = placeNames('lab', 'kiv', ['switch', 'client', 'newcomer', 'api']);

/** Where a lab keeps everything: a tmpfs that `down` unmounts. */
export function labDirectory(lab: string): string {
  return join(LABS_DIRECTORY, lab);
}
