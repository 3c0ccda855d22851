import { isDeepStrictEqual } from 'node:util';
import type { V1Service } from '@kubernetes/client-node';
import { type Cached, keptMetadata } from './resource-cache.ts';

/** What is kept of a Service. */
export interface ServiceFacts extends Cached {
  /** Addresses at which every node takes connections for it, though Kubernetes does not bring them to one. */
  readonly externalIPs: readonly string[];
}

/** Takes from a Service what is used of it. */
export function serviceFacts({ metadata, spec }: V1Service): ServiceFacts {
  return { metadata: keptMetadata(metadata), externalIPs: spec?.externalIPs ?? [] };
}

/** Whether two states of a Service differ in nothing that is used. */
export function sameService(before: ServiceFacts, after: ServiceFacts): boolean {
  return isDeepStrictEqual(before.externalIPs, after.externalIPs);
}
