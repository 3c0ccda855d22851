import { BgpStatusFile } from './bgp-status.ts';
import { ConfiguredProcess } from './configured-process.ts';
import { DrainFiles } from './drain-files.ts';
import { KEEPALIVED } from './keepalived-exchange.ts';
import { LoopbackFile } from './loopback.ts';
import { PROXY, type ProxyStatus } from './proxy-exchange.ts';
import { ProxyFiles } from './proxy-files.ts';
import { RedirectsFile } from './redirects.ts';
import { SharedDirectory } from './shared-directory.ts';
import { SupervisedProcess } from './supervised-process.ts';
import type { SupervisorStatus } from './supervisor-status.ts';
import { TrackFiles } from './track-files.ts';
import { VirtualServersFile } from './virtual-servers.ts';

/** All that the sidecar shares with the other container, by purpose. */
export interface Runtime {
  readonly directory: SharedDirectory;
  readonly keepalived: SupervisedProcess<SupervisorStatus>;
  readonly tracks: TrackFiles;
  readonly drains: DrainFiles;
  readonly loopback: LoopbackFile;
  readonly redirects: RedirectsFile;
  readonly virtualServers: VirtualServersFile;
}

/** All that the sidecar shares with the proxy's container. */
export interface ProxyRuntime {
  readonly directory: SharedDirectory;
  readonly process: ConfiguredProcess<ProxyStatus>;
  readonly files: ProxyFiles;
}

/** What there is in the directory that is shared with the proxy's container; nothing is touched yet. */
export function proxyRuntimeIn(path: string): ProxyRuntime {
  const directory = new SharedDirectory({ path });
  const process = new ConfiguredProcess(PROXY, { directory });
  return { directory, process, files: new ProxyFiles({ directory }) };
}

/** What one of the containers with BIRD tells, in a directory that it shares with the sidecar. */
export function bgpStatusIn(path: string): BgpStatusFile {
  return new BgpStatusFile({ directory: new SharedDirectory({ path }) });
}

/** What there is in a shared directory; nothing is touched yet. */
export function runtimeIn(path: string): Runtime {
  const directory = new SharedDirectory({ path });
  return {
    directory,
    keepalived: new SupervisedProcess(KEEPALIVED, { directory }),
    tracks: new TrackFiles({ directory }),
    drains: new DrainFiles({ directory }),
    loopback: new LoopbackFile({ directory }),
    redirects: new RedirectsFile({ directory }),
    virtualServers: new VirtualServersFile({ directory }),
  };
}
