import type { Site } from '../environment/site.ts';

/** The names of the nodes, in order. */
export async function nodeNames(site: Site): Promise<string[]> {
  const names = await site.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}']);
  return names.split(' ').toSorted();
}

/** Labels nodes: `key=value`, or `key-` to take a label off, which need not be there. */
export async function labelNodes(site: Site, nodes: readonly string[], label: string): Promise<void> {
  await site.kubectl(['label', 'nodes', ...nodes, label, '--overwrite']);
}

/** Taints nodes: `key=value:Effect`. */
export async function taintNodes(site: Site, nodes: readonly string[], taint: string): Promise<void> {
  await site.kubectl(['taint', 'nodes', ...nodes, taint, '--overwrite']);
}

/** Takes the taints of a key off nodes; they need not be there. */
export async function untaintNodes(site: Site, nodes: readonly string[], key: string): Promise<void> {
  for (const node of nodes) {
    await site.kubectl(['taint', 'nodes', node, `${key}-`]).catch((error: Error) => {
      if (!error.message.includes('not found')) throw error;
    });
  }
}
