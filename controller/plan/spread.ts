/** A group, its addresses and its order of preference. */
interface OrderedGroup {
  readonly addresses: readonly string[];
  readonly nodes: readonly string[];
}

/** The fewest and the most addresses that a node has. */
export interface Spread {
  readonly least: number;
  readonly most: number;
}

/** How many addresses each node is to hold while `lost` are away. */
export function loadsOf(
  groups: readonly OrderedGroup[],
  nodes: readonly string[],
  lost: ReadonlySet<string> = new Set(),
): Map<string, number> {
  const loads = new Map(nodes.filter((node) => !lost.has(node)).map((node) => [node, 0]));
  for (const { addresses, nodes: order } of groups) {
    const holder = order.find((node) => !lost.has(node));
    if (holder !== undefined) loads.set(holder, (loads.get(holder) ?? 0) + addresses.length);
  }
  return loads;
}

/** How evenly addresses are spread over nodes while `lost` are away. */
export function spreadOf(
  groups: readonly OrderedGroup[],
  nodes: readonly string[],
  lost: ReadonlySet<string> = new Set(),
): Spread {
  const loads = [...loadsOf(groups, nodes, lost).values()];
  return { least: Math.min(...loads), most: Math.max(...loads) };
}
