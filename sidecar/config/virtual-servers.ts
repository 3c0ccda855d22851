import * as z from 'zod';
import { virtualAddressProblem } from '../../api/addresses.ts';
import { canonical } from '../../common/addresses.ts';
import { formatPath } from '../../common/check-document.ts';
import { Claims } from '../../common/claims.ts';
import { port, type SettingsProblem, textWithout } from './fields.ts';

/*
 * Virtual servers of the section `controlPlaneLoadBalancing`: k0s's keys, with its defaults and refusals, and beside its key `keepalived`
 * what k0s has not (`ipvs`). An address that has one is balanced by IPVS, all others by the proxy.
 */

/** 31 days, the most that IPVS keeps. */
const MOST_PERSISTENCE_SECONDS = 2_678_400;

/** Looking more often would only keep the processor busy: the sidecar finds out sooner by itself. */
const LEAST_DELAY_SECONDS = 0.05;

const MICROSECONDS: Readonly<Record<string, number>> = {
  ...{ ns: 0.001, us: 1, µs: 1, ms: 1000 },
  ...{ s: 1_000_000, m: 60_000_000, h: 3_600_000_000 },
};

function addressProblem(text: string): string | undefined {
  if (text.includes('/')) return `${text} has a prefix; write the address alone, as in ${text.replace(/[/].*$/, '')}`;
  return virtualAddressProblem(text);
}

