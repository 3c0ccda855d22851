import { claimName, type ServiceAddress } from '../../../api/service-address.ts';
import { allocate } from '../allocate.ts';
import type {
  Allocation,
  AllocationInput,
  ClaimChange,
  LoadBalancerService,
  ServicePool,
  ServiceVerdict,
} from '../types.ts';
import type { World } from './world.ts';

/** A kind of object that is followed. */
export type Kind = 'services' | 'claims' | 'pools';

/** Is shown every decision before it is carried out. */
export type DecisionGuard = (input: AllocationInput, allocation: Allocation) => void;

interface ControllerDependencies {
  readonly world: World;
  readonly guard: DecisionGuard;
  /** Orders what is done side by side. */
  readonly shuffle: <T>(items: readonly T[]) => T[];
}

/** Writes of one Service, in order. */
type Write = () => boolean;

/** Carries decisions out as the controller does: for each Service its writes in order, Services in any order, each from what it knows. */
export class FakeController {
  readonly #dependencies: ControllerDependencies;
  #services: ReadonlyMap<string, LoadBalancerService> = new Map();
  #claims: ReadonlyMap<string, ServiceAddress> = new Map();
  #pools: ReadonlyMap<string, ServicePool> = new Map();

  constructor(dependencies: ControllerDependencies) {
    this.#dependencies = dependencies;
    this.learn('services', 'claims', 'pools');
  }

  /** What it knows of these kinds is as new as can be. */
  learn(...kinds: readonly Kind[]): void {
    const { world } = this.#dependencies;
    if (kinds.includes('services')) this.#services = new Map(world.services);
    if (kinds.includes('claims')) this.#claims = new Map(world.claims);
    if (kinds.includes('pools')) this.#pools = new Map(world.pools);
  }

  /**
   * Decides, and writes.
   * @param most writes after which it is killed
   * @returns how many writes there were
   */
  run(most = Number.POSITIVE_INFINITY): number {
    const { world, guard, shuffle } = this.#dependencies;
    const input = {
      ...world.view(),
      services: [...this.#services.values()],
      claims: [...this.#claims.values()],
      pools: [...this.#pools.values()],
    };
    const allocation = allocate(input);
    guard(input, allocation);
    let written = 0;
    for (const writes of shuffle(this.#sequences(allocation))) {
      for (const write of writes) {
        if (written === most) return written;
        written++;
        if (!write()) break;
      }
    }
    return written;
  }

  #sequences({ services, claims }: Allocation): Write[][] {
    const left = new Set(claims);
    const verdicts = services.map((verdict) => {
      const { uid } = verdict.service.metadata;
      const own = [...left].filter((change) => firstConcerned(change, services) === uid);
      for (const change of own) left.delete(change);
      return this.#writesFor(verdict, own);
    });
    return [...verdicts, ...[...left].map((change) => [() => this.#writeClaim(change)])];
  }

  #writesFor({ service, serves, addresses, released }: ServiceVerdict, changes: readonly ClaimChange[]): Write[] {
    const { world } = this.#dependencies;
    const { uid } = service.metadata;
    const claims = changes.map((change) => () => this.#writeClaim(change));
    if (!serves) return [...claims, () => world.release(service) === 'done'];
    const published = service.ingress.map(({ ip }) => ip);
    const isPublished = published.join() === addresses.join() || (addresses.length === 0 && released.length === 0);
    const isHeld = service.metadata.finalizers.length > 0 || addresses.length === 0;
    return [
      ...(isHeld ? [] : [() => world.hold(uid) === 'done']),
      ...claims,
      ...(isPublished ? [] : [() => world.publish(uid, addresses) === 'done']),
    ];
  }

  #writeClaim(change: ClaimChange): boolean {
    const { world } = this.#dependencies;
    const isSure = change.releases.every(({ uid }) => {
      const stored = world.services.get(uid);
      return stored === undefined || isAsKnown(stored, this.#services.get(uid));
    });
    const rests = change.kind === 'create' ? [] : (change.restsOn ?? []);
    const isStill = rests.every(({ owner, address }) =>
      world.claims.get(claimName(address))?.spec.owners.some(({ uid }) => uid === owner.uid),
    );
    return isSure && isStill && world.writeClaim(change) === 'done';
  }
}

/** Whether nothing that a decision goes by has changed, its status included. */
function isAsKnown(stored: LoadBalancerService, known: LoadBalancerService | undefined): boolean {
  return known !== undefined && stored.metadata.resourceVersion === known.metadata.resourceVersion;
}

function firstConcerned(change: ClaimChange, services: readonly ServiceVerdict[]): string | undefined {
  const before = new Set(change.kind === 'create' ? [] : change.claim.spec.owners.map(({ uid }) => uid));
  const gains = change.kind === 'delete' ? [] : change.spec.owners.filter(({ uid }) => !before.has(uid));
  const known = new Set(services.map(({ service }) => service.metadata.uid));
  return [...gains, ...change.releases].find(({ uid }) => known.has(uid))?.uid;
}
