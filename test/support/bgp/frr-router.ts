import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerOptions } from '../container.ts';
import { ensureDebianRoot } from '../debian-root.ts';
import { RUN } from './router.ts';

const ROOT = { label: 'frr-root', suite: 'trixie', packages: ['frr'] };

/** FRR's programs as its own script starts them, but in this container; then they are told the configuration, as `vtysh -b` does at a boot. */
const START = `#!/bin/sh
set -eu
for program in mgmtd zebra bfdd bgpd; do
	"/usr/lib/frr/$program" --vty_port 0 --log stdout --log-level debugging &
done
until vtysh -c 'show version' -c 'show bgp summary' -c 'show bfd peers' >/dev/null 2>&1; do sleep 0.1; done
vtysh -f ${RUN}/frr.conf
echo 'configured'
wait
`;

/** How FRR of a router runs. @param folder for its files, which is {@link RUN} in the container */
export async function frrRouter(
  folder: string,
  configuration: string,
): Promise<Pick<ContainerOptions, 'root' | 'argv' | 'capabilities' | 'tmpfs'>> {
  writeFileSync(join(folder, 'frr.conf'), configuration);
  writeFileSync(join(folder, 'start'), START, { mode: 0o755 });
  return {
    root: await ensureDebianRoot(ROOT),
    argv: ['/bin/sh', `${RUN}/start`],
    // What its unit file leaves it, and what it takes to be root's.
    capabilities: [
      ...['NET_ADMIN', 'NET_RAW', 'NET_BIND_SERVICE', 'SYS_ADMIN', 'SYS_RESOURCE', 'IPC_LOCK'],
      ...['SETUID', 'SETGID', 'CHOWN', 'FOWNER', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'KILL'],
    ],
    tmpfs: ['/run/frr', '/var/lib/frr', '/var/tmp', '/tmp'],
  };
}
