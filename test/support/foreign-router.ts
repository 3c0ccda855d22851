import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Container, startContainer, stopContainer } from './container.ts';
import { ensureImageRoot } from './image-root.ts';

/** What another router on the network speaks. */
interface ForeignRouterOptions {
  /** Network namespace that it is in, and its interface there. */
  readonly netns: string;
  readonly interface: string;
  readonly virtualRouterId: number;
  /** An address that nobody else has. */
  readonly address: string;
  /** 255 by default, the highest there is. */
  readonly priority?: number;
  /** 3 by default. */
  readonly version?: 2 | 3;
  /** The group that it speaks in; that of all routers by default. */
  readonly multicastAddress?: string;
}

function configOf(options: ForeignRouterOptions): string {
  const { interface: device, virtualRouterId, address, priority = 255, version = 3, multicastAddress } = options;
  const group = multicastAddress === undefined ? '' : `mcast_dst_ip ${multicastAddress}`;
  return `global_defs {
    router_id foreign
    vrrp_version ${version}
}
vrrp_instance foreign {
    state BACKUP
    interface ${device}
    virtual_router_id ${virtualRouterId}
    priority ${priority}
    advert_int 1
    ${group}
    virtual_ipaddress {
        ${address} dev ${device}
    }
}
`;
}

/** A router that has nothing to do with the release: a keepalived of its own with an address of its own, and a router id that is not. */
export class ForeignRouter {
  readonly #container: Container;
  readonly #directory: string;

  private constructor(container: Container, directory: string) {
    this.#container = container;
    this.#directory = directory;
  }

  /** Starts it; whoever starts it stops it. */
  static async start(options: ForeignRouterOptions): Promise<ForeignRouter> {
    const directory = await mkdtemp(join(tmpdir(), 'foreign-router-'));
    await writeFile(join(directory, 'keepalived.conf'), configOf(options));
    const container = await startContainer({
      netns: options.netns,
      root: await ensureImageRoot(),
      argv: ['/usr/sbin/keepalived', '-n', '-l', '-P', '-f', '/etc/foreign/keepalived.conf'],
      binds: [{ host: directory, container: '/etc/foreign', readOnly: true }],
      tmpfs: ['/run', '/tmp'],
      capabilities: ['NET_ADMIN', 'NET_RAW'],
      logFile: join(directory, 'keepalived.log'),
    });
    return new ForeignRouter(container, directory);
  }

  /** Ends it, its address included. */
  async stop(): Promise<void> {
    await stopContainer(this.#container);
    await rm(this.#directory, { recursive: true, force: true });
  }
}
