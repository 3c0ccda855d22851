import type { ControlPlaneIngress, IngressSource } from '../../api/control-plane-ingress.ts';
import type { VirtualIpPool, VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';
import { bracketed, canonical } from '../../common/addresses.ts';
import { ingressPool, portOf } from './pool.ts';
import { type IngressNode, type Unknown, type WantedAddress, wantedAddress } from './wanted.ts';

/*
 * By which address the ingress is reached now, and what the pool must have for that. An address that is given up stays until the new one
 * is held and answers: both are in the pool meanwhile.
 */

/** Whether the ingress answers at an address, as the controller sees it. */
export interface Answer {
  readonly ok: boolean;
  /** In words: what was asked, and what came of it. */
  readonly text: string;
}

/** What there is. */
export interface IngressInput {
  readonly ingress: ControlPlaneIngress;
  /** The pool of the ingress; undefined: there is none, or it is somebody else's. */
  readonly pool: VirtualIpPool | undefined;
  readonly nodes: readonly IngressNode[];
  /** The names of who holds an address, by the address in canonical form. */
  readonly holders: (address: string) => readonly string[];
  /** Asks a URL; undefined: it is not known yet. Only what matters is asked. */
  readonly answer: (url: string) => Answer | undefined;
}

/** Where the change from one address to another is. */
export interface Progress {
  /** The address that is asked for. */
  readonly wanted: WantedAddress | Unknown;
  /** The address in force; undefined: there was none yet, and the first one is not there. */
  readonly ip: string | undefined;
  readonly source: IngressSource | undefined;
  readonly endpoint: string | undefined;
  /** What keeps the address that is asked for from being in force, in words; undefined: nothing, it is. */
  readonly waiting: string | undefined;
  /** What the pool is to be; undefined: there is to be none. */
  readonly pool: VirtualIpPoolSpec | undefined;
  /** By which addresses the ingress is to be reached now: that in force, and one that is to be. */
  readonly addresses: readonly string[];
}

/** URL of an ingress at an address. Pure. */
export function endpointOf(ip: string, port: number): string {
  return `https://${bracketed(ip)}:${port}`;
}

function same(a: string, b: string): boolean {
  return canonical(a) === canonical(b);
}

/** The address in force as the pool has it, if the nodes hold it because of the pool. */
function heldInForce({ ingress: { status }, pool }: IngressInput): string | undefined {
  const ip = status?.ip;
  return ip === undefined ? undefined : pool?.spec.addresses?.find((given) => same(given, ip));
}

/** Whether there is an address in force that is not given up before the new one answers: a managed one that no node holds is none. */
function hasOther(input: IngressInput, { ip }: WantedAddress): boolean {
  const { status } = input.ingress;
  if (status?.ip === undefined || same(status.ip, ip)) return false;
  return status.source !== 'ManagedVirtualIP' || heldInForce(input) !== undefined;
}

/** Why nobody reaches a managed address; undefined: one node holds it. */
function notHeld({ holders }: IngressInput, { source, ip }: WantedAddress): string | undefined {
  if (source !== 'ManagedVirtualIP') return undefined;
  const nodes = holders(canonical(ip));
  if (nodes.length === 1) return undefined;
  return nodes.length === 0 ? `${ip} is held by no node yet` : `${ip} is held by ${nodes.join(' and ')}`;
}

function notAnswering(input: IngressInput, { ip }: WantedAddress): string | undefined {
  const answer = input.answer(`${endpointOf(ip, portOf(input.ingress.spec))}/`);
  if (answer === undefined) return `${ip} is asked whether it answers`;
  return answer.ok ? undefined : answer.text;
}

/** What the wanted address waits for. The first one that an ingress gets need not answer: what serves it may be told of it first. */
function waitingFor(input: IngressInput, wanted: WantedAddress): string | undefined {
  const held = notHeld(input, wanted);
  if (held !== undefined || !hasOther(input, wanted)) return held;
  return notAnswering(input, wanted);
}

function poolOf(input: IngressInput, addresses: readonly (string | undefined)[]): VirtualIpPoolSpec | undefined {
  const given = addresses.filter((address) => address !== undefined);
  return given.length === 0 ? undefined : ingressPool(input.ingress.spec, given);
}

/** All stays as it is: what is asked for is not known. */
function unknown(input: IngressInput, wanted: Unknown): Progress {
  const { ip, source, endpoint } = input.ingress.status ?? {};
  const pool = poolOf(input, [heldInForce(input)]);
  return { wanted, ip, source, endpoint, waiting: wanted.message, pool, addresses: ip === undefined ? [] : [ip] };
}

/** Finds where a change of the address is, and what comes next. Pure. */
export function progressOf(input: IngressInput): Progress {
  const { spec, status } = input.ingress;
  const wanted = wantedAddress(spec, input.nodes);
  if ('reason' in wanted) return unknown(input, wanted);
  const { source, ip } = wanted;
  const isFirst = status?.ip === undefined;
  const other = hasOther(input, wanted);
  // Once in force an address stays so: that no node holds it for a moment is the pool's business.
  const waiting = isFirst || other ? waitingFor(input, wanted) : undefined;
  const managed = source === 'ManagedVirtualIP' ? wanted.given : undefined;
  const pool = poolOf(input, [managed, waiting === undefined ? undefined : heldInForce(input)]);
  if (waiting === undefined) {
    return { wanted, ip, source, endpoint: endpointOf(ip, portOf(spec)), waiting, pool, addresses: [ip] };
  }
  const addresses = status?.ip === undefined ? [ip] : [ip, status.ip];
  return { wanted, ip: status?.ip, source: status?.source, endpoint: status?.endpoint, waiting, pool, addresses };
}
