import { familyOf } from '../../common/addresses.ts';
import type { ProxyPort, ProxySettings } from '../config/control-plane.ts';
import type { VirtualServer } from '../config/virtual-servers.ts';
import type { BackendView } from '../proxy/balancer.ts';
import type { Backend } from '../proxy/sections.ts';
import type { RealServer, VirtualServices } from '../runtime/virtual-servers.ts';

/** An API server, and what is known of it. */
export interface KnownBackend extends Backend {
  /** What the proxy of this node finds of it; undefined before it has said anything. */
  readonly state: BackendView['state'] | undefined;
  /** Whether its node takes what a holder sends it for the address. */
  readonly prepared: boolean;
}

/** Puts together which API servers there are and what the proxy of this node finds of them. Pure. */
export function knownStates(
  backends: readonly Backend[],
  views: readonly Pick<BackendView, 'address' | 'state'>[],
): readonly Omit<KnownBackend, 'prepared'>[] {
  const states = new Map(views.map(({ address, state }) => [address, state]));
  return backends.map((backend) => ({ ...backend, state: states.get(backend.address) }));
}

/** By DR and TUN what is sent to a node that is not prepared is lost. Where none has said that it is, they may only not be heard. */
function preparedOf(kind: VirtualServer['kind'], backends: readonly KnownBackend[]): readonly KnownBackend[] {
  if (kind === 'NAT') return backends;
  const prepared = backends.filter(({ prepared: is }) => is);
  return prepared.length === 0 ? backends : prepared;
}

/** One that is down leaves the table, so that its clients are told; one that drains keeps what it has. */
function serversOf(
  { address, kind }: VirtualServer,
  { targetPort }: ProxyPort,
  isFirst: boolean,
  backends: readonly KnownBackend[],
): readonly RealServer[] {
  const possible = preparedOf(
    kind,
    backends.filter((backend) => familyOf(backend.address) === familyOf(address)),
  );
  const real = (backend: KnownBackend, weight: 0 | 1): RealServer => {
    return { address: backend.address, port: isFirst ? backend.port : targetPort, weight };
  };
  const serving = possible.filter(({ state }) => state === undefined || state === 'up');
  // It may be the check that is wrong: a server that answers late is better than none.
  if (serving.length === 0) return possible.map((backend) => real(backend, 1));
  return possible
    .filter(({ state }) => state !== 'down')
    .map((backend) => real(backend, serving.includes(backend) ? 1 : 0));
}

/**
 * What IPVS is to balance: every port of every address that has a virtual server, over the API servers that are up for the proxy of this
 * node, too. Pure.
 */
export function virtualServicesOf(
  { ipvs, ports }: Pick<ProxySettings, 'ipvs' | 'ports'>,
  backends: readonly KnownBackend[],
): VirtualServices {
  if (ipvs === null) return { services: [], syncId: null };
  const services = ipvs.servers.flatMap((server) =>
    ports.map((port, index) => ({
      address: server.address,
      port: port.port,
      kind: server.kind,
      scheduler: server.scheduler,
      persistenceSeconds: server.persistenceSeconds,
      delaySeconds: server.delaySeconds,
      servers: serversOf(server, port, index === 0, backends),
    })),
  );
  return { services, syncId: ipvs.syncId };
}
