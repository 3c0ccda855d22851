import { z } from 'zod';

/*
 * VirtualIPPool: a set of virtual addresses that the cluster spreads over nodes. Cluster-scoped, written by users, its status by the
 * controller. The custom resource definition is generated from these schemas, so a description here is what `kubectl explain` shows, and
 * a rule in `x-kubernetes-validations` is what the API server refuses a bad object by
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules).
 */

/** The longest name of a pool: its VRRP instances are called `<pool>-<slot>`, which has to fit into a file's name and into logs. */
export const POOL_NAME_LENGTH = 40;

/** A rule in CEL, with the sentence that the user reads. */
function rules(...validations: readonly { rule: string; message?: string; messageExpression?: string }[]) {
  return { 'x-kubernetes-validations': validations };
}

const tolerationSchema = z
  .object({
    key: z.string().max(316).optional().describe('Key of the taint. Empty with operator Exists: every taint.'),
    operator: z.enum(['Exists', 'Equal']).optional().describe('Exists or Equal (the default).'),
    value: z.string().max(63).optional().describe('Value of the taint, for Equal.'),
    effect: z
      .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
      .optional()
      .describe('Effect of the taint. Empty: all of them.'),
    tolerationSeconds: z
      .int()
      .optional()
      .describe('Accepted as in a pod; an address stays as long as the node lets it.'),
  })
  .meta(
    rules(
      {
        rule: "(has(self.key) && size(self.key) > 0) || (has(self.operator) && self.operator == 'Exists')",
        message: 'a toleration without a key needs operator Exists; it then tolerates every taint',
      },
      {
        rule: "!has(self.operator) || self.operator != 'Exists' || !has(self.value) || size(self.value) == 0",
        message: 'operator Exists takes no value; remove it, or use Equal',
      },
    ),
  )
  .describe('A taint that nodes of the pool may have, as in a pod.');

const labelRequirementSchema = z
  .object({
    key: z.string().min(1).max(316).describe('Key of the label.'),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How the values are compared.'),
    values: z.array(z.string().max(63)).max(64).optional().describe('Values, for In and NotIn.'),
  })
  .meta(
    rules({
      rule: "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
      message: 'In and NotIn need values; Exists and DoesNotExist have none',
    }),
  )
  .describe('A requirement on one label.');

const nodeSelectorSchema = z
  .object({
    matchLabels: z
      .record(z.string(), z.string().max(63))
      .meta({ maxProperties: 64 })
      .optional()
      .describe('Labels that a node must have with these values.'),
    matchExpressions: z
      .array(labelRequirementSchema)
      .max(32)
      .optional()
      .describe('Requirements, all of which must hold.'),
  })
  .describe('Nodes that may hold the addresses. Empty: all that run an agent.');

const port = z.int().min(1).max(65535);

const host = z
  .string()
  .max(253)
  .meta(
    rules({
      rule: "self.matches('^[A-Za-z0-9._:-]+$')",
      message: 'give a host name or an IP address, without scheme, port and path',
    }),
  )
  .describe('Host to connect to. Default: 127.0.0.1, the node itself.');

const httpHeaderSchema = z.object({
  name: z.literal('Host').describe('Only Host can be set: a check sends nothing else.'),
  value: z.string().max(253).describe('Value of the header.'),
});

const healthCheckSchema = z
  .object({
    httpGet: z
      .object({
        host: host.optional(),
        port: port.describe('Port to connect to.'),
        path: z
          .string()
          .max(2048)
          .meta(rules({ rule: "self.startsWith('/')", message: 'must begin with a slash, e.g. /healthz' }))
          .optional()
          .describe('Path to ask for. Default: /.'),
        scheme: z
          .enum(['HTTP', 'HTTPS'])
          .optional()
          .describe('HTTP (the default) or HTTPS; the certificate is not verified, as by the kubelet.'),
        httpHeaders: z
          .array(httpHeaderSchema)
          .max(1)
          .optional()
          .describe('The Host header, where the server needs one.'),
      })
      .optional()
      .describe('Healthy when this answers 200.'),
    tcpSocket: z
      .object({
        host: host.optional(),
        port: port.describe('Port to connect to.'),
      })
      .optional()
      .describe('Healthy when a connection can be opened.'),
    periodSeconds: z.number().min(0.1).max(3600).optional().describe('Seconds between two checks. Default: 2.'),
    timeoutSeconds: z
      .number()
      .min(0.05)
      .max(60)
      .optional()
      .describe('Seconds without an answer that fail a check. Default: 1.'),
    failureThreshold: z
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe('Failed checks in a row that make a node give its addresses up. Default: 2.'),
    successThreshold: z
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe('Passed checks in a row that make it eligible again. Default: 1.'),
  })
  .meta(
    rules({
      rule: 'has(self.httpGet) != has(self.tcpSocket)',
      message: 'give exactly one of httpGet and tcpSocket',
    }),
  )
  .describe(
    "How a node knows that it can serve the pool's addresses, checked on the node itself. Default: the release's service check.",
  );

