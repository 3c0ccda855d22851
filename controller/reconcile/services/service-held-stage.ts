import type { ServiceAddress } from '../../../api/service-address.ts';
import type { Clock } from '../../../common/clock.ts';
import { withoutInstance } from '../../events/local-services.ts';
import type { FollowedService } from '../../kubernetes/load-balancer-service.ts';
import type { ServiceStatusPatch, ServiceWriter } from '../../kubernetes/service-api.ts';
import { HELD_CONDITION } from '../../services/annotations.ts';
import { isMarked } from '../../services/serving.ts';
import { few } from '../../text/sentences.ts';
import { conditionOf, type Verdict } from '../conditions.ts';
import type { Decision, PendingWrite, PlannedCluster, Stage } from '../stage.ts';
import { heldVerdict, plannedForSeveral } from './held.ts';
import type { ServiceCaches } from './service-cluster.ts';

interface ServiceHeldStageDependencies {
  readonly caches: Pick<ServiceCaches, 'services' | 'claims'>;
  readonly writer: Pick<ServiceWriter, 'patchServiceStatus'>;
  readonly clock: Clock;
}

/** Longer than an address takes to move: that it is nowhere for so long is news, and of one Service the condition is not written more often. */
const STEADY_MS = 2000;
/** Of all Services so many conditions are written in such a time: what Services get must not be late for them. */
const WRITES_IN_WINDOW = 200;
const WINDOW_MS = 1000;

/** What is to be said of a Service; null: nothing, but something was. */
interface Desired {
  readonly service: FollowedService;
  readonly verdict: Verdict | null;
}

/** By uid of the load balancer: the claims of what it has. */
function claimsByBalancer(claims: readonly ServiceAddress[]): Map<string, ServiceAddress[]> {
  const byUid = new Map<string, ServiceAddress[]>();
  for (const claim of claims) {
    for (const { uid, by } of claim.spec.owners) {
      if (by === undefined) byUid.set(uid, [...(byUid.get(uid) ?? []), claim]);
    }
  }
  return byUid;
}

/** What is wrong with the first address that something is wrong with; if with none, who has which. */
function serviceVerdict(claims: readonly ServiceAddress[], verdictOn: (claim: ServiceAddress) => Verdict): Verdict {
  const all = claims.map((claim) => ({ address: claim.spec.address, verdict: verdictOn(claim) }));
  const bad = all.filter(({ verdict }) => verdict.status !== 'True');
  const { status, reason } = (bad[0] ?? all[0])?.verdict ?? { status: 'False', reason: 'NotHeld' };
  const said = (bad.length > 0 ? bad : all).map(({ address, verdict: { message } }) =>
    message.startsWith('held ') ? `${address} is ${message}` : message,
  );
  return { type: HELD_CONDITION, status, reason, message: few(said) };
}

function saidOf({ conditions }: FollowedService) {
  return conditions.find(({ type }) => type === HELD_CONDITION);
}

function isSaid({ service, verdict }: Desired): boolean {
  const said = saidOf(service);
  if (verdict === null || said === undefined) return verdict === null && said === undefined;
  return said.status === verdict.status && said.reason === verdict.reason && said.message === verdict.message;
}

/** Says of every Service that has addresses whether one node has each of them, and which. */
export class ServiceHeldStage implements Stage {
  readonly name = 'service_held';
  readonly #dependencies: ServiceHeldStageDependencies;
  /** By uid: since when not every address of it has one holder, by the monotonic clock. */
  readonly #troubledMs = new Map<string, number>();
  /** By uid: when it was written last. */
  readonly #writtenMs = new Map<string, number>();
  #window = { sinceMs: Number.NEGATIVE_INFINITY, writes: 0 };

  constructor(dependencies: ServiceHeldStageDependencies) {
    this.#dependencies = dependencies;
  }

