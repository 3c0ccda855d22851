import { canonical } from '../../../common/addresses.ts';
import type { ClusterEvent } from '../../kubernetes/cluster-api.ts';
import type { FollowedService } from '../../kubernetes/load-balancer-service.ts';
import { serviceReference } from '../../kubernetes/references.ts';
import type { ServiceStatusPatch } from '../../kubernetes/service-api.ts';
import { ALLOCATED_CONDITION, OWN_CONDITIONS } from '../../services/annotations.ts';
import type { ServiceVerdict } from '../../services/types.ts';
import { conditionOf } from '../conditions.ts';

/*
 * What the status of a Service is to say. `ipMode: VIP` means that packets come with the address as their destination
 * (https://kubernetes.io/docs/concepts/services-networking/service/#load-balancer-ip-mode).
 */

type Ingress = FollowedService['ingress'];

/** A status to be written, and what is told of it. */
export interface StatusWork {
  readonly patch: ServiceStatusPatch;
  readonly news: readonly ClusterEvent[];
}

function withoutAddresses(ingress: Ingress, gone: readonly string[]): Ingress {
  return ingress.filter(({ ip }) => ip === undefined || !gone.includes(canonical(ip)));
}

/** One that cannot have an address keeps what somebody else gave it. */
function wantedIngress({ addresses, released, serves }: ServiceVerdict, { ingress }: FollowedService): Ingress {
  if (serves && addresses.length > 0) return addresses.map((ip) => ({ ip, ipMode: 'VIP' }));
  return withoutAddresses(ingress, released);
}

/** API servers before 1.30 do not keep the mode, later ones fill it in. */
function ingressText(ingress: Ingress): string {
  return JSON.stringify(
    ingress.map(({ ip, hostname, ipMode = 'VIP' }) => [
      ip === undefined ? null : canonical(ip),
      hostname ?? null,
      ipMode,
    ]),
  );
}

function allocatedOf({ conditions }: FollowedService) {
  return conditions.find(({ type }) => type === ALLOCATED_CONDITION);
}

function isSaid({ ok, reason, message }: ServiceVerdict, service: FollowedService): boolean {
  const said = allocatedOf(service);
  return said?.status === (ok ? 'True' : 'False') && said.reason === reason && said.message === message;
}

/** Reasons that speak of the address. */
const OF_ADDRESSES: ReadonlySet<string> = new Set(['Allocated', 'Kept']);

function newsOf({ ok, reason, message }: ServiceVerdict, { metadata }: FollowedService): ClusterEvent {
  const regarding = serviceReference(metadata);
  if (!ok) return { regarding, type: 'Warning', reason, action: 'Allocate', note: message };
  const told = OF_ADDRESSES.has(reason) ? `Address${reason}` : reason;
  return { regarding, type: 'Normal', reason: told, action: 'Allocate', note: message };
}

/**
 * What is to be written to a Service's status. Pure.
 * @param now for a condition that changes now, as RFC 3339
 * @returns undefined: it is as it should be
 */
export function statusWork(verdict: ServiceVerdict, service: FollowedService, now: string): StatusWork | undefined {
  const ingress = wantedIngress(verdict, service);
  const isPublished = ingressText(ingress) === ingressText(service.ingress);
  if (isPublished && isSaid(verdict, service)) return undefined;
  const { ok, reason, message } = verdict;
  const known = { metadata: {}, status: { conditions: service.conditions as never } };
  const condition = conditionOf(
    { type: ALLOCATED_CONDITION, status: ok ? 'True' : 'False', reason, message },
    known,
    now,
  );
  return { patch: { ...(isPublished ? {} : { ingress }), conditions: [condition] }, news: [newsOf(verdict, service)] };
}

/** What is to be written to the status of a Service that is not ours any more, while it may still have the finalizer. Pure. */
export function partingStatus({ ingress, conditions }: FollowedService, released: readonly string[], now: string) {
  const left = withoutAddresses(ingress, released);
  if (left.length === ingress.length) return undefined;
  const message = 'its addresses were given up, because it is no load balancer of this class any more';
  const condition = { type: ALLOCATED_CONDITION, status: 'False' as const, reason: 'NotServed', message };
  const known = { metadata: {}, status: { conditions: conditions as never } };
  return { ingress: left, conditions: [conditionOf(condition, known, now)] };
}

/** Whether a Service has anything that says that it was ours. Pure. */
export function hasCondition({ conditions }: FollowedService): boolean {
  return conditions.some(({ type }) => OWN_CONDITIONS.includes(type));
}

/** Takes the conditions off. One that is not there is none to the API server. */
export const WITHOUT_CONDITIONS: ServiceStatusPatch = {
  conditions: OWN_CONDITIONS.map((type) => ({ type, $patch: 'delete' as const })),
};
