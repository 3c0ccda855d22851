import type { VirtualIpPool } from '../../../api/virtual-ip-pool.ts';
import { canonical } from '../../../common/addresses.ts';
import type { Clock } from '../../../common/clock.ts';
import type { EventRecorder } from '../../events/recorder.ts';
import type { ClusterEvent } from '../../kubernetes/cluster-api.ts';
import type { FollowedService } from '../../kubernetes/load-balancer-service.ts';
import { serviceReference } from '../../kubernetes/references.ts';
import type { ResourceCache } from '../../kubernetes/resource-cache.ts';
import type { ServiceWriter } from '../../kubernetes/service-api.ts';
import { allocate } from '../../services/allocate.ts';
import { SERVICE_FINALIZER } from '../../services/annotations.ts';
import type {
  Allocation,
  AllocationInput,
  ClaimChange,
  ServicesSettings,
  ServiceVerdict,
} from '../../services/types.ts';
import type { ObservedCluster } from '../cluster-observer.ts';
import type { Decision, PendingWrite, Stage } from '../stage.ts';
import type { Backlog } from './backlog.ts';
import { addressOf, sortChanges } from './claim-changes.ts';
import { claimNews } from './claim-news.ts';
import { ClaimWriter, type DecidedBy } from './claim-writer.ts';
import { servicePool } from './claimed-addresses.ts';
import { ExternalNews } from './external-news.ts';
import { LeavingServices, type Parting } from './leaving.ts';
import type { ServiceCaches } from './service-cluster.ts';
import { hasCondition, partingStatus, statusWork, WITHOUT_CONDITIONS } from './service-status.ts';
import { type Reserved, reportedAddresses, unavailableAddresses } from './unavailable.ts';

/** Takes note of what Services get. */
export interface ServiceReports {
  /** A Service has its addresses in its status; measured since they were first decided about. */
  allocated(durationSeconds: number): void;
}

interface ServiceStageDependencies {
  readonly caches: ServiceCaches;
  readonly pools: ResourceCache<VirtualIpPool>;
  readonly writer: ServiceWriter;
  readonly recorder: Pick<EventRecorder, 'record'>;
  readonly clock: Clock;
  readonly reports: ServiceReports;
  /** Whether this replica still leads: asked again between the writes for one Service. */
  readonly leads: () => boolean;
  /** Is told for how many Services there is something to write. */
  readonly backlog: Pick<Backlog, 'note'>;
}

/** So many Services are written for in one run: nodes get their plan for these before the next come. */
const SERVICES_AT_ONCE = 100;

/** What is to be done for one Service, besides its claims. */
interface Work {
  readonly service: FollowedService;
  readonly changes: readonly ClaimChange[];
  readonly decided: DecidedBy;
}

function nameOf({ metadata: { namespace, name } }: FollowedService): string {
  return `${namespace}/${name}`;
}

function hasFinalizer({ metadata }: FollowedService): boolean {
  return metadata.finalizers.includes(SERVICE_FINALIZER);
}

/** What a Service that is not served has of ours. Others use the same finalizer. */
function remainsOf(service: FollowedService, verdict: ServiceVerdict | undefined) {
  return {
    finalizer: hasFinalizer(service) && (service.ownFinalizer || verdict !== undefined),
    // One that is being deleted takes it along.
    condition: !service.metadata.deleting && hasCondition(service),
  };
}

type Remains = ReturnType<typeof remainsOf>;

/** Addresses of a load balancer that a change takes off a Service. */
function releasedBy(change: ClaimChange, { metadata }: FollowedService): string[] {
  const isReleased = change.releases.some(({ uid, by }) => uid === metadata.uid && by === undefined);
  return isReleased ? [canonical(addressOf(change))] : [];
}

/** Gives Services their addresses: finalizer, claims, status, in this order, so that whoever stops in between has lost nothing. */
export class ServiceStage implements Stage<ObservedCluster> {
  readonly name = 'service';
  readonly #settings: ServicesSettings;
  readonly #reserved: Reserved;
  readonly #dependencies: ServiceStageDependencies;
  readonly #claims: ClaimWriter;
  readonly #leaving = new LeavingServices();
  readonly #externalNews: ExternalNews;
  /** By uid: since when a Service waits for its addresses, by the monotonic clock. */
  readonly #waitingMs = new Map<string, number>();
  /** By namespace and name: what could not be written waits until all others had their turn. */
  readonly #failed = new Set<string>();

