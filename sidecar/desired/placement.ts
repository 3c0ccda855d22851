import * as z from 'zod';
import type { Passwords } from './password.ts';
import type { VirtualAddress, VrrpInstance } from './vrrp-instance.ts';

/** Where an instance's parts were found; kept while the instance is desired. Holds no secret. */
export interface Placement {
  readonly addresses: readonly Pick<VirtualAddress, 'address' | 'prefixLength' | 'interface' | 'found'>[];
  readonly unicast?: UnicastPlacement;
}

/** Where VRRP by unicast was spoken, and from which address. */
export interface UnicastPlacement {
  readonly sourceAddress: string;
  readonly interface: string;
  /** Which of the listed peers are this node, also those whose address is gone for the moment. */
  readonly own: readonly string[];
}

/** What resolving an instance rests on besides what is desired. */
export interface ResolveContext {
  /** The node's address as the downward API gives it, or ''. */
  readonly nodeAddress: string;
  /** By their files; absent: none is needed. */
  readonly passwords?: Passwords;
  /** Names of nodes by their addresses, as far as they are known from the Kubernetes API. */
  readonly nodesByAddress?: ReadonlyMap<string, string>;
  /** Where things were found before. */
  readonly before?: Placement | undefined;
  /** Whether the node's network may still be coming up, so that a subnet which is not there may be there in a moment. */
  readonly starting?: boolean;
}

/** What of an instance is to be found again. */
export function placementOf({ addresses }: VrrpInstance, unicast: UnicastPlacement | undefined): Placement {
  return {
    addresses: addresses.map(({ address, prefixLength, interface: on, found }) => {
      return { address, prefixLength, interface: on, ...(found === undefined ? {} : { found }) };
    }),
    ...(unicast === undefined ? {} : { unicast }),
  };
}

const placementSchema = z.object({
  addresses: z.array(
    z.object({
      address: z.string(),
      prefixLength: z.int(),
      interface: z.string(),
      found: z.enum(['name', 'subnet', 'route']).optional(),
    }),
  ),
  unicast: z.object({ sourceAddress: z.string(), interface: z.string(), own: z.array(z.string()) }).optional(),
});

/** Where the parts of instances were found, by the instance's name. */
export type Placements = Readonly<Record<string, Placement>>;

/** The placements in a document; undefined when it has none. */
export function readPlacements(document: unknown): Placements | undefined {
  const read = z.record(z.string(), placementSchema).safeParse(document);
  return read.success ? (read.data as Placements) : undefined;
}
