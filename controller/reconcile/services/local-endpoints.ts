import { MAX_HELD_ENDPOINTS } from '../../../api/node-plan.ts';
import { canonical, type Family } from '../../../common/addresses.ts';
import { compareText } from '../../../common/compare-text.ts';
import { type EndpointSliceFacts, serviceKeyOf } from '../../kubernetes/endpoint-slice-facts.ts';
import type { NodeEndpoint, NodeEndpoints } from '../../plan/types.ts';
import type { ProbeWish } from '../../services/probe.ts';

/** Slices by their Service, see `serviceKeyOf`. Pure. */
export function slicesByService(
  slices: readonly EndpointSliceFacts[],
): ReadonlyMap<string, readonly EndpointSliceFacts[]> {
  return Map.groupBy(slices, serviceKeyOf);
}

function byAddress(a: NodeEndpoint, b: NodeEndpoint): number {
  return compareText(a.address, b.address);
}

/** kube-proxy counts addresses, so that each is here once, too. */
function eachOnce(endpoints: readonly NodeEndpoint[]): NodeEndpoint[] {
  const byText = new Map(endpoints.toSorted(byAddress).map((endpoint) => [endpoint.address, endpoint]));
  return [...byText.values()].slice(0, MAX_HELD_ENDPOINTS);
}

/**
 * The endpoints that each node has of a Service. Pure.
 * @param slices of the Service
 * @param family of the addresses that kube-proxy counts; undefined: IPv4
 */
export function endpointsByNode(
  slices: readonly EndpointSliceFacts[],
  { port }: ProbeWish,
  family: Family = 4,
): NodeEndpoints {
  const all = slices
    .filter((slice) => slice.family === family)
    .flatMap((slice) => {
      const asked = port ?? slice.port;
      if (asked === undefined) return [];
      return slice.endpoints.map(({ node, address }) => ({ node, address: canonical(address), port: asked }));
    });
  const byNode = Map.groupBy(all, ({ node }) => node);
  return new Map(
    [...byNode]
      .toSorted(([a], [b]) => compareText(a, b))
      .map(([node, own]) => [node, eachOnce(own.map(({ address, port: at }) => ({ address, port: at })))]),
  );
}
