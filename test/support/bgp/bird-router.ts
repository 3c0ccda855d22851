import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerOptions } from '../container.ts';
import { ensureImageRoot } from '../image-root.ts';
import { type Neighbour, NODES_AS, ROUTERS_AS, type RouterPlace, RUN } from './router.ts';

const FAMILIES = [4, 6] as const;

/** What differs between routers with BIRD. */
export interface BirdSetup {
  /** Of the IPv4 sessions. */
  readonly password?: string;
  /**
   * Nodes reach it at its IPv4 address in the client's network, on none of theirs: over two hops where they come by the other router. There is
   * no IPv6 then.
   */
  readonly multihop?: boolean;
}

function session({ name, addresses }: Neighbour, family: 4 | 6, from: string | undefined, { password }: BirdSetup) {
  return `protocol bgp ${name}_${family} {
  local ${from === undefined ? '' : `${from} `}as ${ROUTERS_AS};
  neighbor ${addresses[family]} as ${NODES_AS};
  ${from === undefined ? 'direct' : 'multihop 2'};
  passive on;
  bfd on;
  graceful restart on;
  error wait time 1, 5;
  ${family === 4 && password !== undefined ? `authentication md5; password "${password}";` : ''}
  ipv${family} { import all; export none; ${family === 6 ? 'next hop prefer global;' : ''} };
}`;
}

/** What BIRD of a router is told. Pure. */
export function birdConfiguration(place: RouterPlace, nodes: readonly Neighbour[], setup: BirdSetup): string {
  const kernel = (family: 4 | 6) =>
    `protocol kernel { merge paths on; ipv${family} { import none; export where source = RTS_BGP; }; }`;
  const from = setup.multihop === true ? place.behind : undefined;
  const families = from === undefined ? FAMILIES : ([4] as const);
  return `log stderr all;
router id ${place.address};
debug protocols { states, events };
protocol device { scan time 10; }
${from === undefined ? '' : 'protocol direct { ipv4; }'}
protocol bfd { interface "*" { interval 100 ms; multiplier 5; }; multihop { interval 100 ms; multiplier 5; }; }
${FAMILIES.map(kernel).join('\n')}
${nodes.flatMap((node) => families.map((family) => session(node, family, from, setup))).join('\n')}
`;
}

/** How BIRD of a router runs. @param folder for its files, which is {@link RUN} in the container */
export async function birdRouter(
  folder: string,
  configuration: string,
): Promise<Pick<ContainerOptions, 'root' | 'argv' | 'capabilities'>> {
  writeFileSync(join(folder, 'bird.conf'), configuration);
  return {
    root: await ensureImageRoot(undefined, 'bird'),
    argv: ['/usr/sbin/bird', '-f', '-c', `${RUN}/bird.conf`, '-s', `${RUN}/ctl`],
    capabilities: ['NET_ADMIN', 'NET_RAW', 'NET_BIND_SERVICE'],
  };
}
