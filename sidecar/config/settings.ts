import { isIP } from 'node:net';
import * as z from 'zod';
import { peerProblem, virtualAddressProblem } from '../../api/addresses.ts';
import { CHECK_LIMITS, FAILBACK_LIMITS } from '../../api/durations.ts';
import { addressOfHost, hostHeaderProblem, VIRTUAL_TARGET } from '../../api/hosts.ts';
import { routerId } from '../../api/instances.ts';
import { canonical, familyOf } from '../../common/addresses.ts';
import { type CheckedDocument, checkDocument } from '../../common/check-document.ts';
import { type ControlPlaneSection, controlPlaneSchema } from './control-plane.ts';
import { controlPlaneAddresses, controlPlaneProblems } from './control-plane-problems.ts';
import {
  interfaceChoice,
  limited,
  type SettingsProblem as Problem,
  port,
  seconds,
  textWithout,
  threshold,
} from './fields.ts';

/*
 * The settings file as the chart renders it. Strict at every level: a key that is not known is an error, because a misspelt key that is
 * silently ignored shows only when the node should have failed over and did not.
 */

const virtualAddress = textWithout(virtualAddressProblem);

const timing = {
  intervalSeconds: limited(CHECK_LIMITS.intervalSeconds),
  timeoutSeconds: limited(CHECK_LIMITS.timeoutSeconds),
  failureThreshold: threshold,
  successThreshold: threshold,
};

function urlProblem(text: string, protocols: readonly string[]): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !protocols.includes(url.protocol) || url.hostname === '') {
    return `"${text}" is not a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(', ')}`;
  }
  if (url.username !== '' || url.password !== '') return 'has credentials in it; probes send none, remove them';
  if (url.protocol === 'tcp:' && url.port === '') return `"${text}" has no port; write for example tcp://127.0.0.1:80`;
  return undefined;
}

function urlWith(protocols: readonly string[]) {
  return textWithout((text) => urlProblem(text, protocols));
}

const vrrpSchema = z.strictObject({
  version: z.union([z.literal(2), z.literal(3)]),
  virtualRouterId: routerId,
  advertIntervalSeconds: seconds(0.01, 255),
  interface: interfaceChoice,
  addressInterface: interfaceChoice,
  /** Empty only where pools bring the addresses. */
  addresses: z.array(virtualAddress),
  unicastPeers: z.array(textWithout(peerProblem)),
  noPreempt: z.boolean(),
  failbackDelaySeconds: limited(FAILBACK_LIMITS).nullable(),
  authPasswordFile: z.string(),
  debug: z.boolean(),
});

const checksSchema = z.strictObject({
  service: z.strictObject({
    url: urlWith(['http:', 'https:', 'tcp:']),
    ...timing,
    expectedStatuses: z
      .array(z.int().min(100).max(599))
      .min(1, { error: 'has no status; give at least one, for example 200' }),
    host: textWithout(hostHeaderProblem),
    caFile: z.string(),
    tripwire: z.strictObject({ enabled: z.boolean(), ports: z.array(port) }),
  }),
  kubelet: z.strictObject({ enabled: z.boolean(), url: urlWith(['http:', 'https:']), ...timing }),
  kubeApi: z.strictObject({
    enabled: z.boolean(),
    url: z.union([z.literal(''), urlWith(['https:'])]),
    ...timing,
  }),
});

/** Strict schema of the settings file; every key but `pools` is required, the chart renders them all. */
const settingsSchema = z
  .strictObject({
    vrrp: vrrpSchema,
    checks: checksSchema,
    lastResort: z.strictObject({ enabled: z.boolean(), afterSeconds: seconds(0, 3600) }),
    drain: z.strictObject({ timeoutSeconds: seconds(0, 600), onCordon: z.boolean() }),
    rank: z.strictObject({ podSelector: z.string() }),
    /** Telling clients of a node that is gone that their connections are; absent in settings that an older chart rendered: not done. */
    resetConnections: z
      .strictObject({ enabled: z.boolean(), limit: z.int().min(1).max(100_000), keyFile: z.string().min(1) })
      .optional(),
    /** Whether the node takes part in pools of virtual addresses; absent in settings that an older chart rendered. */
    pools: z.strictObject({ enabled: z.boolean() }).default({ enabled: false }),
    /** Whether the pod has BIRD, which announces addresses to routers; absent where it has not. */
    bgp: z.strictObject({ enabled: z.boolean() }).optional(),
    /** Addresses in front of the API servers, with k0s's keys; absent: none. */
    controlPlaneLoadBalancing: controlPlaneSchema.optional(),
    server: z.strictObject({
      address: z.string().refine((text) => isIP(text) !== 0, { error: 'is not an IP address' }),
      port,
    }),
    metrics: z.strictObject({
      address: z.string().refine((text) => isIP(text) !== 0, { error: 'is not an IP address' }),
      port,
    }),
    log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']) }),
  })
  .superRefine((settings, context) => {
    for (const { path, message } of crossFieldProblems(settings)) context.addIssue({ code: 'custom', path, message });
  });

type Parsed = z.infer<typeof vrrpSchema>;

