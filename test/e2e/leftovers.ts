import { runOn } from '../cluster/machine.ts';
import { helmUninstall, NAMESPACE } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { say } from '../support/print.ts';

/** The namespaces of a cluster before any test. */
const OF_THE_CLUSTER = /^(default|ingress|kube-.*)$/;
const LIMIT_MS = 100_000;

/**
 * Removes what an earlier file of tests left that could not clean up: one that failed is to be the only one. Says what it was. Own cluster only: on the
 * user's nobody knows whose it is.
 */
export async function removeLeftovers(site: Site): Promise<void> {
  await site.cluster.heal();
  // While there is no definition of pools there is no pool either.
  const pools = (await site.kubectl(['get', 'virtualippools', '-o', 'name']).catch(() => ''))
    .split('\n')
    .filter(Boolean);
  if (pools.length > 0) {
    say(`an earlier file of tests left ${pools.join(', ')}: removed`);
    await site.kubectl(['delete', ...pools, '--timeout=90s'], { timeout: LIMIT_MS });
  }
  const path = 'jsonpath={range .items[*]}{.metadata.labels.name} {.metadata.namespace}{"\\n"}{end}';
  const kept = await site.kubectl(['get', 'secrets', '-A', '-l', 'owner=helm', '-o', path]);
  for (const each of new Set(kept.split('\n').filter(Boolean))) {
    const [release = '', namespace = ''] = each.split(' ');
    say(`an earlier file of tests left the release ${release} in ${namespace}: removed`);
    await helmUninstall(site, { release, namespace });
  }
  // Those that nobody has told to go.
  const names = (
    await site.kubectl(['get', 'namespaces', '-o', 'jsonpath={.items[?(@.status.phase=="Active")].metadata.name}'])
  ).split(' ');
  // Helm makes this one, and nobody removes it.
  const left = names.filter((name) => !(OF_THE_CLUSTER.test(name) || name === NAMESPACE));
  if (left.length === 0) return;
  say(`an earlier file of tests left the namespaces ${left.join(', ')}: removed`);
  await site.kubectl(['delete', 'namespaces', ...left, '--timeout=90s'], { timeout: LIMIT_MS });
}

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
