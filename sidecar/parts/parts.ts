import type { Logger } from 'pino';
import type { PodAccess } from '../../common/kubernetes-access.ts';
import { userAgentOf } from '../../common/user-agent.ts';
import { EventLoopLag } from '../checks/event-loop-lag.ts';
import type { LoadedSettings } from '../config/load.ts';
import { Post } from '../connections/post.ts';
import { Resetter } from '../connections/resetter.ts';
import { TranslatedConnections } from '../connections/translated.ts';
import type { Placements } from '../desired/placement.ts';
import type { Cordon } from '../fitness/cordon.ts';
import { InstanceSet } from '../instances/instance-set.ts';
import type { ForeignRouterWatch } from '../keepalived/foreign-router-watch.ts';
import { holdsByVrrp } from '../keepalived/holder.ts';
import { presentAddresses } from '../network/network.ts';
import { DRAIN_REQUEST } from '../runtime/drain-files.ts';
import { KEEPALIVED, NOTIFY_FIFO } from '../runtime/keepalived-exchange.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { connectionSettingsOf } from '../sources/connections.ts';
import { certifiedAddressesOf, proxySettingsOf } from '../sources/proxy.ts';
import type { Metrics } from '../status/metrics.ts';
import { Bgp, type BgpFiles } from './bgp.ts';
import { Certificates } from './certificates.ts';
import { Checks } from './checks.ts';
import { Configuration } from './configuration.ts';
import { Connections, redirectedPorts } from './connections.ts';
import { createCordon } from './cordon.ts';
import { DesiredState } from './desired-state.ts';
import { Drains } from './drains.ts';
import { watchForeignRouters } from './foreign-routers.ts';
import { Loopback } from './loopback.ts';
import { Notifications } from './notifications.ts';
import { type ControlPlaneProxy, createProxy, type ProxyShared } from './proxy.ts';
import { RealServers } from './real-servers.ts';
import { PROXY_CHECK, Redirection } from './redirects.ts';
import { SettingsInForce } from './settings-in-force.ts';
import { SharedFiles } from './shared-files.ts';
import { Supervisor } from './supervisor.ts';
import { TrackFileCleaner } from './track-file-cleaner.ts';
import { VirtualServers } from './virtual-servers.ts';

/** What the parts need to know of the node and of the release. */
export interface PartsOptions {
  readonly node: string;
  readonly nodeAddress: string;
  readonly version: string;
  readonly kubeApi: PodAccess;
  readonly loaded: LoadedSettings;
  /** The key that nodes know each other by, where no file has it. */
  readonly connectionsKey?: string | undefined;
  /** Order of the nodes as it was last known; may be empty. */
  readonly nodes: readonly string[];
  /** Where this node's instances were found before this process began. */
  readonly placements?: Placements;
}

/** What the parts work on and report to. */
export interface PartsDependencies {
  readonly runtime: Runtime;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Called whenever something may have changed in the status for the controller, which is read later. */
  readonly onReport: () => void;
  /** Called when instances were found elsewhere than before, to keep that over a restart. */
  readonly onPlacements: (placements: Placements) => void;
  /** What is shared with the proxy's container, and what is kept for it; null: there is no such container. */
  readonly proxy: ProxyShared | null;
  /** What the containers that announce tell; null: there are none. */
  readonly bgp: BgpFiles | null;
}

/** The sidecar's parts, each of one subject. */
export interface Parts {
  readonly lag: EventLoopLag;
  readonly files: SharedFiles;
  readonly notifications: Notifications;
  readonly settings: SettingsInForce;
  readonly desired: DesiredState;
  readonly configuration: Configuration;
  readonly instances: InstanceSet;
  readonly supervisor: Supervisor;
  readonly foreign: ForeignRouterWatch;
  readonly cleaner: TrackFileCleaner;
  readonly cordon: Cordon;
  readonly drains: Drains;
  readonly checks: Checks;
  readonly loopback: Loopback;
  readonly redirection: Redirection;
  readonly virtualServers: VirtualServers;
  readonly realServers: RealServers;
  readonly connections: Connections;
  /** Null: there is no container for one. */
  readonly proxy: ControlPlaneProxy | null;
  readonly certificates: Certificates;
  /** Null: nothing is announced. */
  readonly bgp: Bgp | null;
}

