import * as z from 'zod';
import { SERVICES_DEFAULTS } from './defaults.ts';
import { labelExpressionsSchema, labelValuesSchema } from './label-selector.ts';
import { matching, ruled, ruledText } from './rules.ts';

/*
 * Which Services of type LoadBalancer get addresses from a pool, and on what terms.
 */

/** Lower comes first. */
export const PRIORITY_LIMITS = { least: 0, most: 1_000_000 } as const;
/** Seconds that an address waits for its Service; a year at most. */
export const RETAIN_LIMITS = { least: 0, most: 31_536_000 } as const;

/** Names of namespaces (RFC 1123 section 2.1). */
const namespaceSchema = ruledText(63, [
  matching(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'is no name of a namespace; a-z, 0-9 and - are allowed'),
]);

function labelSelector(what: string) {
  return z
    .object({
      matchLabels: labelValuesSchema.optional().describe('Labels that it must have with these values.'),
      matchExpressions: labelExpressionsSchema.optional().describe('Requirements, all of which must hold.'),
    })
    .describe(what);
}

/** What a pool's `services` says. */
export const poolServicesSchema = ruled(
  z.object({
    autoAssign: z
      .boolean()
      .optional()
      .describe(
        `Default: ${SERVICES_DEFAULTS.autoAssign}. False: only Services that ask for the pool, or for an address of it, get one.`,
      ),
    disabled: z
      .boolean()
      .optional()
      .describe(`Default: ${SERVICES_DEFAULTS.disabled}. True: nobody gets a new address, and what is given stays.`),
    priority: z
      .int()
      .min(PRIORITY_LIMITS.least)
      .max(PRIORITY_LIMITS.most)
      .optional()
      .describe(
        `Of several pools the one with the lowest is taken first, among equals that of which more is free. Default: ${SERVICES_DEFAULTS.priority}.`,
      ),
    namespaces: z
      .array(namespaceSchema)
      .max(256)
      .optional()
      .describe(
        'Namespaces whose Services may have addresses. All that is set of namespaces and selectors must match.',
      ),
    namespaceSelector: labelSelector('Namespaces whose Services may have addresses, by label.').optional(),
    serviceSelector: labelSelector('Services that may have addresses, by label.').optional(),
    fence: z
      .boolean()
      .optional()
      .describe(
        `Default: ${SERVICES_DEFAULTS.fence}. True: the namespaces get addresses from fenced pools of theirs only, whatever their Services ask for.`,
      ),
    sharing: z
      .enum(['Never', 'SameNamespace', 'AnyNamespace'])
      .optional()
      .describe(
        `Which Services may share an address, by a common key and with different ports. Default: ${SERVICES_DEFAULTS.sharing}.`,
      ),
    health: z
      .enum(['Endpoints', 'Probe', 'Always'])
      .optional()
      .describe(
        `How a node knows whether it has an endpoint of a Service with externalTrafficPolicy Local. Endpoints: by kube-proxy's word. Probe: by connections that it holds to its own endpoints besides. Always: it does not ask, and may have the address without one. Default: ${SERVICES_DEFAULTS.health}.`,
      ),
    retainSeconds: z
      .int()
      .min(RETAIN_LIMITS.least)
      .max(RETAIN_LIMITS.most)
      .optional()
      .describe(
        `Seconds that an address is kept for a Service that was deleted, should it be created again. Default: ${SERVICES_DEFAULTS.retainSeconds}. 0: it is free at once.`,
      ),
  }),
  {
    // No names mean all namespaces otherwise: such a fence would keep every namespace from every other pool.
    test: ({ fence = false, namespaces = [], namespaceSelector }) =>
      !fence || namespaces.length > 0 || namespaceSelector !== undefined,
    cel: '!has(self.fence) || !self.fence || (has(self.namespaces) && self.namespaces.size() > 0) || has(self.namespaceSelector)',
    sentence: 'fence needs namespaces or namespaceSelector, which say for whom it is',
  },
).describe('Which Services of type LoadBalancer get addresses of the ranges. Absent: none.');

/** Which Services a pool serves, and on what terms. */
export type PoolServices = z.infer<typeof poolServicesSchema>;
/** Labels that something must have. */
export type LabelSelector = NonNullable<PoolServices['namespaceSelector']>;
