import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterPlan } from '../cluster/plan.ts';
import { clusterDirectory } from '../cluster/state.ts';
import { NODES_AS, ROUTERS_AS, RUN } from '../support/bgp/router.ts';
import { startContainer } from '../support/container.ts';
import { ensureImageRoot } from '../support/image-root.ts';
import { sysctl } from '../support/netns.ts';

/** What BIRD is told: to learn from each node, and to give its kernel all equal ways. Pure. */
export function routerConfiguration({ gateway, nodes }: Pick<ClusterPlan, 'gateway' | 'nodes'>): string {
  const sessions = nodes.map(({ name, ipv4 }) => {
    return `protocol bgp ${name} {
  local ${gateway} as ${ROUTERS_AS};
  neighbor ${ipv4} as ${NODES_AS};
  direct;
  passive on;
  ipv4 { import all; export none; };
}`;
  });
  return `log stderr all;
router id ${gateway};
protocol device {}
protocol kernel { merge paths on; ipv4 { import none; export where source = RTS_BGP; }; }
${sessions.join('\n')}
`;
}

/**
 * Makes the router between the remote client and the nodes one that learns by BGP which nodes have an address, and spreads connections
 * over all of them by their addresses and ports. It ends with the cluster.
 */
export async function startRouter(plan: ClusterPlan): Promise<void> {
  await sysctl(plan.switchNetns, { 'net.ipv4.fib_multipath_hash_policy': '1' });
  const folder = join(clusterDirectory(plan.name), 'router');
  await mkdir(folder);
  await writeFile(join(folder, 'bird.conf'), routerConfiguration(plan));
  await startContainer({
    netns: plan.switchNetns,
    root: await ensureImageRoot(undefined, 'bird'),
    argv: ['/usr/sbin/bird', '-f', '-c', `${RUN}/bird.conf`, '-s', `${RUN}/ctl`],
    capabilities: ['NET_ADMIN', 'NET_RAW', 'NET_BIND_SERVICE'],
    binds: [{ host: folder, container: RUN, readOnly: false }],
    logFile: join(folder, 'bird.log'),
  });
}
