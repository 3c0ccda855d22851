import type { LeaseRecord } from './lease-store.ts';
import { type Cached, keptMetadata } from './resource-cache.ts';

interface PodReference {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly name: string;
  readonly uid: string;
}

/** A Lease as the API server serves it, as far as it is used. */
export interface RawLease {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly ownerReferences?: readonly PodReference[];
  };
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** What is kept of a Lease. */
export interface StoredLease extends Cached {
  readonly record: LeaseRecord;
}

/** Takes from a Lease what is used of it. */
export function keepLease({ metadata, spec = {} }: RawLease): StoredLease {
  return {
    metadata: keptMetadata(metadata),
    record: {
      holder: spec.holderIdentity ?? '',
      durationSeconds: spec.leaseDurationSeconds ?? 0,
      acquireTime: spec.acquireTime ?? '',
      renewTime: spec.renewTime ?? '',
      transitions: spec.leaseTransitions ?? 0,
      resourceVersion: metadata.resourceVersion ?? '',
    },
  };
}
