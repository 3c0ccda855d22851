import * as z from 'zod';
import { canonicalAddress } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';

/** An address on which somebody serves, as an EndpointSlice tells it. */
export interface Endpoint {
  /** In canonical form. */
  readonly address: string;
  readonly port: number;
}

const metadataSchema = z.object({ name: z.string().default(''), resourceVersion: z.string().default('') });
const sliceSchema = z.object({
  metadata: metadataSchema,
  endpoints: z
    .array(
      z.object({
        addresses: z.array(z.string()).default([]),
        conditions: z.object({ ready: z.boolean().nullish() }).nullish(),
      }),
    )
    .nullish(),
  ports: z.array(z.object({ name: z.string().nullish(), port: z.int().min(1).max(65_535).nullish() })).nullish(),
});

/** An EndpointSlice (https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/), as far as it matters here. */
export interface EndpointSlice {
  readonly name: string;
  readonly resourceVersion: string;
  /** In order, each once; none that is not ready. */
  readonly endpoints: readonly Endpoint[];
}

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string().min(1) }),
  items: z.array(z.unknown()),
});

/** The API server's port in the slices that kube-apiserver writes of itself. */
const PORT_NAME = 'https';

/**
 * Reads a slice; what is no address is left away. Pure.
 * @throws Error when it is none
 */
export function readEndpointSlice(document: unknown): EndpointSlice {
  const { metadata, endpoints, ports } = sliceSchema.parse(document);
  const all = ports ?? [];
  const port = (all.find(({ name }) => name === PORT_NAME) ?? all[0])?.port ?? undefined;
  // "A nil value should be interpreted as true."
  const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
  const addresses = ready.flatMap((endpoint) => endpoint.addresses).map(canonicalAddress);
  return {
    ...metadata,
    endpoints: port === undefined ? [] : ordered(addresses.filter(isKnown).map((address) => ({ address, port }))),
  };
}

/** Reads a list of slices. Pure. @throws Error when it is none */
export function readEndpointSlices(document: unknown): {
  readonly resourceVersion: string;
  readonly items: readonly EndpointSlice[];
} {
  const { metadata, items } = listSchema.parse(document);
  return { resourceVersion: metadata.resourceVersion, items: items.map(readEndpointSlice) };
}

/** The endpoints of several slices, in order, each address once. Pure. */
export function endpointsOf(slices: Iterable<EndpointSlice>): readonly Endpoint[] {
  return ordered([...slices].flatMap(({ endpoints }) => endpoints));
}

function ordered(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const byAddress = new Map(endpoints.map((endpoint) => [endpoint.address, endpoint]));
  return [...byAddress.values()].toSorted((a, b) => compareText(a.address, b.address));
}

function isKnown(address: string | undefined): address is string {
  return address !== undefined;
}

const keptSchema = z
  .array(z.strictObject({ address: z.string(), port: z.int().min(1).max(65_535) }))
  .min(1)
  .refine((endpoints) => endpoints.every(({ address }) => canonicalAddress(address) === address));

/** Endpoints that were kept for a restart; undefined when it is none of them. Pure. */
export function readKeptEndpoints(document: unknown): readonly Endpoint[] | undefined {
  return keptSchema.safeParse(document).data;
}