  constructor(settings: ServicesSettings, reserved: Reserved, dependencies: ServiceStageDependencies) {
    this.#settings = settings;
    this.#reserved = reserved;
    this.#dependencies = dependencies;
    this.#claims = new ClaimWriter(dependencies);
    this.#externalNews = new ExternalNews(dependencies);
  }

  decide(cluster: ObservedCluster): Decision {
    const services = this.#dependencies.caches.services.list();
    const unavailable = unavailableAddresses(cluster.state, this.#reserved);
    const allocation = allocate(this.#input(cluster, services, unavailable));
    const decided = new Map(services.map((service) => [service.metadata.uid, service]));
    this.#forgetGone(decided);
    const { ofServices, others } = sortChanges(allocation.claims, new Set(decided.keys()));
    const verdicts = new Map(allocation.services.map((verdict) => [verdict.service.metadata.uid, verdict]));
    const owned = new Set(cluster.state.claims.flatMap(({ spec }) => (spec.owners.length > 0 ? [spec.address] : [])));
    const found = services.map((service) => {
      const { uid } = service.metadata;
      const work = { service, changes: ofServices.get(uid) ?? [], decided };
      const verdict = verdicts.get(uid);
      return verdict?.serves === true
        ? this.#serve(work, verdict)
        : this.#part(work, verdict, { ...cluster, owned, unavailable });
    });
    const loose = others.map((change) => this.#loose(change, decided));
    const news = this.#externalNews.of(allocation.external);
    return this.#decision([...found, { writes: [...loose, ...news] }], this.#reviewAtMs(allocation));
  }

  #input(
    { state }: ObservedCluster,
    services: readonly FollowedService[],
    unavailable: ReadonlyMap<string, string>,
  ): AllocationInput {
    const { caches, clock } = this.#dependencies;
    return {
      pools: state.pools.map(servicePool),
      claims: state.claims,
      services,
      namespaces: new Map(caches.namespaces.list().map(({ metadata, labels }) => [metadata.name, labels])),
      unavailable,
      onNodes: reportedAddresses(state.plans),
      settings: this.#settings,
      nowMs: clock.wallMs(),
    };
  }

  #forgetGone(known: DecidedBy): void {
    const uids = new Set(known.keys());
    this.#leaving.keepOnly(uids);
    for (const uid of this.#waitingMs.keys()) if (!uids.has(uid)) this.#waitingMs.delete(uid);
    const names = new Set([...known.values()].map(nameOf));
    for (const name of this.#failed) if (!names.has(name)) this.#failed.delete(name);
  }

  #reviewAtMs({ reviewAtMs }: Allocation): number | undefined {
    const { clock } = this.#dependencies;
    return reviewAtMs === undefined ? undefined : clock.monotonicMs() + Math.max(0, reviewAtMs - clock.wallMs());
  }

  #decision(found: readonly Decision[], allocationReviewMs: number | undefined): Decision {
    const writes = found.flatMap((each) => each.writes);
    const [first, last] = [
      writes.filter(({ name }) => !this.#failed.has(name)),
      writes.filter(({ name }) => this.#failed.has(name)),
    ];
    const reviews = [...found.map(({ reviewAtMs }) => reviewAtMs), allocationReviewMs].filter((at) => at !== undefined);
    this.#dependencies.backlog.note(writes.length);
    if (writes.length > SERVICES_AT_ONCE) reviews.push(this.#dependencies.clock.monotonicMs());
    return {
      writes: [...first, ...last].slice(0, SERVICES_AT_ONCE),
      reviewAtMs: reviews.length === 0 ? undefined : Math.min(...reviews),
    };
  }

  #now(): string {
    return new Date(this.#dependencies.clock.wallMs()).toISOString();
  }

  /** One that failed is tried after the others. */
  #pending(service: FollowedService, write: () => Promise<void>): PendingWrite {
    const name = nameOf(service);
    return {
      name,
      write: async () => {
        this.#failed.add(name);
        await write();
        this.#failed.delete(name);
      },
    };
  }

  /** A claim of a Service that is gone. */
  #loose(change: ClaimChange, decided: DecidedBy): PendingWrite {
    const write = async () => {
      await this.#claims.write(change, decided);
    };
    return { name: addressOf(change), write };
  }

  #serve(work: Work, verdict: ServiceVerdict): Decision {
    const { service, changes } = work;
    const { uid } = service.metadata;
    this.#leaving.stay(service);
    const status = statusWork(verdict, service, this.#now());
    const needsFinalizer = !hasFinalizer(service) && verdict.addresses.length > 0;
    if (changes.length === 0 && status === undefined && !needsFinalizer) {
      // Another leader wrote it.
      if (verdict.ok) this.#waitingMs.delete(uid);
      return { writes: [] };
    }
    if (!this.#waitingMs.has(uid)) this.#waitingMs.set(uid, this.#dependencies.clock.monotonicMs());
    return { writes: [this.#pending(service, () => this.#writeServed(work, verdict, needsFinalizer))] };
  }

  async #writeServed(work: Work, verdict: ServiceVerdict, needsFinalizer: boolean): Promise<void> {
    const { writer, caches } = this.#dependencies;
    if (needsFinalizer && !this.#keep(work.service, await writer.addServiceFinalizer(work.service))) return;
    if (!(await this.#writeClaims(work))) return;
    const { namespace, name } = work.service.metadata;
    const service = caches.services.get(name, namespace);
    const status = service === undefined ? undefined : statusWork(verdict, service, this.#now());
    if (service === undefined || service.metadata.uid !== work.service.metadata.uid || status === undefined) return;
    if (!this.#keep(service, await writer.patchServiceStatus(service, status.patch))) return;
    this.#tell(status.news);
    if (verdict.ok) this.#measure(service);
  }

  #measure({ metadata: { uid } }: FollowedService): void {
    const { clock, reports } = this.#dependencies;
    const sinceMs = this.#waitingMs.get(uid);
    this.#waitingMs.delete(uid);
    if (sinceMs !== undefined) reports.allocated((clock.monotonicMs() - sinceMs) / 1000);
  }

  /** @returns false: something was not as decided, or is no longer this replica's business; the rest is left to the next decision */
  async #writeClaims({ service, changes, decided }: Work): Promise<boolean> {
    for (const change of changes) {
      if (!this.#dependencies.leads() || !(await this.#claims.write(change, decided))) return false;
      this.#tell(claimNews(service, change));
    }
    return this.#dependencies.leads();
  }

  #part(
    work: Work,
    verdict: ServiceVerdict | undefined,
    circumstances: Parameters<LeavingServices['part']>[2],
  ): Decision {
    const { service, changes } = work;
    const remains = remainsOf(service, verdict);
    if (changes.length === 0 && !remains.finalizer && !remains.condition) return { writes: [] };
    const released = [
      ...(verdict?.released ?? []).map(canonical),
      ...changes.flatMap((change) => releasedBy(change, service)),
    ];
    const parting = this.#leaving.part(service, released, circumstances);
    const status = service.metadata.deleting ? undefined : partingStatus(service, released, this.#now());
    const due = changes.length === 0 && parting.due;
    if (changes.length === 0 && status === undefined && !due) return { writes: [], reviewAtMs: parting.reviewAtMs };
    const write = async () => {
      if (!(await this.#writeClaims(work))) return;
      if (
        status !== undefined &&
        !this.#keep(service, await this.#dependencies.writer.patchServiceStatus(service, status))
      )
        return;
      if (due) await this.#letGo(service, remains, parting);
    };
    return { writes: [this.#pending(service, write)], reviewAtMs: parting.reviewAtMs };
  }

  async #letGo(service: FollowedService, remains: Remains, { late }: Parting): Promise<void> {
    const { writer } = this.#dependencies;
    if (late !== undefined) {
      const regarding = serviceReference(service.metadata);
      this.#tell([{ regarding, type: 'Warning', reason: 'AddressStillHeld', action: 'Release', note: late }]);
    }
    if (remains.finalizer && !this.#keep(service, await writer.removeServiceFinalizer(service))) return;
    if (!remains.condition) return;
    this.#keep(service, await writer.patchServiceStatus(service, WITHOUT_CONDITIONS));
  }

  /** Takes an answer into the cache. @returns false: the Service is gone, or goes by this */
  #keep(before: FollowedService, stored: FollowedService | undefined): boolean {
    const { services } = this.#dependencies.caches;
    const isGone = stored === undefined || (stored.metadata.deleting && stored.metadata.finalizers.length === 0);
    if (isGone) services.remove(stored ?? { metadata: { ...before.metadata } });
    else services.put(stored);
    return !isGone;
  }

  /** Not waited for: Events are news, and nothing must be late for them. */
  #tell(events: readonly ClusterEvent[]): void {
    if (events.length > 0) void this.#dependencies.recorder.record(events);
  }
}
