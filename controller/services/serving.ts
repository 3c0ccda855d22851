import { ALLOCATED_CONDITION } from './annotations.ts';
import type { LoadBalancerService, ServicesSettings } from './types.ts';

/**
 * Whether a Service has to have addresses of ours. The class cannot be changed while the type stays
 * (https://kubernetes.io/docs/concepts/services-networking/service/#load-balancer-class). Pure.
 */
export function isServed(
  { metadata, type, loadBalancerClass }: LoadBalancerService,
  settings: ServicesSettings,
): boolean {
  if (metadata.deleting || type !== 'LoadBalancer') return false;
  return loadBalancerClass === undefined ? settings.classless : loadBalancerClass === settings.loadBalancerClass;
}

/** Whether a Service says of itself that an address of ours was given to it. Pure. */
export function isMarked({ conditions }: LoadBalancerService): boolean {
  return conditions.some(({ type }) => type === ALLOCATED_CONDITION);
}

/** Whether a Service says of itself that what it publishes is of ours. Of one that could have nothing another load balancer gave it. Pure. */
export function isAllocated({ conditions }: LoadBalancerService): boolean {
  return conditions.some(({ type, status }) => type === ALLOCATED_CONDITION && status !== 'False');
}

/** Whether a Service says of itself that its addresses were taken out of its status: what it publishes since is another load balancer's. Pure. */
export function isParted({ conditions }: LoadBalancerService): boolean {
  return conditions.some(({ type, reason }) => type === ALLOCATED_CONDITION && reason === 'NotServed');
}

/**
 * Whether a Service that is not served has something of ours.
 * @param hadClaim whether a claim names it
 */
export function hasOurs(service: LoadBalancerService, hadClaim: boolean): boolean {
  return hadClaim || service.ownFinalizer || isMarked(service);
}
