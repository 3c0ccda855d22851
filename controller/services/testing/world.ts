import { claimName, type ServiceAddress } from '../../../api/service-address.ts';
import { ALLOCATED_CONDITION, SERVICE_FINALIZER } from '../annotations.ts';
import type { AllocationInput, ClaimChange, LoadBalancerService, ServicePool } from '../types.ts';
import { NOW_MS, settings } from './scenes.ts';

/** What a write came to. */
export type Answer = 'done' | 'conflict';

/** Is asked before a claim is written; throws when that breaks a promise. */
export type ClaimGuard = (world: World, change: ClaimChange) => void;

/** What an API server stores, and its rules: names are given once, and a write for another state than the stored one is refused. */
export class World {
  readonly claims = new Map<string, ServiceAddress>();
  /** By uid. */
  readonly services = new Map<string, LoadBalancerService>();
  readonly pools = new Map<string, ServicePool>();
  readonly unavailable = new Map<string, string>();
  nowMs = NOW_MS;
  readonly #guard: ClaimGuard;
  #versions = 0;

  constructor(guard: ClaimGuard) {
    this.#guard = guard;
  }

  nextVersion(): string {
    this.#versions++;
    return String(this.#versions);
  }

  /** Everything as it is stored. */
  view(): AllocationInput {
    return {
      pools: [...this.pools.values()],
      claims: [...this.claims.values()],
      services: [...this.services.values()],
      namespaces: new Map([
        ['default', {}],
        ['other', {}],
      ]),
      unavailable: new Map(this.unavailable),
      onNodes: new Set(this.unavailable.keys()),
      settings: { ...settings, externalIPs: 'InPools' },
      nowMs: this.nowMs,
    };
  }

  /** The living Service of a name. */
  named(namespace: string, name: string): LoadBalancerService | undefined {
    return [...this.services.values()].find(
      ({ metadata }) => metadata.namespace === namespace && metadata.name === name,
    );
  }

  writeClaim(change: ClaimChange): Answer {
    if (!this.#isCurrent(change)) return 'conflict';
    this.#guard(this, change);
    if (change.kind === 'delete') {
      this.claims.delete(change.claim.metadata.name);
      return 'done';
    }
    const name = claimName(change.spec.address);
    const before = this.claims.get(name)?.metadata;
    const uid = before?.uid ?? `claim-${this.nextVersion()}`;
    this.claims.set(name, { metadata: { name, uid, resourceVersion: this.nextVersion() }, spec: change.spec });
    return 'done';
  }

  putService(service: LoadBalancerService): void {
    const metadata = { ...service.metadata, resourceVersion: this.nextVersion() };
    this.services.set(service.metadata.uid, { ...service, metadata });
  }

  /** As `kubectl delete`: what has a finalizer stays until that is taken off. */
  deleteService(service: LoadBalancerService): void {
    if (service.metadata.finalizers.length === 0) this.services.delete(service.metadata.uid);
    else this.putService({ ...service, metadata: { ...service.metadata, deleting: true } });
  }

  /** Puts the finalizer on. */
  hold(uid: string): Answer {
    const service = this.services.get(uid);
    if (service === undefined || service.metadata.deleting) return 'conflict';
    if (service.metadata.finalizers.includes(SERVICE_FINALIZER)) return 'done';
    const metadata = { ...service.metadata, finalizers: [SERVICE_FINALIZER] };
    this.putService({ ...service, metadata, ownFinalizer: true });
    return 'done';
  }

  publish(uid: string, addresses: readonly string[]): Answer {
    const service = this.services.get(uid);
    if (service === undefined) return 'conflict';
    const condition = { type: ALLOCATED_CONDITION, status: 'True', reason: '', message: '', lastTransitionTime: '' };
    this.putService({ ...service, ingress: addresses.map((ip) => ({ ip })), conditions: [condition] });
    return 'done';
  }

  /** Takes off all that is ours. */
  release(known: LoadBalancerService): Answer {
    const service = this.services.get(known.metadata.uid);
    if (service?.metadata.resourceVersion !== known.metadata.resourceVersion || service === undefined)
      return 'conflict';
    if (service.metadata.deleting) this.services.delete(service.metadata.uid);
    else {
      const metadata = { ...service.metadata, finalizers: [] };
      this.putService({ ...service, ingress: [], conditions: [], metadata, ownFinalizer: false });
    }
    return 'done';
  }

  #isCurrent(change: ClaimChange): boolean {
    if (change.kind === 'create') return !this.claims.has(claimName(change.spec.address));
    const stored = this.claims.get(change.claim.metadata.name)?.metadata;
    return (
      stored?.uid === change.claim.metadata.uid && stored?.resourceVersion === change.claim.metadata.resourceVersion
    );
  }
}
