import { runOn } from '../cluster/machine.ts';
import type { Site } from '../environment/site.ts';

/**
 * All objects in the cluster, of whatever kind and in whatever namespace, that have a label of the release: its own, those that controllers
 * made for them, and what Helm keeps. As `kind/name`.
 */
export async function objectsOf(site: Site, release: string): Promise<string[]> {
  const kinds = (await site.kubectl(['api-resources', '--verbs=list', '-o', 'name'])).trim().split('\n');
  const ask = (selector: string) =>
    site.kubectl(['get', kinds.join(','), '--all-namespaces', '-l', selector, '-o', 'name', '--ignore-not-found']);
  const found = [await ask(`app.kubernetes.io/instance=${release}`), await ask(`owner=helm,name=${release}`)];
  return found
    .join('\n')
    .split('\n')
    .filter((line) => line !== '');
}

/** The addresses that the releases' lists on the nodes say a keepalived may have left on an interface. Own cluster only. */
export async function listedAddresses(site: Site): Promise<string[]> {
  const nodes = site.cluster.state.machines.filter(({ name }) => name !== 'cp');
  const lists = await Promise.all(
    nodes.map(async (node) => {
      const text = await runOn(node, ['sh', '-c', 'cat /run/keepalived-ingress-vip/*/addresses 2>/dev/null || :']);
      const lines = text.split('\n').filter((line) => line.trim() !== '');
      return lines.map((line) => `${node.name}: ${line}`);
    }),
  );
  return lists.flat();
}