/** Makes the parts and connects them; none begins yet. */
export function createParts(options: PartsOptions, dependencies: PartsDependencies): Parts {
  const { node, nodeAddress, nodes, version, loaded, kubeApi, placements = {} } = options;
  const { runtime, log, metrics, onReport, onPlacements } = dependencies;
  const review = () => {
    instances.review();
    loopback.review();
  };
  const userAgent = userAgentOf(version);
  const lag = new EventLoopLag({ sampleMillis: 50 });
  const settings = new SettingsInForce({ loaded, apiIsKnown: kubeApi.url !== undefined }, { ...metrics, log });
  const desired: DesiredState = new DesiredState(
    { node, nodeAddress, nodes },
    {
      settings,
      // In this order: gates and offsets are there when keepalived reads of the instances.
      apply: (current) => {
        checks.update(current.desired);
        instances.set(current.desired.instances);
        loopback.set(current.desired.loopback);
        void redirection.review();
        void virtualServers.review();
        return configuration.reconcile();
      },
      onReport,
      log,
    },
  );
  const checks: Checks = new Checks(
    { kubeApi, userAgent },
    {
      lag,
      onChange: () => {
        review();
        void redirection.review();
      },
      probed: metrics.probed,
      log,
    },
  );
  const cordon: Cordon = createCordon({ onChange: review, log });
  const drains: Drains = new Drains({
    files: runtime.drains,
    holder: () => instances.holder || loopback.holder,
    timeoutSeconds: () => settings.settings.drain.timeoutSeconds,
    onChange: review,
    log,
  });
  const instances: InstanceSet = new InstanceSet({
    files: runtime.tracks,
    inputOf: (instance) => ({
      draining: drains.draining,
      cordoned: cordon.cordoned,
      incomplete: configuration.outcome.isIncomplete(instance.name) || virtualServers.lacks(instance.vrrp.addresses),
      checks: checks.judge(instance.checks),
      endpoints: checks.endpointsOf(instance.checks),
    }),
    presentAddresses,
    onTransition: (instance, { state }) => {
      metrics.transition(instance, state);
      if (state === 'BACKUP') foreign.pollFast();
      void redirection.addressMoved();
      if (state === 'MASTER') connections.tookOver(addressesOf(instance.name));
    },
    onStatesNeeded: () => supervisor.requestStates(),
    onElection: () => loopback.review(),
    onChange: onReport,
    log,
  });
  const loopback: Loopback = new Loopback({
    file: runtime.loopback,
    inputOf: ({ checks: own }) => ({
      draining: drains.draining,
      cordoned: cordon.cordoned,
      checks: checks.judge(own),
    }),
    presentAddresses,
    isElected: (name) => instances.isElected(name),
    isKnown: () => !desired.plan.view.watched || desired.plan.view.plan !== undefined,
    ownAddresses: () => configuration.outcome.ownAddresses,
    status: () => supervisor.status,
    wake: () => runtime.keepalived.wake(),
    onChange: onReport,
    log,
  });
  const cleaner = new TrackFileCleaner({
    tracks: runtime.tracks,
    instances: () => instances.all.map(({ desired: { name } }) => name),
    log,
  });
  const configuration: Configuration = new Configuration(
    { node, nodeAddress, placements },
    {
      runtime,
      desiredNode: () => desired.current,
      onPlacements,
      onMade: (made) => instances.offered(made),
      onRunning: (running) => {
        cleaner.remove(instances.setRunning(running));
        onReport();
      },
      onChange: () => {
        review();
        onReport();
      },
      log,
    },
  );
  const notifications = new Notifications(
    { path: runtime.directory.file(NOTIFY_FIFO) },
    { onNotification: (notification) => instances.notify(notification), onChange: onReport, log },
  );
  const { keepalived } = runtime;
  const supervisor: Supervisor = new Supervisor({
    keepalived,
    configuration,
    learn: (states) => instances.learn(states),
    onChange: onReport,
    onVirtualServers: () => {
      review();
      realServers.review();
      void redirection.review();
      void virtualServers.review();
    },
    log,
  });
  const redirection: Redirection = new Redirection({
    file: runtime.redirects,
    settings: () => proxySettingsOf(settings.settings),
    accepts: () => checks.set.view(PROXY_CHECK)?.healthy,
    hasIpvs: () => virtualServers.available,
    wake: () => keepalived.wake(),
    log,
  });
  const addressesOf = (name: string) => (instances.get(name)?.holder.desired ?? []).map(({ address }) => address);
  const connections: Connections = new Connections({
    settings: () => connectionSettingsOf(settings.settings),
    running: () => configuration.running,
    held: () => heldBy(instances),
    redirected: () => redirectedPorts(proxySettingsOf(settings.settings)),
    key: options.connectionsKey ?? '',
    post: (onDatagram) => new Post({ onDatagram }),
    resetter: new Resetter({ directory: runtime.directory.path }),
    translated: new TranslatedConnections({ directory: runtime.directory.path }),
    asked: metrics.asked,
    holderLost: async (node) => proxy?.lost(node),
    log,
  });
  const foreign: ForeignRouterWatch = watchForeignRouters({
    keepalived,
    running: () => configuration.running,
    onChange: onReport,
    log,
  });
  const proxy = createProxy(dependencies.proxy, {
    options: { nodeAddress, kubeApi, userAgent },
    settings: () => proxySettingsOf(settings.settings),
    draining: () => drains.draining,
    onBackends: () => void virtualServers.review(),
    ...{ lag, log },
  });
  const certificates = new Certificates(
    { nodeAddress },
    {
      settings: () => certifiedAddressesOf(settings.settings),
      servers: () => proxy?.servers ?? null,
      log,
    },
  );
  const realServers: RealServers = new RealServers(
    { nodeAddress },
    {
      ipvs: () => proxySettingsOf(settings.settings)?.ipvs,
      status: () => supervisor.status?.virtualServers,
      addresses: () => proxy?.backends?.map(({ address }) => address) ?? [],
      onChange: () => void virtualServers.review(),
      log,
    },
  );
  const virtualServers: VirtualServers = new VirtualServers({
    file: runtime.virtualServers,
    settings: () => proxySettingsOf(settings.settings),
    backends: () =>
      proxy?.backends?.map((backend) => ({ ...backend, prepared: realServers.isPrepared(backend.address) })),
    status: () => supervisor.status?.virtualServers,
    wake: () => keepalived.wake(),
    log,
  });
  const { bgp: files } = dependencies;
  const bgp =
    files && new Bgp({ files, wanted: () => settings.settings.bgp?.enabled === true, onFamilies: onReport, log });
  const onChange = {
    [NOTIFY_FIFO]: () => notifications.start(),
    [KEEPALIVED.status]: () => supervisor.read(),
    [DRAIN_REQUEST]: () => drains.checkRequest(),
  };
  const sharedFiles = new SharedFiles({ runtime, onChange, log });
  return {
    ...{ lag, files: sharedFiles, notifications, settings, desired, configuration, instances },
    ...{
      supervisor,
      foreign,
      cleaner,
      cordon,
      drains,
      checks,
      loopback,
      redirection,
      realServers,
      connections,
      virtualServers,
      proxy,
      certificates,
      bgp,
    },
  };
}

/** The virtual addresses that this node holds. */
function heldBy({ all }: Pick<InstanceSet, 'all'>): string[] {
  const holders = all.filter(({ holder }) => holdsByVrrp(holder.state));
  return holders.flatMap(({ holder }) =>
    holder.state.addresses.filter(({ present }) => present).map(({ address }) => address),
  );
}
