import { isIP } from 'node:net';
import * as z from 'zod';
import { multicastGroup, ROUTER_IDS, routerId } from '../../api/instances.ts';
import { familyOfAddress } from '../../common/addresses.ts';
import { type CheckedDocument, checkDocument } from '../../common/check-document.ts';

/*
 * The controller's settings file as the chart renders it. Strict at every level: a misspelt key that is silently ignored shows only when
 * a plan does something nobody asked for.
 */

const address = z.string().refine((text) => familyOfAddress(text) !== undefined, {
  error: (issue) => `"${String(issue.input)}" is not an IPv4 or IPv6 address without a prefix, for example 192.168.1.2`,
});

/** RFC 1123 label, which names of namespaces, releases and leases are made of (a Lease's may have dots). */
const name = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, {
  error: 'is not a name of lower-case letters, digits, "-" and "."',
});

const seconds = (minimum: number, maximum: number) => z.number().min(minimum).max(maximum);

const leaseSchema = z.strictObject({
  name,
  durationSeconds: z.int().min(2).max(3600),
  /** client-go's RenewDeadline; two thirds of the lease's time where it is not given, as client-go's defaults have it. */
  renewSeconds: seconds(1, 3600).optional(),
  retrySeconds: seconds(0.1, 600),
});

/** A name as Kubernetes' labels have it, with or without a domain in front. */
const className = z
  .string()
  .regex(/^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/, {
    error: 'is not the name of a class, for example keepalived-ingress-vip.io/vip',
  });

const settingsSchema = z
  .strictObject({
    release: z.strictObject({ namespace: name, name }),
    agentSelector: z.string().min(1, {
      error: 'is empty; it must select the pods of the sidecars, for example app.kubernetes.io/component=node',
    }),
    virtualRouterIds: z.strictObject({ first: routerId, last: routerId }),
    reserved: z.strictObject({ addresses: z.array(address), virtualRouterIds: z.array(routerId) }),
    /** The ingress of the control plane; absent: there is none to look after. */
    controlPlaneIngress: z
      .strictObject({
        /** The Service that takes connections to its address; absent: the ingress does so itself. */
        service: z.strictObject({ namespace: name, name }).optional(),
      })
      .optional(),
    /** Services of type LoadBalancer that get addresses; absent: none does, and none is followed. */
    services: z
      .strictObject({
        /** Those of this class. */
        loadBalancerClass: className,
        /** Those without a class, too. */
        classless: z.boolean(),
        /** Whether annotations of other load balancers are understood. */
        aliases: z.boolean(),
        /** Whether addresses of pools are placed that Services have in spec.externalIPs. */
        externalIPs: z.enum(['Off', 'InPools']).default('Off'),
        /** Last number of the multicast group of those under externalTrafficPolicy Local; absent: that of all routers. */
        multicastGroup: multicastGroup.optional(),
      })
      .optional(),
    maxGroupsPerPool: z.int().min(1).max(ROUTER_IDS.most),
    lease: leaseSchema,
    server: z.strictObject({
      /** Empty: every address of the pod, of both families. */
      address: z.string().refine((text) => text === '' || isIP(text) !== 0, { error: 'is not an IP address' }),
      port: z.int().min(1).max(65535),
    }),
    log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']) }),
  })
  .superRefine((settings, context) => {
    for (const { path, message } of crossFieldProblems(settings)) context.addIssue({ code: 'custom', path, message });
  })
  .transform((settings) => ({
    ...settings,
    lease: { ...settings.lease, renewSeconds: settings.lease.renewSeconds ?? (settings.lease.durationSeconds * 2) / 3 },
  }));

interface Problem {
  readonly path: (string | number)[];
  readonly message: string;
}

interface CrossChecked {
  readonly virtualRouterIds: { readonly first: number; readonly last: number };
  readonly lease: z.infer<typeof leaseSchema>;
}

function crossFieldProblems({ virtualRouterIds: { first, last }, lease }: CrossChecked): Problem[] {
  const problems: Problem[] = [];
  if (first > last) {
    problems.push({
      path: ['virtualRouterIds', 'first'],
      message: `${first} is above virtualRouterIds.last, ${last}; swap them`,
    });
  }
  const renewSeconds = lease.renewSeconds ?? (lease.durationSeconds * 2) / 3;
  // Else another replica could lead while this one still does.
  if (renewSeconds >= lease.durationSeconds) {
    problems.push({
      path: ['lease', 'renewSeconds'],
      message: `${renewSeconds} is not below lease.durationSeconds, ${lease.durationSeconds}; make it at most two thirds of it`,
    });
  }
  // At least two tries, or one slow answer costs the lead.
  if (lease.retrySeconds * 2 > renewSeconds) {
    problems.push({
      path: ['lease', 'retrySeconds'],
      message: `${lease.retrySeconds} leaves no second try within lease.renewSeconds, ${renewSeconds}; make it at most half of it`,
    });
  }
  return problems;
}

/** The settings of a controller, checked. */
export type Settings = z.infer<typeof settingsSchema>;

/**
 * Checks a parsed settings document.
 * @param document what the YAML parser gave
 * @returns the settings, or one problem per thing that is wrong; never throws
 */
export function checkSettings(document: unknown): CheckedDocument<Settings> {
  return checkDocument(settingsSchema, document);
}
