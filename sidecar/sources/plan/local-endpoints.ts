import type { PlannedPool } from '../../../api/node-plan.ts';
import { bracketed } from '../../../common/addresses.ts';
import type { CheckSpec } from '../../checks/check-spec.ts';
import type { PoolChecks } from './health-check.ts';

/**
 * A pod that is gone is to be noticed at once; the answer comes from kube-proxy's memory, and what depends on it is a priority only, so that
 * one answer is enough.
 */
const TIMING = { timeoutSeconds: 1, failureThreshold: 1, successThreshold: 1 } as const;

/**
 * How often each is asked, by how many there are: together not more than 50 times a second, which take a sixteenth of a processor. In
 * steps, for a check that is asked more seldom begins anew.
 */
const PACES: readonly { readonly upTo: number; readonly intervalSeconds: number }[] = [
  { upTo: 10, intervalSeconds: 0.2 },
  { upTo: 25, intervalSeconds: 0.5 },
  { upTo: 50, intervalSeconds: 1 },
  { upTo: 100, intervalSeconds: 2 },
];
const SLOWEST_SECONDS = 5;

function intervalFor(checks: number): number {
  return PACES.find(({ upTo }) => checks <= upTo)?.intervalSeconds ?? SLOWEST_SECONDS;
}

const UNKNOWN_ADDRESS =
  'whether this node has an endpoint is not checked: its own address is not known; give the container NODE_IP from status.hostIP';

/** The checks of local endpoints by pool, and why some cannot be made. */
interface LocalEndpointChecks extends PoolChecks {
  /** By the pool's name: keys of the endpoints that a connection is held to; absent where the plan names none, not even an empty list. */
  readonly held: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly string[];
}

type Endpoints = NonNullable<NonNullable<PlannedPool['localEndpoints']>['endpoints']>;

function heldSpecs(endpoints: Endpoints): [string, CheckSpec][] {
  return endpoints.map(({ address, port }) => [
    `endpoint ${bracketed(address)}:${port}`,
    { kind: 'heldEndpoint', address, port },
  ]);
}

/**
 * What the pools of a plan need checked to know whether this node has an endpoint: kube-proxy says so at the Service's
 * `healthCheckNodePort` (https://kubernetes.io/docs/reference/networking/virtual-ips/#external-traffic-policy). It is asked at the node's
 * address, for in nftables mode kube-proxy listens there and not on loopback. Pure.
 * @param nodeAddress empty when it is not known
 */
export function localEndpointChecks(
  pools: readonly Pick<PlannedPool, 'name' | 'localEndpoints'>[],
  nodeAddress: string,
): LocalEndpointChecks {
  const all = pools.flatMap(({ name, localEndpoints }) =>
    localEndpoints === undefined ? [] : [{ name, ...localEndpoints, host: localEndpoints.host ?? nodeAddress }],
  );
  const asked = all
    .filter(({ host }) => host !== '')
    .map(({ name, host, port, endpoints }) => ({
      name,
      url: `http://${bracketed(host)}:${port}/healthz`,
      held: endpoints === undefined ? undefined : heldSpecs(endpoints),
    }));
  const keyOf = (url: string) => `localEndpoints ${url}`;
  const timing = { intervalSeconds: intervalFor(new Set(asked.map(({ url }) => url)).size), ...TIMING };
  const specOf = (url: string): CheckSpec => ({ kind: 'localEndpoints', url, timing });
  return {
    specs: new Map([
      ...asked.map(({ url }) => [keyOf(url), specOf(url)] as const),
      ...asked.flatMap(({ held = [] }) => held),
    ]),
    held: new Map(
      asked.flatMap(({ name, held }) => (held === undefined ? [] : [[name, [...new Set(held.map(([key]) => key))]]])),
    ),
    keys: new Map(asked.map(({ name, url }) => [name, keyOf(url)])),
    problems: all.filter(({ host }) => host === '').map(({ name }) => `pool ${name}: ${UNKNOWN_ADDRESS}`),
  };
}
