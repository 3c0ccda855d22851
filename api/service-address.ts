import * as z from 'zod';
import { familyOf, groupsOf, IP_ADDRESS } from '../common/addresses.ts';
import { NO_VIRTUAL_ADDRESS } from './addresses.ts';
import { conditionSchema } from './conditions.ts';
import { RETAIN_LIMITS } from './pool-services.ts';
import { boundedText, matching, notMatching, ruled, ruledText } from './rules.ts';
import type { ServedObject } from './served-object.ts';
import { POOL_NAME_LENGTH } from './virtual-ip-pool.ts';

/*
 * ServiceAddress: the claim on one address for Services of type LoadBalancer. Cluster-scoped and named after the address, so that the API
 * server gives an address once: it refuses the second object of a name. Written by the controller, before anything else says that the
 * Service has the address.
 */

/** Longest text of an address in canonical form. */
const ADDRESS_LENGTH = 39;
/** Services that share one address, at most. */
const MOST_OWNERS = 64;
/** Names of objects are DNS subdomains at the longest (RFC 1123); those of Services and namespaces are labels. */
const LABEL_LENGTH = 63;
/** Longest key for sharing that is kept. */
export const SHARING_KEY_LENGTH = 253;

/**
 * Name of the claim on an address: IPv4 as it is, IPv6 spelt out, with dashes, since names have no colons. Pure.
 * @param address without a prefix, in whatever notation
 * @throws Error when it is no address
 */
export function claimName(address: string): string {
  return familyOf(address) === 6 ? groupsOf(address).join('-') : address;
}

const retainSeconds = z.int().min(RETAIN_LIMITS.least).max(RETAIN_LIMITS.most);

const ownerSchema = z
  .object({
    namespace: boundedText(LABEL_LENGTH).min(1).describe('Namespace of the Service.'),
    name: boundedText(LABEL_LENGTH).min(1).describe('Name of the Service.'),
    uid: boundedText(128).min(1).describe('UID of the Service.'),
    by: z
      .enum(['ExternalIPs'])
      .optional()
      .describe('ExternalIPs: it has the address because its spec.externalIPs says so. Absent: as a load balancer.'),
    retainSeconds: retainSeconds
      .optional()
      .describe('Seconds that the address is to be kept for it when it is gone. Absent: as the pool says.'),
  })
  .describe('A Service that has the address.');

const sharingKey = boundedText(SHARING_KEY_LENGTH);

const retainedSchema = z
  .object({
    namespace: ownerSchema.shape.namespace,
    name: ownerSchema.shape.name,
    sharingKey: sharingKey.optional().describe('The key by which it was shared.'),
    since: z.iso.datetime({ offset: true }).describe('Since when nobody has it.'),
    retainSeconds: retainSeconds.optional().describe('For how long, as the Service wished. Absent: as the pool says.'),
  })
  .describe('The Service that may have it back, for as long as the pool says.');

/** What is claimed, and for whom. */
export const serviceAddressSpecSchema = ruled(
  z.object({
    address: ruledText(ADDRESS_LENGTH, [
      matching(IP_ADDRESS, 'is not an IPv4 or IPv6 address without a prefix'),
      notMatching(
        /[A-F]|(^|:)0[0-9a-f]/,
        'is not in the shortest notation, in which addresses are compared (RFC 5952)',
      ),
      notMatching(NO_VIRTUAL_ADDRESS, 'is no address that a Service can have'),
    ]).describe('The address, in the shortest notation (RFC 5952), without a prefix.'),
    pool: boundedText(POOL_NAME_LENGTH).min(1).describe('The VirtualIPPool that it is from.'),
    sharingKey: sharingKey.optional().describe('Services with this key may share it.'),
    owners: z
      .array(ownerSchema)
      .max(MOST_OWNERS)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['namespace', 'name'] })
      .describe('Services that have it. Empty: it is retained.'),
    retained: retainedSchema.optional(),
  }),
  {
    test: ({ owners, retained }) => owners.length > 0 || retained !== undefined,
    cel: 'size(self.owners) > 0 || has(self.retained)',
    sentence: 'give owners, or say for whom the address is retained',
  },
).describe('Who has the address.');

/** What is. */
export const serviceAddressStatusSchema = z.object({
  conditions: z
    .array(conditionSchema)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .describe(
      'Held: one node has the address, as it reports. OutsidePool, only where it is so: the pool would not give it any more.',
    ),
  plannedNode: z.string().optional().describe('Node that the plan prefers.'),
  holders: z
    .array(z.string())
    .describe(
      'Nodes that have it on an interface, as they report: one, unless every fit node is to have it or something is wrong. Not all are named.',
    ),
  holderCount: z.int().optional().describe('How many nodes have it, where every fit node is to.'),
  since: z.iso.datetime({ offset: true }).optional().describe('Since when the holder has it.'),
});

/**
 * That the name is the address's (see {@link claimName}), in CEL: of the name's groups the leading zeros are left away, and what `::` stands
 * for must be zeros. The parts are bound to names by lists of one.
 */
const CEL_IS_NAMED = [
  "!self.spec.address.contains(':') ? self.metadata.name == self.spec.address : ",
  "self.metadata.name.matches('^([0-9a-f]{4}-){7}[0-9a-f]{4}$') && ",
  "[('-' + self.metadata.name).replace('-0', '-').replace('-0', '-').replace('-0', '-').replace('-', ':')].all(full, ",
  "[self.spec.address.indexOf('::')].all(gap, gap < 0 ? full == ':' + self.spec.address : ",
  "[gap == 0 ? '' : ':' + self.spec.address.substring(0, gap)].all(head, ",
  "[self.spec.address.endsWith('::') ? '' : self.spec.address.substring(gap + 1)].all(tail, ",
  'full.startsWith(head) && full.endsWith(tail) && size(head) + size(tail) < size(full) && ',
  "full.substring(size(head), size(full) - size(tail)).matches('^(:0)+$')))))",
].join('');

/** What the API server asks of the object as a whole. */
export const serviceAddressRules = {
  'x-kubernetes-validations': [
    {
      rule: CEL_IS_NAMED,
      message:
        'metadata.name must be the address, so that nobody can give it twice: IPv4 as it is, IPv6 as eight groups of four digits joined by dashes',
    },
    {
      rule: 'self.spec.address == oldSelf.spec.address',
      message: 'spec.address cannot be changed: the object is named after it; make another one',
    },
  ],
};

/** A Service that has an address. */
export type AddressOwner = z.infer<typeof ownerSchema>;
export type ServiceAddressSpec = z.infer<typeof serviceAddressSpecSchema>;
export type ServiceAddressStatus = z.infer<typeof serviceAddressStatusSchema>;

export type ServiceAddress = ServedObject<ServiceAddressSpec, ServiceAddressStatus>;