/*
 * Kubernetes' CEL has functions for addresses (isIP, cidr), but API servers before 1.31 refuse a definition that uses them, and Helm installs
 * the definitions with every release, also with one that has no pools.
 */
const IPV4_BYTE = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const IPV4 = `^(${IPV4_BYTE}[.]){3}${IPV4_BYTE}(/(3[0-2]|[12][0-9]|[1-9]))?$`;
const IPV6_GROUPS = '[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4})*';
const IPV6_PREFIX = '(/(12[0-8]|1[01][0-9]|[1-9][0-9]?))?$';
const IPV6_FULL = `^([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}${IPV6_PREFIX}`;
const IPV6_SHORT = `^(${IPV6_GROUPS})?::(${IPV6_GROUPS})?${IPV6_PREFIX}`;

const addressSchema = z
  .string()
  .max(43)
  .meta(
    rules(
      {
        // "::" stands for one group of zeros or more.
        rule: `self.matches('${IPV4}') || self.matches('${IPV6_FULL}') || (self.matches('${IPV6_SHORT}') && self.split('/')[0].findAll('[0-9a-fA-F]+').size() <= 7)`,
        messageExpression:
          "'\"' + self + '\" is not an IPv4 or IPv6 address, with or without a prefix; write for example 192.168.1.200 or 192.168.1.200/24'",
      },
      {
        rule: "!self.matches('^(0|127|22[4-9]|2[3-5][0-9])[.]') && !self.matches('^(0{0,4}:){2,7}0{0,3}[01]?(/|$)') && !self.matches('^[fF]{2}[0-9a-fA-F]{2}:')",
        messageExpression:
          "'\"' + self + '\" is a loopback, multicast, reserved or unspecified address; give a free one of the nodes\\' network'",
      },
    ),
  );

/** What a user wishes of a pool. */
export const virtualIpPoolSpecSchema = z
  .object({
    addresses: z
      .array(addressSchema)
      .min(1)
      .max(1024)
      .meta({
        'x-kubernetes-list-type': 'set',
        // Two prefixes, or two notations of an IPv6 address, cost more to find than an API server allows: the controller finds them.
        ...rules({
          rule: "self.size() > 500 || self.all(a, !a.contains('/') || !(a.split('/')[0] in self))",
          message: 'an address is in the list twice, with and without a prefix; remove one of the two',
        }),
      })
      .describe("Virtual addresses, IPv4 or IPv6. Without a prefix, the prefix of the interface's subnet is used."),
    nodeSelector: nodeSelectorSchema.optional(),
    tolerations: z
      .array(tolerationSchema)
      .max(64)
      .optional()
      .describe('Taints that nodes of the pool may have, as in a pod.'),
    healthCheck: healthCheckSchema.optional(),
    interface: z
      .string()
      .max(253)
      .meta(
        rules({
          rule: "self != 'lo' && self.matches('^([^[:space:]/:]{1,15}|([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2})$')",
          messageExpression:
            "'\"' + self + '\" is no interface for virtual addresses; give its name (at most 15 characters, no blank, slash or colon) or its MAC address like 52:54:00:12:34:56'",
        }),
      )
      .optional()
      .describe(
        "Interface that gets the addresses, by name or MAC address. Default: the one whose subnet contains the address, else the default route's.",
      ),
    failback: z
      .object({
        enabled: z
          .boolean()
          .optional()
          .describe('Default: true. False: an address stays where it is until its holder fails.'),
        delaySeconds: z
          .int()
          .min(0)
          .max(86400)
          .optional()
          .describe('Seconds that a returning node must be healthy before it takes its share back. Default: 30.'),
      })
      .optional()
      .describe('Whether addresses go back to the node planned for them.'),
    spread: z
      .object({
        topologyKey: z
          .string()
          .min(1)
          .max(316)
          .optional()
          .describe(
            "Label of nodes, e.g. topology.kubernetes.io/zone: an address's first and second node differ in it where they can.",
          ),
      })
      .optional()
      .describe('How addresses are spread, beyond evenly.'),
    vrrp: z
      .object({
        peering: z
          .enum(['Multicast', 'Unicast'])
          .optional()
          .describe('Multicast (the default), or Unicast to the other nodes of the pool.'),
        virtualRouterIds: z
          .object({
            first: z.int().min(1).max(255).describe('First router id of the range.'),
            last: z.int().min(1).max(255).describe('Last router id of the range.'),
          })
          .meta(rules({ rule: 'self.first <= self.last', message: 'first must not be above last' }))
          .optional()
          .describe("Range that the pool's router ids are taken from, 1 to 255. Default: the controller's."),
      })
      .optional()
      .describe('How the nodes agree on who holds an address.'),
  })
  .describe('What is wished.');