function duplicates(addresses: readonly string[]): Problem[] {
  const seen = new Map<string, number>();
  const problems: Problem[] = [];
  for (const [index, text] of addresses.entries()) {
    const address = canonical(text);
    const first = seen.get(address);
    if (first !== undefined) {
      problems.push({
        path: ['vrrp', 'addresses', index],
        message: `${address} is already given as entry ${first}; remove one`,
      });
    } else {
      seen.set(address, index);
    }
  }
  return problems;
}

/** The virtual addresses that can be ones, without prefixes. */
function virtualSet(addresses: readonly string[]): ReadonlySet<string> {
  return new Set(addresses.filter((text) => virtualAddressProblem(text) === undefined).map(canonical));
}

function virtualPeers({ addresses, unicastPeers }: Parsed): Problem[] {
  const virtual = virtualSet(addresses);
  return unicastPeers.flatMap((peer, index): Problem[] => {
    if (!virtual.has(canonical(peer))) return [];
    const message = `${peer} is one of vrrp.addresses; peers are the nodes' own addresses`;
    return [{ path: ['vrrp', 'unicastPeers', index], message }];
  });
}

/** A name may be a virtual address as well, which nobody can know. */
function virtualTargets(addresses: readonly string[], { service, kubelet }: z.infer<typeof checksSchema>): Problem[] {
  const virtual = virtualSet(addresses);
  const asked = Object.entries({ service: service.url, kubelet: kubelet.enabled ? kubelet.url : '' });
  return asked.flatMap(([check, url]): Problem[] => {
    const address = URL.canParse(url) ? addressOfHost(new URL(url).hostname) : undefined;
    if (address === undefined || !virtual.has(address)) return [];
    return [{ path: ['checks', check, 'url'], message: `${address} ${VIRTUAL_TARGET}` }];
  });
}

function version2Problems(vrrp: Parsed): Problem[] {
  const problems: Problem[] = [];
  if (!Number.isInteger(vrrp.advertIntervalSeconds)) {
    problems.push({
      path: ['vrrp', 'advertIntervalSeconds'],
      message: `${vrrp.advertIntervalSeconds} is not a whole number; VRRP version 2 counts in seconds, use 1 or more, or version 3`,
    });
  }
  for (const [index, address] of vrrp.addresses.entries()) {
    if (familyOf(address) === 6) {
      problems.push({
        path: ['vrrp', 'addresses', index],
        message: `${address} is IPv6, which needs version 3 of VRRP`,
      });
    }
  }
  return problems;
}

/** The advertisement interval of version 3 is a 12-bit number of centiseconds (RFC 9568 section 5.2.7). */
const LONGEST_INTERVAL_SECONDS = 40.95;

function version3Problems(vrrp: Parsed): Problem[] {
  const problems: Problem[] = [];
  if (vrrp.advertIntervalSeconds > LONGEST_INTERVAL_SECONDS) {
    problems.push({
      path: ['vrrp', 'advertIntervalSeconds'],
      message: `is above ${LONGEST_INTERVAL_SECONDS}, the largest that VRRP version 3 can say`,
    });
  }
  if (vrrp.authPasswordFile !== '') {
    problems.push({
      path: ['vrrp', 'authPasswordFile'],
      message: 'is given, but VRRP version 3 has no password; remove it or use version 2',
    });
  }
  return problems;
}

function missingAddress(vrrp: Parsed, pools: { enabled: boolean }, controlPlane?: { enabled: boolean }): Problem[] {
  if (vrrp.addresses.length > 0 || pools.enabled || controlPlane?.enabled === true) return [];
  return [{ path: ['vrrp', 'addresses'], message: 'has no address; give at least one, for example 192.168.11.2/24' }];
}

function crossFieldProblems(settings: {
  vrrp: Parsed;
  checks: z.infer<typeof checksSchema>;
  pools: { enabled: boolean };
  controlPlaneLoadBalancing?: ControlPlaneSection | undefined;
  server: { port: number };
  metrics: { port: number };
}): Problem[] {
  const { vrrp, controlPlaneLoadBalancing } = settings;
  const problems = missingAddress(vrrp, settings.pools, controlPlaneLoadBalancing).concat(
    duplicates(vrrp.addresses),
    virtualPeers(vrrp),
    virtualTargets([...vrrp.addresses, ...controlPlaneAddresses(controlPlaneLoadBalancing)], settings.checks),
    vrrp.version === 2 ? version2Problems(vrrp) : version3Problems(vrrp),
    controlPlaneProblems(controlPlaneLoadBalancing, settings),
  );
  if (vrrp.noPreempt && vrrp.failbackDelaySeconds !== null) {
    problems.push({
      path: ['vrrp', 'failbackDelaySeconds'],
      message: 'asks for failback while noPreempt forbids it; remove one of the two',
    });
  }
  if (settings.server.port === settings.metrics.port) {
    problems.push({
      path: ['metrics', 'port'],
      message: `${settings.metrics.port} is also the server’s port; use another`,
    });
  }
  return problems;
}

/** The settings of a sidecar, checked. Durations in seconds. */
export type Settings = z.infer<typeof settingsSchema>;

/**
 * Checks a parsed settings document.
 * @param document what the YAML parser gave
 * @returns the settings, or one problem per thing that is wrong; never throws
 */
export function checkSettings(document: unknown): CheckedDocument<Settings> {
  return checkDocument(settingsSchema, document);
}
