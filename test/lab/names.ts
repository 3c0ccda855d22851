import { join } from 'node:path';

/** Directory below which every lab keeps its files; only root may look inside. */
export const LABS_DIRECTORY = '/run/keepalived-ingress-vip-lab';

/** Name of the lab that is meant when none is given; its namespaces are called `kiv-…`, those of lab `x` `kiv-x-…`. */
export const DEFAULT_LAB = 'default';

/** The network namespaces that a lab has besides its nodes. */
const SHARED_ROLES = ['switch', 'client', 'newcomer', 'api'] as const;

const ROLE_PATTERN = new RegExp(`^(?:${SHARED_ROLES.join('|')}|node[0-9]+)$`);

/**
 * Refuses lab names that could be mistaken for another lab's namespaces.
 * @throws Error that says what a name may look like.
 */
export function checkLabName(name: string): string {
  if (!/^[a-z0-9]{1,8}$/.test(name) || ROLE_PATTERN.test(name)) {
    throw new Error(
      `lab name ${JSON.stringify(name)} is not usable: 1 to 8 of a-z and 0-9, and not the name of a node`,
    );
  }
  return name;
}

/** Network namespace of a role (`switch`, `client`, `node1`…) in a lab. */
export function netnsName(lab: string, role: string): string {
  return `${netnsPrefix(lab)}${role}`;
}

function netnsPrefix(lab: string): string {
  return lab === DEFAULT_LAB ? 'kiv-' : `kiv-${lab}-`;
}

/** Whether a network namespace is this lab's and not another's with a longer name. */
export function ownsNetns(lab: string, netns: string): boolean {
  const prefix = netnsPrefix(lab);
  return netns.startsWith(prefix) && ROLE_PATTERN.test(netns.slice(prefix.length));
}

/** Where a lab keeps everything: a tmpfs that `down` unmounts. */
export function labDirectory(lab: string): string {
  return join(LABS_DIRECTORY, lab);
}
