import { isDeepStrictEqual } from 'node:util';
import type { V1Endpoint, V1EndpointSlice } from '@kubernetes/client-node';
import type { Family } from '../../common/addresses.ts';
import { type Cached, keptMetadata } from './resource-cache.ts';

/** An endpoint that is ready, and its node. */
export interface SliceEndpoint {
  readonly node: string;
  readonly address: string;
}

/** What is kept of an EndpointSlice. */
export interface EndpointSliceFacts extends Cached {
  /** Name of its Service, in its own namespace; empty: it has none. */
  readonly service: string;
  readonly family: Family;
  /** The first TCP port; undefined: there is none. */
  readonly port: number | undefined;
  readonly endpoints: readonly SliceEndpoint[];
}

const FAMILIES: Readonly<Record<string, Family>> = { IPv4: 4, IPv6: 6 };
const SERVICE_LABEL = 'kubernetes.io/service-name';

/** The same that kube-proxy counts: one that ends is not ready (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions). */
function readyEndpoint({ addresses, conditions, nodeName = '' }: V1Endpoint): SliceEndpoint[] {
  const [address] = addresses;
  return address === undefined || nodeName === '' || conditions?.ready === false ? [] : [{ node: nodeName, address }];
}

/** Takes from an EndpointSlice what is used of it. */
export function endpointSliceFacts({
  metadata,
  addressType,
  ports,
  endpoints,
}: Omit<V1EndpointSlice, 'endpoints'> & { readonly endpoints?: readonly V1Endpoint[] | null }): EndpointSliceFacts {
  const family = FAMILIES[addressType];
  const port = (ports ?? []).find(({ protocol = 'TCP', port: number }) => protocol === 'TCP' && number !== undefined);
  return {
    metadata: keptMetadata(metadata),
    service: metadata?.labels?.[SERVICE_LABEL] ?? '',
    family: family ?? 4,
    port: port?.port,
    endpoints: family === undefined ? [] : (endpoints ?? []).flatMap(readyEndpoint),
  };
}

/** By what a Service is called among all. Pure. */
export function serviceKeyOf({ metadata, service }: Pick<EndpointSliceFacts, 'metadata' | 'service'>): string {
  return `${metadata.namespace ?? ''}/${service}`;
}

/** Whether two states of a slice differ in nothing that is used. */
export function sameEndpointSlice(before: EndpointSliceFacts, after: EndpointSliceFacts): boolean {
  const [{ metadata: _, ...a }, { metadata: __, ...b }] = [before, after];
  return isDeepStrictEqual(a, b);
}