const conditionSchema = z.object({
  type: z.string().max(316).describe('What it is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  observedGeneration: z.int().optional().describe('Generation of the spec that it is about.'),
  lastTransitionTime: z.iso.datetime({ offset: true }).describe('When its status last changed.'),
  reason: z.string().max(1024).describe('Why, in one word.'),
  message: z.string().max(32768).describe('Why, in sentences.'),
});

const groupSchema = z.object({
  slot: z.int().min(0).describe('Number of the group within the pool; its VRRP instance is called <pool>-<slot>.'),
  virtualRouterId: z.int().min(1).max(255).describe('Router id of its VRRP instance.'),
  addresses: z.array(z.string()).describe('Addresses that move together; an address stays in its group for life.'),
  nodes: z.array(z.string()).describe('Nodes in order of preference, the first is the planned holder.'),
});

const addressStatusSchema = z.object({
  address: z.string().describe('The address, as the spec gives it but without a prefix.'),
  plannedNode: z.string().optional().describe('Node that the plan prefers.'),
  holders: z
    .array(z.string())
    .describe('Nodes that have it on an interface, as they report: one, unless something is wrong.'),
  since: z.iso.datetime({ offset: true }).optional().describe('Since when the holder has it.'),
});

/** What the API server asks of the object as a whole. */
export const virtualIpPoolRules = rules({
  rule: `self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,${POOL_NAME_LENGTH - 2}}[a-z0-9])?$')`,
  message: `metadata.name must be at most ${POOL_NAME_LENGTH} characters of a-z, 0-9 and -, without dots, because VRRP instances are named after it`,
});

/** What is: the plan's memory, and what the nodes see. */
export const virtualIpPoolStatusSchema = z.object({
  observedGeneration: z.int().optional().describe('Generation of the spec that this is about.'),
  conditions: z
    .array(conditionSchema)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .describe(
      'Configured: the nodes carry out the plan. Available: every address is held by one node. Ready: both, and nothing refused.',
    ),
  addressCount: z.int().optional().describe('Addresses wished for.'),
  heldCount: z.int().optional().describe('Addresses that exactly one node holds.'),
  eligibleNodes: z.int().optional().describe('Nodes that may hold them now.'),
  groups: z.array(groupSchema).optional().describe('How the addresses are grouped into VRRP instances.'),
  addresses: z.array(addressStatusSchema).optional().describe('Each address, and who holds it.'),
});

/** Checks in full what a user wrote; durations in seconds. */
export type VirtualIpPoolSpec = z.infer<typeof virtualIpPoolSpecSchema>;
/** How a pool's node fitness is probed, in kubelet's field names. */
export type HealthCheck = z.infer<typeof healthCheckSchema>;
/** A taint that a pool's nodes may have. */
export type Toleration = z.infer<typeof tolerationSchema>;
/** Labels that a pool's nodes must have. */
export type NodeSelector = z.infer<typeof nodeSelectorSchema>;
export type VirtualIpPoolStatus = z.infer<typeof virtualIpPoolStatusSchema>;
export type Condition = z.infer<typeof conditionSchema>;
/** Addresses that move together: one VRRP instance. */
export type AddressGroup = z.infer<typeof groupSchema>;
export type AddressStatus = z.infer<typeof addressStatusSchema>;

/** The object as the API server serves it. */
export interface VirtualIpPool {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly resourceVersion?: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec: VirtualIpPoolSpec;
  readonly status?: VirtualIpPoolStatus;
}
