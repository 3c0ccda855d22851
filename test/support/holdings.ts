/* Who had which address when: judged from what the kernels of the nodes told. */

/** An address that came to an interface of a node, or left it. */
export interface HoldingChange {
  /** Milliseconds of CLOCK_MONOTONIC. */
  readonly atMs: number;
  readonly node: string;
  readonly interface: string;
  readonly address: string;
  readonly added: boolean;
}

/** A time with more than one holder, or with none. */
export interface Spell {
  readonly fromMs: number;
  readonly toMs: number;
  /** The nodes that had the address. */
  readonly nodes: readonly string[];
}

/**
 * The times in which the number of nodes that hold an address is of a kind, each of them with one set of holders. Pure.
 * @param changes of one address, in order; nobody has it before the first
 * @param untilMs when the last spell ends
 */
export function spells(
  changes: readonly HoldingChange[],
  untilMs: number,
  isMeant: (holders: number) => boolean,
): Spell[] {
  const held = new Set<string>();
  const found: Spell[] = [];
  const keep = (fromMs: number, toMs: number) => {
    if (toMs <= fromMs || !isMeant(nodesOf(held).length)) return;
    const last = found.at(-1);
    // Another second holder makes it no shorter.
    if (last?.toMs === fromMs) found.pop();
    const since = last?.toMs === fromMs ? last.fromMs : fromMs;
    found.push({ fromMs: since, toMs, nodes: nodesOf(held) });
  };
  for (const [index, change] of changes.entries()) {
    const place = `${change.node} ${change.interface}`;
    if (change.added) held.add(place);
    else held.delete(place);
    keep(change.atMs, changes[index + 1]?.atMs ?? untilMs);
  }
  return found;
}

function nodesOf(held: ReadonlySet<string>): string[] {
  return [...new Set([...held].map((place) => place.split(' ')[0] ?? ''))];
}

/** Where an address is after these changes: nodes with the interfaces. Pure. */
export function placesAfter(changes: readonly HoldingChange[]): { node: string; interface: string }[] {
  const held = new Map<string, { node: string; interface: string }>();
  for (const { node, interface: on, added } of changes) {
    const place = `${node} ${on}`;
    if (added) held.set(place, { node, interface: on });
    else held.delete(place);
  }
  return [...held.values()];
}

/**
 * How an address came and went in a time, with the holders at its beginning: `at first node2 eth1; 0.0 s: node1 got it on eth1; …`. Pure.
 * @param changes of one address, in order
 */
export function courseOf(changes: readonly HoldingChange[], fromMs: number, toMs: number): string {
  const before = placesAfter(changes.filter(({ atMs }) => atMs < fromMs));
  const first = before.map(({ node, interface: on }) => `${node} ${on}`).join(', ') || 'nobody';
  const later = changes
    .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
    .map(({ atMs, node, interface: on, added }) => {
      return `${((atMs - fromMs) / 1000).toFixed(1)} s: ${node} ${added ? 'got it on' : 'lost it on'} ${on}`;
    });
  return [`at first ${first}`, ...later].join('; ');
}
