/** The place that is meant when no name is given. */
export const DEFAULT_PLACE = 'default';

/** How places of a kind, and their network namespaces, are called. */
export interface PlaceNames {
  /** Refuses names that could be mistaken for another place's namespaces. @throws Error that says what a name may look like */
  readonly check: (name: string) => string;
  /** The network namespace of a machine (`switch`, `client`, `node1`…). */
  readonly netns: (place: string, machine: string) => string;
  /** Whether a network namespace is this place's and not another's with a longer name. */
  readonly owns: (place: string, netns: string) => boolean;
}

/**
 * The names of places of a kind. Pure.
 * @param kind `lab`
 * @param prefix first part of all names: `kiv` makes `kiv-node1`, and of a place with a name `kiv-name-node1`
 * @param others machines besides the nodes
 */
export function placeNames(kind: string, prefix: string, others: readonly string[]): PlaceNames {
  const machine = new RegExp(`^(?:${others.join('|')}|node[0-9]+)$`);
  const prefixOf = (place: string) => (place === DEFAULT_PLACE ? `${prefix}-` : `${prefix}-${place}-`);
  return {
    check: (name) => {
      if (/^[a-z0-9]{1,8}$/.test(name) && !machine.test(name)) return name;
      const rule = '1 to 8 of a-z and 0-9, and not the name of a machine';
      throw new Error(`${kind} name ${JSON.stringify(name)} is not usable: ${rule}`);
    },
    netns: (place, name) => `${prefixOf(place)}${name}`,
    owns: (place, netns) => netns.startsWith(prefixOf(place)) && machine.test(netns.slice(prefixOf(place).length)),
  };
}

/** @throws Error when there cannot be so many nodes. */
export function checkNodeCount(nodes: number, most: number): void {
  if (Number.isInteger(nodes) && nodes >= 1 && nodes <= most) return;
  throw new Error(`${nodes} nodes are not possible: 1 to ${most}`);
}

/** An address that no hardware has. Pure. @param bytes the last ones, as many as the first ones leave */
export function macAddress(first: string, ...bytes: readonly number[]): string {
  return [first, ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}
