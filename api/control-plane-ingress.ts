import * as z from 'zod';
import { clientAddressRules, VIRTUAL_ADDRESS_LENGTH, virtualAddressRules } from './addresses.ts';
import { conditionSchema } from './conditions.ts';
import { CONTROL_PLANE_INGRESS_PORT } from './defaults.ts';
import { boundedText, ruled, ruledText } from './rules.ts';
import type { ServedObject } from './served-object.ts';
import { healthCheckSchema } from './virtual-ip-pool.ts';

/*
 * ControlPlaneIngress: by which address the ingress of the control plane is reached. Cluster-scoped, one in a cluster; written by the chart,
 * its status by the controller, which makes a VirtualIPPool of it where the address is one that the nodes are to hold. Field names,
 * conditions and their reasons are those of MetalK8s' ClusterConfig (spec.controlPlane.ingress).
 */

/** The only one is called so, as MetalK8s' ClusterConfig is. */
export const CONTROL_PLANE_INGRESS = 'main';
/** Name of the pool that is made of it. */
export const CONTROL_PLANE_INGRESS_POOL = 'control-plane-ingress';

/** Longest text of an IPv6 address. */
const ADDRESS_LENGTH = 45;

const portSchema = z.int().min(1).max(65535);

/** What is wished. */
export const controlPlaneIngressSpecSchema = ruled(
  z.object({
    managedVirtualIP: z
      .object({
        address: ruledText(VIRTUAL_ADDRESS_LENGTH, virtualAddressRules).describe(
          'The address. A prefix is of no concern where a node has an address in the subnet.',
        ),
      })
      .optional()
      .describe('A virtual address that the nodes of the control plane hold: one of them, by a VirtualIPPool.'),
    externalIP: z
      .object({ address: ruledText(ADDRESS_LENGTH, clientAddressRules).describe('The address.') })
      .optional()
      .describe('An address that something else brings to a node that serves.'),
    nodeName: boundedText(253).min(1).optional().describe('A node, by whose own InternalIP the ingress is reached.'),
    port: portSchema.optional().describe(`Port of the ingress, HTTPS. Default: ${CONTROL_PLANE_INGRESS_PORT}.`),
    healthCheck: healthCheckSchema
      .optional()
      .describe(
        'How a node knows that it can serve a managed address. Default: HTTPS on the port, on the node itself.',
      ),
  }),
  {
    test: ({ managedVirtualIP, externalIP, nodeName }) =>
      [managedVirtualIP, externalIP, nodeName].filter((given) => given !== undefined).length === 1,
    cel: '[has(self.managedVirtualIP), has(self.externalIP), has(self.nodeName)].filter(given, given).size() == 1',
    sentence: 'give exactly one of managedVirtualIP, externalIP and nodeName',
  },
).describe('By which address the ingress is to be reached.');

/** Which of the spec's fields an address is from. */
const sourceSchema = z.enum(['ManagedVirtualIP', 'ExternalIP', 'Node']);

/** What is. */
export const controlPlaneIngressStatusSchema = z.object({
  observedGeneration: z.int().optional().describe('Generation of the spec that this is about.'),
  ip: z
    .string()
    .max(ADDRESS_LENGTH)
    .optional()
    .describe('The address in force. After a change it is the old one until the new one answers.'),
  source: sourceSchema.optional().describe('Which field of the spec it is from.'),
  endpoint: z.string().max(128).optional().describe('URL of the ingress at that address.'),
  conditions: z
    .array(conditionSchema)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .describe(
      'ControlPlaneIngressConfigured: the address of the spec is in force. ControlPlaneIngressVirtualIPConfigured: the VirtualIPPool is as it should be. ControlPlaneIngressVirtualIPReady: it is Ready. Ready: all that is asked for.',
    ),
});

/** What the API server asks of the object as a whole. */
export const controlPlaneIngressRules = {
  'x-kubernetes-validations': [
    {
      rule: `self.metadata.name == '${CONTROL_PLANE_INGRESS}'`,
      message: `metadata.name must be ${CONTROL_PLANE_INGRESS}: a cluster has one ingress of the control plane`,
    },
  ],
};

export type ControlPlaneIngressSpec = z.infer<typeof controlPlaneIngressSpecSchema>;
export type ControlPlaneIngressStatus = z.infer<typeof controlPlaneIngressStatusSchema>;
/** Which of the spec's fields an address is from. */
export type IngressSource = z.infer<typeof sourceSchema>;

export type ControlPlaneIngress = ServedObject<ControlPlaneIngressSpec, ControlPlaneIngressStatus>;
