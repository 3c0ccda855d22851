import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ensureTool } from '../../scripts/tools.ts';
import { ensureDebianRoot } from '../support/debian-root.ts';
import { prepareMachine } from '../support/prepare-machine.ts';
import type { Say } from '../support/print.ts';

/** What every machine of a cluster is made of; all of it is made once per version and kept in the user's cache. */
export interface ClusterParts {
  /** Debian tree that lies under every machine's root. */
  readonly lower: string;
  /** Folder with the Kubernetes and etcd binaries. */
  readonly kubernetes: string;
}

/** Hierarchies of cgroup version 1 that a container runtime works with. */
export const CONTROLLERS = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'systemd'];

const SUITE = 'trixie';
const PACKAGES = [
  'containerd',
  'runc',
  'containernetworking-plugins',
  'iptables',
  'nftables',
  'conntrack',
  'iproute2',
  'procps',
  'mount',
  'util-linux',
  // kubelet: port-forward and network statistics
  'socat',
  'ethtool',
  // Process 1 and what keeps the services running.
  'tini',
  'runit',
];

function checkCgroups(): void {
  const missing = CONTROLLERS.filter((name) => !existsSync(`/sys/fs/cgroup/${name}/cgroup.procs`));
  if (missing.length > 0) {
    throw new Error(
      `the cluster needs cgroup version 1, this machine lacks the hierarchies ${missing.join(', ')}: boot it with systemd.unified_cgroup_hierarchy=0`,
    );
  }
}

/**
 * Makes sure that the machine can run a cluster, and builds what is missing: Kubernetes takes some ten minutes the first time,
 * everything later a second.
 * @throws Error that names what is missing and how to get it.
 */
export async function readyParts(say: Say): Promise<ClusterParts> {
  await prepareMachine();
  checkCgroups();
  const lower = await ensureDebianRoot({ label: 'machine-root', suite: SUITE, packages: PACKAGES }, say);
  return { lower, kubernetes: dirname(await realpath(await ensureTool('hyperkube'))) };
}