  decide(cluster: PlannedCluster): Decision {
    const { clock, caches } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    const services = caches.services.list();
    this.#forgetGone(services);
    const dated = this.#desired(cluster, services)
      .map((each) => ({ ...each, dueMs: this.#dueMs(each, nowMs) }))
      .filter(({ dueMs }) => Number.isFinite(dueMs));
    const due = dated.filter(({ dueMs }) => dueMs <= nowMs);
    const room = this.#room(nowMs);
    const reviews = dated.map(({ dueMs }) => dueMs).filter((dueMs) => dueMs > nowMs);
    if (due.length > room) reviews.push(this.#window.sinceMs + WINDOW_MS);
    const writes = due.slice(0, room).map((each) => this.#pending(each));
    this.#window.writes += writes.length;
    return { writes, reviewAtMs: reviews.length === 0 ? undefined : Math.min(...reviews) };
  }

  #desired({ plan, holders }: PlannedCluster, services: readonly FollowedService[]): Desired[] {
    const claims = claimsByBalancer(this.#dependencies.caches.claims.list());
    const without = withoutInstance(plan);
    const several = plannedForSeveral(plan);
    const verdictOn = (claim: ServiceAddress) => {
      const { address } = claim.spec;
      const [known, exhausted] = [holders.get(address) ?? [], without.get(address)];
      return heldVerdict(claim, { holders: known, exhausted, several: several.get(address) });
    };
    return services
      .filter(({ metadata }) => !metadata.deleting)
      .map((service) => {
        const own = claims.get(service.metadata.uid) ?? [];
        const has = own.length > 0 && isMarked(service);
        return { service, verdict: has ? serviceVerdict(own, verdictOn) : null };
      });
  }

  /** When a condition may be written; Infinity: it need not be. */
  #dueMs(desired: Desired, nowMs: number): number {
    const { service, verdict } = desired;
    const { uid } = service.metadata;
    const isTroubled = verdict !== null && verdict.status !== 'True';
    if (!isTroubled) this.#troubledMs.delete(uid);
    else if (!this.#troubledMs.has(uid)) this.#troubledMs.set(uid, nowMs);
    if (isSaid(desired)) return Number.POSITIVE_INFINITY;
    const steadyMs = isTroubled ? (this.#troubledMs.get(uid) ?? nowMs) + STEADY_MS : nowMs;
    return Math.max(steadyMs, (this.#writtenMs.get(uid) ?? Number.NEGATIVE_INFINITY) + STEADY_MS);
  }

  /** How many more may be written now. */
  #room(nowMs: number): number {
    if (nowMs >= this.#window.sinceMs + WINDOW_MS) this.#window = { sinceMs: nowMs, writes: 0 };
    return WRITES_IN_WINDOW - this.#window.writes;
  }

  #pending({ service, verdict }: Desired): PendingWrite {
    const { writer, caches, clock } = this.#dependencies;
    const { namespace, name, uid } = service.metadata;
    return {
      name: `${namespace}/${name}`,
      write: async () => {
        this.#writtenMs.set(uid, clock.monotonicMs());
        const stored = await writer.patchServiceStatus(service, this.#patch(service, verdict));
        if (stored !== undefined) caches.services.put(stored);
      },
    };
  }

  #patch({ conditions }: FollowedService, verdict: Verdict | null): ServiceStatusPatch {
    if (verdict === null) return { conditions: [{ type: HELD_CONDITION, $patch: 'delete' }] };
    const known = { metadata: {}, status: { conditions: conditions as never } };
    const now = new Date(this.#dependencies.clock.wallMs()).toISOString();
    return { conditions: [conditionOf(verdict, known, now)] };
  }

  #forgetGone(services: readonly FollowedService[]): void {
    const uids = new Set(services.map(({ metadata }) => metadata.uid));
    for (const times of [this.#troubledMs, this.#writtenMs]) {
      for (const uid of times.keys()) if (!uids.has(uid)) times.delete(uid);
    }
  }
}