/** Whole microseconds of a duration as Go's time.ParseDuration reads it; undefined when it is none, or negative. */
function microsecondsOf(text: string): number | undefined {
  const parts = [...text.matchAll(/([0-9]+(?:[.][0-9]+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (text === '' || parts.map(([part]) => part).join('') !== text) return undefined;
  const sum = parts.reduce((total, [, amount, unit]) => total + Number(amount) * (MICROSECONDS[unit ?? ''] ?? 0), 0);
  return Math.floor(sum);
}

function delayLoopProblem(text: string): string | undefined {
  if ((microsecondsOf(text) ?? 0) >= 1) return undefined;
  return `"${text}" is no duration of a microsecond or more; write it like 500ms, 10s or 1m`;
}

/** Schema of one of `keepalived.virtualServers`. */
export const virtualServerSchema = z.strictObject({
  ipAddress: textWithout(addressProblem),
  /** As Go writes a duration. */
  delayLoop: textWithout(delayLoopProblem).default('1m'),
  lbAlgo: z.enum(['rr', 'wrr', 'lc', 'wlc', 'lblc', 'dh', 'sh', 'sed', 'nq']).default('rr'),
  lbKind: z.enum(['NAT', 'DR', 'TUN']).default('DR'),
  /** 0: none, which k0s cannot say. */
  persistenceTimeoutSeconds: z.int().min(0).max(MOST_PERSISTENCE_SECONDS).default(360),
});

/** Schema of `ipvs`. */
export const ipvsSchema = z.strictObject({
  /** Whether the proxy balances instead on a node whose kernel has no IPVS. */
  fallback: z.boolean().default(false),
  /** By which the nodes tell each other's connections from those of other balancers. Absent: the first instance's router id. */
  syncId: z.int().min(0).max(255).optional(),
  /** At which a node says that it is prepared to be a server, by DR and TUN. */
  serverPort: port.default(10_273),
});

type VirtualServerSection = z.infer<typeof virtualServerSchema>;

/** How IPVS sends packets on: rewritten, as they are to the server's MAC address, or in a tunnel (ipvsadm(8)). */
export type ForwardingKind = VirtualServerSection['lbKind'];

/** An address that IPVS balances. */
export interface VirtualServer {
  /** Canonical, without a prefix. */
  readonly address: string;
  /** How often keepalived looks whether a server takes connections. */
  readonly delaySeconds: number;
  readonly scheduler: VirtualServerSection['lbAlgo'];
  readonly kind: ForwardingKind;
  /** How long a client gets to the same server; 0: no longer than a connection lasts. */
  readonly persistenceSeconds: number;
}

/** What is asked of IPVS. */
export interface IpvsSettings {
  /** At least one. */
  readonly servers: readonly VirtualServer[];
  readonly fallback: boolean;
  readonly syncId: number;
  readonly serverPort: number;
}

/** What of the section matters here. */
interface Given {
  readonly keepalived: {
    readonly virtualServers: readonly VirtualServerSection[];
    readonly vrrpInstances: readonly { readonly virtualIPs: readonly string[] }[];
    readonly disableLoadBalancer: boolean;
  };
  readonly ipvs: z.infer<typeof ipvsSchema>;
  readonly extraPorts: readonly { readonly port: number; readonly targetPort?: number | undefined }[];
}

/**
 * What a section that was found right asks of IPVS. Pure.
 * @param routerId of the first instance
 * @returns null where the proxy balances all addresses
 */
export function ipvsOf({ keepalived: { virtualServers }, ipvs }: Given, routerId: number): IpvsSettings | null {
  if (virtualServers.length === 0) return null;
  const servers = virtualServers.map((server): VirtualServer => {
    return {
      address: canonical(server.ipAddress),
      delaySeconds: Math.max(LEAST_DELAY_SECONDS, (microsecondsOf(server.delayLoop) ?? 0) / 1_000_000),
      scheduler: server.lbAlgo,
      kind: server.lbKind,
      persistenceSeconds: server.persistenceTimeoutSeconds,
    };
  });
  return { servers, fallback: ipvs.fallback, syncId: ipvs.syncId ?? routerId, serverPort: ipvs.serverPort };
}

const SECTION = 'controlPlaneLoadBalancing';

function addressProblems({ keepalived: { virtualServers, vrrpInstances } }: Given): SettingsProblem[] {
  const virtual = new Set(vrrpInstances.flatMap(({ virtualIPs }) => virtualIPs.map(canonical)));
  const claims = new Claims();
  return virtualServers.flatMap(({ ipAddress }, index): SettingsProblem[] => {
    const path = [SECTION, 'keepalived', 'virtualServers', index, 'ipAddress'];
    const address = canonical(ipAddress);
    const owner = claims.claim([address], formatPath(path))?.owner;
    const problems = owner === undefined ? [] : [`${ipAddress} is already given as ${owner}; remove one`];
    if (!virtual.has(address)) {
      problems.push(`${ipAddress} is none of the virtualIPs of vrrpInstances, so no node has it; give one of them`);
    }
    return problems.map((message) => ({ path, message }));
  });
}

/** Only NAT can change a port: the others leave packets as they are. */
function portProblems({ keepalived: { virtualServers }, extraPorts }: Given): SettingsProblem[] {
  const rigid = virtualServers.find(({ lbKind }) => lbKind !== 'NAT');
  if (rigid === undefined) return [];
  return extraPorts.flatMap(({ port: front, targetPort = front }, index): SettingsProblem[] => {
    if (targetPort === front) return [];
    const message = `${targetPort} is not port, ${front}, and IPVS by ${rigid.lbKind} leaves ports as they are; remove it, or use lbKind NAT for ${rigid.ipAddress}`;
    return [{ path: [SECTION, 'extraPorts', index, 'targetPort'], message }];
  });
}

/** What of the virtual servers cannot be together with the rest of the section. Pure. */
export function virtualServerProblems(section: Given): SettingsProblem[] {
  const { virtualServers, disableLoadBalancer } = section.keepalived;
  if (virtualServers.length === 0) return [];
  const problems = [...addressProblems(section), ...portProblems(section)];
  if (disableLoadBalancer) {
    const message =
      'is true beside virtualServers, which need the proxy for what the nodes themselves ask; leave out one of them';
    problems.push({ path: [SECTION, 'keepalived', 'disableLoadBalancer'], message });
  }
  return problems;
}
